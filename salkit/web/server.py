"""The server of the page: it answers this machine's browser, and talks to nobody."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ConfigError
from ..utils.folders import unfinished_folder
from .service import Service
from .uploads import MEGABYTE

# Only this server's own parts: scripts of the page are inline, its plots are compiled in place.
_HEADERS = {
    'content-security-policy': "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
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


class Guard:
    """Refuses requests that other web pages make in this browser, and forbids foreign content.

    A `local` server is reached from this machine only: its name must then be the machine's own,
    whatever a foreign name server says of another.
    """

    def __init__(self, app: ASGIApp, local: bool) -> None:
        self.app = app
        self.local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message['type'] == 'http.response.start':
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        host = urlsplit(f'//{headers.get("host", "")}')
        origin = urlsplit(headers.get('origin', f'//{host.netloc}'))
        answer = self.app
        if self.local and not is_loopback(host.hostname or ''):
            answer = PlainTextResponse('this page is for this machine only', 403)
        elif origin.netloc != host.netloc and scope['method'] not in ('GET', 'HEAD'):
            answer = PlainTextResponse('requests of other pages are refused', 403)
        await answer(scope, receive, send_with_policy)


def build_app(service: Service, local: bool = True) -> FastAPI:
    """The page of a service and its files, guarded; `local` as for `Guard`."""
    # Not before `use_only`.
    import gradio as gr

    from .page import Page

    # Their names are secrets: Gradio gives what lies there to whoever knows the path.
    gr.set_static_paths(service.sessions)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    blocks = Page(service).blocks
    gr.mount_gradio_app(
        app,
        blocks,
        '/',
        footer_links=[],
        app_kwargs=dict(docs_url=None, redoc_url=None, openapi_url=None),
        max_file_size=int(service.limits.megabytes * MEGABYTE),
        enable_monitoring=False,
        # The system's fonts: none is fetched.
        theme=gr.themes.Default(font=('system-ui', 'sans-serif'), font_mono=('ui-monospace',)),
    )
    # Only then does Gradio refuse paths that are no uploads.
    blocks.has_launched = True
    app.add_middleware(Guard, local=local)
    return app


class _Server(uvicorn.Server):
    """Closes open pages without a word."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Open pages hold connections, which are cut: each would be logged as an error.
        logging.getLogger('uvicorn.error').setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def run_server(app: FastAPI, listening: socket.socket) -> None:
    """Answer requests until the process is ended."""
    config = uvicorn.Config(
        app, log_level='warning', access_log=False, timeout_graceful_shutdown=1, lifespan='on'
    )
    _Server(config).run(sockets=[listening])
