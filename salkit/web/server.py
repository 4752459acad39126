"""The server of the page: it answers this machine's browser, and talks to nobody."""

from __future__ import annotations

import ipaddress
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .service import Service

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
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError, OverflowError) as error:
        raise ConfigError(f'--host {host}: no such address ({error})') from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        reason = error.strerror or error
        raise ConfigError(
            f'port {port} of {host} cannot be used ({reason}); --port takes another'
        ) from None
    return listening


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for all that the server writes, which only its user may read.

    Those of servers that were killed are removed first.
    """
    top = Path(tempfile.gettempdir())
    for left in top.glob(f'{_PREFIX}*'):
        if _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with open(folder / _LOCK, 'w') as lock:
            _try_lock(lock)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _try_lock(file) -> bool:
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def _is_abandoned(folder: Path) -> bool:
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return False
        with open(folder / _LOCK) as lock:
            return _try_lock(lock)
    except (OSError, AttributeError):
        # No lock yet: it has just been made.
        return False


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

    def __init__(self, app: Callable, local: bool) -> None:
        self.app = app
        self.local = local

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Answer one request."""
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return
        from starlette.datastructures import Headers, MutableHeaders
        from starlette.responses import PlainTextResponse

        headers = Headers(scope=scope)
        host = urlsplit(f'//{headers.get("host", "")}')
        origin = urlsplit(headers.get('origin', ''))
        if self.local and not is_loopback(host.hostname or ''):
            refusal = PlainTextResponse('this page is for this machine only', 403)
            await refusal(scope, receive, send)
            return
        changes = scope['method'] not in ('GET', 'HEAD')
        if changes and 'origin' in headers and origin.netloc != host.netloc:
            refusal = PlainTextResponse('requests of other pages are refused', 403)
            await refusal(scope, receive, send)
            return

        async def send_with_policy(message: dict) -> None:
            if message['type'] == 'http.response.start':
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_policy)


def build_app(service: Service, local: bool = True) -> FastAPI:
    """The whole site: the page, and the files of results.

    Args:
        service: does the work.
        local: whether only this machine can open the page.
    """
    import gradio as gr
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import FileResponse, PlainTextResponse

    from . import html
    from .page import Page, theme
    from .uploads import MEGABYTE

    class ResultFile(FileResponse):
        async def __call__(self, scope, receive, send) -> None:
            try:
                await super().__call__(scope, receive, send)
            except RuntimeError:
                if self.path.exists():
                    raise
                # Its page was closed just now.
                await PlainTextResponse('gone', 404)(scope, receive, send)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get('/results/{token}/{kind}')
    def result(token: str, kind: str, download: bool = False) -> FileResponse:
        found = service.result_file(token, kind)
        if found is None:
            raise HTTPException(404)
        path, name = found
        headers = {'cache-control': 'no-store'}
        return ResultFile(
            path,
            headers=headers,
            filename=name,
            content_disposition_type='attachment' if download else 'inline',
        )

    gr.mount_gradio_app(
        app,
        Page(service, local).blocks,
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
    app.add_middleware(Guard, local=local)
    return app


def run_server(app: FastAPI, listening: socket.socket, on_start: Callable[[], None]) -> None:
    """Answer requests until the process is told to end.

    Args:
        app: of `build_app`.
        listening: of `bind`.
        on_start: is called when the page can be opened.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets=None) -> None:
            await super().startup(sockets)
            on_start()

        async def shutdown(self, sockets=None) -> None:
            # Open pages hold connections, which are cut: each would be told as an error.
            logging.getLogger('uvicorn.error').setLevel(logging.CRITICAL)
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app, log_level='warning', access_log=False, timeout_graceful_shutdown=1, lifespan='on'
    )
    Server(config).run(sockets=[listening])
