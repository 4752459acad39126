"""The server of the page: it answers this machine's browser, and talks to nobody."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, PlainTextResponse
from filelock import FileLock, Timeout
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ConfigError
from . import html
from .service import Service
from .uploads import MEGABYTE

_PREFIX = 'salkit-serve-'
_LOCK = 'lock'
# Only this server's own parts: scripts of the page are inline, its plots are compiled in place.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = {
    'content-security-policy': _POLICY,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
}


def is_loopback(host: str) -> bool:
    """Whether a host's address is reached from this machine only."""
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host.strip('[]')).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens, so that a port in use is known before a model is loaded.

    Args:
        host: name or address.
        port: 0 for any that is free.

    Raises:
        ConfigError: the port is in use or forbidden, or there is no such host.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise ConfigError(f'--host {host}: no such address ({error})') from None
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(
            f'port {port} of {host} cannot be used ({reason}); --port takes another'
        ) from None


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for all that the server writes, which only its user may read.

    Those of servers that were killed are removed first.
    """
    for lock in Path(tempfile.gettempdir()).glob(f'{_PREFIX}*/{_LOCK}'):
        # What other users have made is let be, and so is what a server holds that is at work.
        if lock.parent.lstat().st_uid != getattr(os, 'getuid', int)():
            continue
        with contextlib.suppress(OSError, Timeout), FileLock(lock, timeout=0):
            shutil.rmtree(lock.parent, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with FileLock(folder / _LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
        GRADIO_ALLOWED_PATHS='',
        HF_HUB_OFFLINE='1',
        HF_HUB_DISABLE_TELEMETRY='1',
        SALKIT_CACHE=str(folder / 'cache'),
    )


class Guard:
    """Refuses requests that other web pages make in this browser, and forbids foreign content.

    Args:
        app: what is guarded.
        local: whether the server is reached from this machine only: its name must then be the
            machine's own, whatever a foreign name server says of another.
    """

    def __init__(self, app: ASGIApp, local: bool) -> None:
        self.app = app
        self.local = local

    def _refusal(self, method: str, headers: Headers) -> str:
        """Why a request is refused; '' for one that is answered."""
        host = urlsplit(f'//{headers.get("host", "")}')
        origin = urlsplit(headers.get('origin', ''))
        if self.local and not is_loopback(host.hostname or ''):
            return 'this page is for this machine only'
        if method not in ('GET', 'HEAD') and 'origin' in headers and origin.netloc != host.netloc:
            return 'requests of other pages are refused'
        return ''

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message['type'] == 'http.response.start':
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refusal = self._refusal(scope['method'], Headers(scope=scope))
        answer = PlainTextResponse(refusal, 403) if refusal else self.app
        await answer(scope, receive, send_with_policy)


def build_app(service: Service, local: bool = True) -> FastAPI:
    """The whole site: the page, and the files of results.

    Args:
        service: does the work.
        local: whether only this machine can open the page.
    """
    # Not before `use_only`.
    import gradio as gr

    from .page import Page, theme

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get('/results/{token}/{kind}')
    def result(token: str, kind: str, download: bool = False) -> FileResponse:
        path = service.result_file(token, kind)
        try:
            found = None if path is None else path.stat()
        except FileNotFoundError:
            # Its page was closed just now.
            found = None
        if path is None or found is None:
            raise HTTPException(404)
        return FileResponse(
            path,
            headers={'cache-control': 'no-store'},
            filename=path.name,
            stat_result=found,
            content_disposition_type='attachment' if download else 'inline',
        )

    blocks = Page(service, local).blocks
    gr.mount_gradio_app(
        app,
        blocks,
        '/',
        footer_links=[],
        run_history=False,
        app_kwargs=dict(docs_url=None, redoc_url=None, openapi_url=None),
        max_file_size=int(service.limits.megabytes * MEGABYTE),
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        css=html.CSS,
    )
    # Only then does Gradio refuse paths that are no uploads.
    blocks.has_launched = True
    app.add_middleware(Guard, local=local)
    return app


class _Server(uvicorn.Server):
    """Says when the page can be opened, and closes open pages without a word."""

    on_start: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Open pages hold connections, which are cut: each would be logged as an error.
        logging.getLogger('uvicorn.error').setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def run_server(app: FastAPI, listening: socket.socket, on_start: Callable[[], None]) -> None:
    """Answer requests until the process is ended.

    Args:
        app: of `build_app`.
        listening: of `bind`.
        on_start: is called when the page can be opened.
    """
    config = uvicorn.Config(
        app, log_level='warning', access_log=False, timeout_graceful_shutdown=1, lifespan='on'
    )
    server = _Server(config)
    server.on_start = on_start
    server.run(sockets=[listening])
