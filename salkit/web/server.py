"""The server of the page: it answers this machine's browser, and talks to nobody."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import uvicorn
from fastapi import FastAPI, HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..errors import ConfigError, DataError
from ..utils.folders import unfinished_folder
from .examples import EXAMPLES
from .guard import Guard
from .service import Service
from .uploads import safe_name

# A connection closes where no request comes whole in this time, or an answer is not taken.
HEADER_SECONDS = 10.0
ANSWER_SECONDS = 60.0
CONNECTIONS = 400


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens, so that a port in use is known before a model is loaded.

    Raises:
        ConfigError: the port is in use or forbidden, or there is no such host.
    """
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        return socket.create_server((host.strip('[]'), port), family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f'port {port} of {host} cannot be used ({error}); --port takes another'
        ) from None


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for all that the server writes, which only its user may read.

    Those of servers that were killed are removed first.
    """
    user = getattr(os, 'getuid', int)()
    with unfinished_folder(Path(tempfile.gettempdir()).resolve(), f'salkit-serve-{user}') as folder:
        folder.chmod(0o700)
        yield folder


def use_only(folder: Path) -> None:
    """Let Gradio and the reader of videos write below `folder` only, and Gradio call nobody.

    Has to come before Gradio is imported, and after what may be fetched for the model.
    """
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED='False',
        GRADIO_TEMP_DIR=str(folder / 'uploads'),
        GRADIO_RUN_HISTORY='False',
        GRADIO_SSR_MODE='False',
        GRADIO_MCP_SERVER='False',
        HF_HUB_OFFLINE='1',
        HF_HUB_DISABLE_TELEMETRY='1',
        SALKIT_CACHE=str(folder / 'cache'),
    )


def _add_upload(app: FastAPI, service: Service) -> None:
    """Receive uploads, in place of Gradio, which takes any number and knows not whose they are."""

    @app.post('/gradio_api/upload')
    async def upload(request: Request) -> JSONResponse:
        if not request.headers.get('content-type', '').startswith('multipart/form-data'):
            raise HTTPException(400, 'expected a form with a file')
        length = request.headers.get('content-length')
        # Of the form, which is a little larger.
        size = min(int(length), service.limits.bytes) if length else service.limits.bytes
        try:
            with service.uploads.receiving(request.state.visitor, size) as folder:
                async with request.form(max_files=1, max_fields=1) as form:
                    file = form.get('files')
                    if not isinstance(file, UploadFile):
                        raise HTTPException(400, 'expected a file')
                    folder.mkdir()
                    path = folder / safe_name(file.filename or '')
                    with open(path, 'xb') as kept:
                        await run_in_threadpool(shutil.copyfileobj, file.file, kept, 1 << 20)
        except DataError as error:
            raise HTTPException(413, str(error)) from None
        return JSONResponse(folder.name)


def _add_page(app: FastAPI, service: Service, setup: Mapping[str, object]) -> None:
    """The page, its examples and its files."""
    static = Path(__file__).parent / 'static'
    # It stands in an element of the page: nothing in it may close that.
    told = json.dumps(setup).replace('<', '\\u003c')
    page = (static / 'index.html').read_text('utf-8').replace('{setup}', told)

    @app.api_route('/', methods=['GET', 'HEAD'])
    async def index() -> HTMLResponse:
        return HTMLResponse(page)

    @app.get('/examples/{number}')
    def example(number: int) -> Response:
        if not 0 <= number < len(EXAMPLES):
            raise HTTPException(404, 'there is no such example')
        return Response(EXAMPLES[number].thumbnail(), media_type='image/jpeg')

    @app.api_route('/files/{name:path}', methods=['GET', 'HEAD'])
    def file(name: str, request: Request) -> FileResponse:
        path = service.file(name, request.state.visitor)
        if path is None:
            raise HTTPException(403, 'this file is not given')
        return FileResponse(path, headers={'cache-control': 'private, no-store'})

    app.mount('/static', StaticFiles(directory=static))


def build_app(service: Service, local: bool = True) -> FastAPI:
    """The page of a service and its files, guarded; `local` as for `Guard`."""
    # Not before `use_only`.
    import gradio as gr

    from .page import Page

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    page = Page(service)
    _add_upload(app, service)
    _add_page(app, service, page.setup())
    gr.mount_gradio_app(
        app,
        page.blocks,
        '/',
        app_kwargs=dict(docs_url=None, redoc_url=None, openapi_url=None),
        enable_monitoring=False,
        # Its errors name files of the server; ours are in what the page is told.
        show_error=False,
    )
    app.add_middleware(Guard, service=service, functions=page.functions.values(), local=local)
    return app


class _Connection(H11Protocol):
    """Closes where a client keeps it waiting, which uvicorn itself does between requests only."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._untaken: asyncio.TimerHandle | None = None
        if len(self.connections) > CONNECTIONS:
            self.transport.abort()
        self.loop.call_later(HEADER_SECONDS, self._look, None)

    def _look(self, seen: object) -> None:
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.cycle is seen and not answering:
            # Since the last look no request has come whole.
            self.transport.abort()
        else:
            self.loop.call_later(HEADER_SECONDS, self._look, self.cycle)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._untaken = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._untaken is not None:
            self._untaken.cancel()


class _Server(uvicorn.Server):
    """Closes open pages without a word."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Open pages hold connections, which are cut: each would be logged as an error.
        logging.getLogger('uvicorn.error').setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def run_server(app: FastAPI, listening: socket.socket) -> None:
    """Answer requests until the process is ended."""
    config = uvicorn.Config(
        app,
        http=_Connection,
        ws='none',
        log_level='warning',
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan='on',
    )
    _Server(config).run(sockets=[listening])
