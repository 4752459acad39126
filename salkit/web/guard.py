"""What reaches Gradio: requests of the page's own browser, for what the page needs, in time."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import secrets
import time
from collections.abc import Container, Iterator
from contextlib import ExitStack

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import DataError, printable
from .service import Service

# Only this server's own files: no script or style in the page itself, nothing of other hosts.
_HEADERS = {
    'content-security-policy': "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
}
# What the page asks for. Gradio answers much else: calls without a page, streams, proxies, files.
_GET = re.compile(
    r'/|/static/[\w.-]{1,40}|/examples/\d|/files/.{1,2000}'
    r'|/gradio_api/(?:(?P<answers>queue/data)|heartbeat/(?P<session>\w{1,64}))'
)
_POST = re.compile(r'/gradio_api/(?:queue/join|(?P<upload>upload))')
_ASKED = ('data', 'fn_index', 'session_hash')
_HOST = re.compile(r'(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z_.-]+))(?::(\d{1,5}))?')
# Of what is asked, and of the form around an upload.
_MOST_BYTES = 100_000
# A body has this time, and more for every byte of it.
BODY_SECONDS = 20.0
_BYTES_PER_SECOND = 4000


def is_loopback(host: str) -> bool:
    """Whether a host's address is reached from this machine only."""
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host.strip('[]')).is_loopback
    except ValueError:
        return False


def _bounded(request: Request, receive: Receive, most: int) -> Receive:
    """Receive a body of at most `most` bytes, which comes at a fair pace."""
    # h11 has made sure that it is a number.
    if int(request.headers.get('content-length', 0)) > most:
        raise HTTPException(413, f'too large: at most {most} bytes are taken')
    began, count, whole = time.monotonic(), 0, False

    async def bounded() -> Message:
        nonlocal count, whole
        if whole:
            # Waits for the end of the connection.
            return await receive()
        until = began + BODY_SECONDS + count / _BYTES_PER_SECOND
        try:
            message = await asyncio.wait_for(receive(), max(0.0, until - time.monotonic()))
        except asyncio.TimeoutError:
            raise HTTPException(408, 'the request came too slowly') from None
        count += len(message.get('body', b''))
        if count > most:
            raise HTTPException(413, f'too large: at most {most} bytes are taken')
        whole = not message.get('more_body', False)
        return message

    return bounded


def _parts(asked: object) -> Iterator[object]:
    """Texts and dicts at any depth."""
    values = [asked]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += [*value, *value.values()]
        elif isinstance(value, list):
            values += value
        yield value


class Guard:
    """Refuses what the page does not ask, and what other pages ask in its name.

    A visitor is a browser, known by a cookie: only it may name its uploads, pages and files. A
    `local` server is reached from this machine only: its name must then be the machine's own,
    whatever a foreign name server says of another. What the page calls are `functions`, by Gradio's
    numbers.
    """

    def __init__(
        self, app: ASGIApp, service: Service, functions: Container[object], local: bool
    ) -> None:
        self.app = app
        self.service = service
        self.functions = functions
        self.local = local
        # Servers at other ports of a machine get each other's cookies.
        self._cookie = f'salkit-{secrets.token_hex(4)}'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        visitor = request.state.visitor = request.cookies.get(self._cookie, '')

        async def send_with_policy(message: Message) -> None:
            if message['type'] == 'http.response.start':
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if scope['path'] == '/' and not visitor:
                    cookie = f'{self._cookie}={secrets.token_hex(16)}; Path=/'
                    # Strict would not come with a link of another page, which then had it anew.
                    headers.append('set-cookie', f'{cookie}; HttpOnly; SameSite=Lax')
            await send(message)

        with ExitStack() as connected:
            answer = self.app
            try:
                route = self._route(request)
                upload = request.method == 'POST' and route['upload']
                most = self.service.limits.bytes if upload else 0
                receive = _bounded(request, receive, most + _MOST_BYTES)
                if request.method != 'POST':
                    self._look(request, route, connected)
                elif not upload:
                    receive = await self._ask(request, receive)
            except HTTPException as error:
                answer = PlainTextResponse(error.detail, error.status_code)
            except DataError as error:
                answer = PlainTextResponse(str(error), 403)
            await answer(scope, receive, send_with_policy)

    def _route(self, request: Request) -> re.Match[str]:
        """What is asked for, by a page of this server."""
        host = _HOST.fullmatch(request.headers.get('host', ''))
        if host is None or int(host[3] or 0) > 65535:
            raise HTTPException(400, 'expected the name of this host')
        if self.local and not is_loopback((host[1] or host[2]).lower()):
            raise HTTPException(403, 'this page is for this machine only')
        origin = request.headers.get('origin', f'http://{host[0]}').lower()
        if origin not in (f'http://{host[0]}'.lower(), f'https://{host[0]}'.lower()):
            raise HTTPException(403, 'requests of other pages are refused')
        # A picture or frame in another page, which says no origin; a link may lead to the page.
        asked_by = request.headers.get('sec-fetch-site', 'none')
        if request.scope['path'] != '/' and asked_by not in ('none', 'same-origin'):
            raise HTTPException(403, 'requests of other pages are refused')
        routes = {'GET': _GET, 'HEAD': _GET, 'POST': _POST}.get(request.method)
        route = routes and routes.fullmatch(request.scope['path'])
        if not route:
            raise HTTPException(404, 'there is no such page')
        return route

    def _look(self, request: Request, route: re.Match[str], connected: ExitStack) -> None:
        """Let a page look at what is its own."""
        key = route['session']
        if route['answers']:
            key = request.query_params.get('session_hash')
        if key:
            session = self.service.session(key, request.state.visitor)
            connected.enter_context(session.connected())

    async def _ask(self, request: Request, receive: Receive) -> Receive:
        """Read what a page asks for, and leave in it what Gradio needs to know."""
        body, more = b'', True
        while more:
            message = await receive()
            body += message.get('body', b'')
            more = message.get('more_body', False)
        try:
            sent = json.loads(body)
            asked = {name: sent[name] for name in _ASKED if name in sent}
            # What nests too deeply fails here, not later; so does what is no JSON.
            json.dumps(asked, allow_nan=False)
            if asked['fn_index'] not in self.functions:
                raise KeyError('fn_index')
            self.service.session(str(asked['session_hash']), request.state.visitor)
        except (ValueError, TypeError, KeyError, RecursionError):
            raise HTTPException(400, 'expected what the page asks') from None
        for part in _parts(sent):
            if isinstance(part, str) and printable(part) != part:
                # Gradio prints what it does not understand.
                raise HTTPException(400, 'expected text without control characters')
            if isinstance(part, dict) and part.keys() & {'path', 'url', 'meta'}:
                # What Gradio may take for a file, or for an address to fetch.
                raise HTTPException(403, 'files are named by their uploads only')
        messages = [{'type': 'http.request', 'body': json.dumps(asked).encode()}]

        async def replayed() -> Message:
            return messages.pop() if messages else await receive()

        return replayed
