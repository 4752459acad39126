"""What a real server answers to whom, over HTTP."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from PIL import Image

# Not imported: each process that runs tests looks at this.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec('gradio') is None, reason='gradio is not installed'),
]
FILE = {'_type': 'gradio.FileData'}


class Visitor:
    """A browser without a window: it keeps the page's cookie."""

    def __init__(self, server, session='one', with_cookie=True):
        self.host = urlsplit(server.address).netloc
        self.session, self.cookie = session, {}
        _, headers, page = self.ask('GET', '/')
        assert 'unsafe' not in headers['content-security-policy']
        setup = page.split(b'<script id="setup" type="application/json">')[1].split(b'</script>')[0]
        setup = json.loads(setup)
        self.functions = setup['functions']
        self.sources = [model['name'] for model in setup['models']]
        if with_cookie:
            given = headers['set-cookie']
            assert 'HttpOnly' in given and 'SameSite=Lax' in given
            self.cookie = {'Cookie': given.split(';')[0]}

    def ask(self, method, path, body=None, **headers):
        """Status, headers and content of an answer."""
        connection = http.client.HTTPConnection(self.host, timeout=20)
        headers = {name.replace('_', '-'): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, {**self.cookie, **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def post(self, path, asked):
        return self.ask('POST', path, json.dumps(asked), Content_Type='application/json')

    def upload(self, *names, content=b'x' * 100, **headers):
        """Upload files; what takes the first, or the status where they are refused."""
        parts = [
            b'--edge\r\nContent-Disposition: form-data; name="files"; filename="'
            + name.encode()
            + b'"\r\nContent-Type: video/mp4\r\n\r\n'
            + content
            for name in names
        ]
        body = b'\r\n'.join([*parts, b'--edge--\r\n'])
        headers.setdefault('Content_Type', 'multipart/form-data; boundary=edge')
        status, _, said = self.ask('POST', '/gradio_api/upload?upload_id=a', body, **headers)
        return json.loads(said) if status == 200 else status

    def asked(self, name, **asked):
        """What the page sends to ask for something."""
        number = self.functions[name]
        return dict(data=[dict(turn=1) | asked], fn_index=number, session_hash=self.session)

    def join(self, name, **asked):
        """Status of a question."""
        return self.post('/gradio_api/queue/join', self.asked(name, **asked))[0]

    def answer(self):
        """All that the server says of this session's events."""
        said = self.ask('GET', f'/gradio_api/queue/data?session_hash={self.session}')
        return said[0], said[2].decode()

    def call(self, name, **asked):
        """Ask, and what the page is told."""
        assert self.join(name, **asked) == 200
        for line in self.answer()[1].splitlines():
            message = json.loads(line.removeprefix('data: ') or '{}')
            if message.get('msg') == 'process_completed':
                return message['output']['data'][0]
        raise AssertionError('there was no answer')


def file_data(path, **more):
    return dict(path=str(path), meta=FILE, **more)


@pytest.fixture(scope='module')
def server(tiny, start_server):
    """A server that waits for two seconds, and whose predictions never end."""
    change = (
        'import time; from salkit.web import guard, server, service; guard.BODY_SECONDS = 2.0; '
        'server.HEADER_SECONDS = server.ANSWER_SECONDS = service.CLOSING_SECONDS = 2.0; '
        "service.Session.begin = lambda *a: (print('begun', flush=True), time.sleep(600))"
    )
    arguments = ('--model', tiny[0], '--checkpoint', tiny[1], '--max-mb', 1)
    return start_server(*arguments, change=change)


# Files that were not uploaded ------------------------------------------------------------------


@pytest.fixture
def canary():
    """The address of a server that nobody may ask, and what it was asked."""
    asked = []
    listening = socket.create_server(('127.0.0.1', 0))

    def listen():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            asked.append(connection.recv(1000))
            connection.close()

    threading.Thread(target=listen, daemon=True).start()
    yield f'http://127.0.0.1:{listening.getsockname()[1]}/a.png', asked
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def all_routes(app, prefix=''):
    """Path and methods of all that an app answers, what is mounted in it included."""
    for route in getattr(app, 'routes', ()):
        inner = getattr(route, 'app', None) or getattr(route, 'original_router', None)
        if hasattr(route, 'methods'):
            yield prefix + route.path, sorted(route.methods)
        elif inner is not None:
            yield from all_routes(inner, prefix + getattr(route, 'path', ''))


def test_every_route_refuses_what_was_not_uploaded(
    server, clips, canary, predictor, tmp_path, monkeypatch
):
    from salkit.web.server import build_app
    from salkit.web.service import Service

    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path))
    service = Service({'tiny': predictor}, tmp_path / 'serve')
    routes = list(all_routes(build_app(service)))
    service.close()
    assert len(routes) > 50, 'Gradio has many'
    secret = clips('picture.png').read_bytes()
    os.mkfifo(tmp_path / 'pipe.png')
    named = [clips('picture.png'), tmp_path / 'pipe.png', tmp_path, canary[0]]
    shapes = [
        lambda file: dict(data=[file]),
        lambda file: dict(data=[[{'a': [file]}], 0.5]),
        lambda file: dict(data=[], event_data=file),
        lambda file: dict(data=file),
        lambda file: dict(data=[json.loads('[' * 50 + json.dumps(file) + ']' * 50)]),
    ]
    visitor = Visitor(server)

    def check(method, path, *request, **headers):
        status, _, said = visitor.ask(method, path, *request, **headers)
        where = f'{method} {path}: {status}'
        assert secret not in said and b'secret' not in said, where
        assert status != 500, where
        return status, where

    for route, methods in routes:
        for name in map(str, named):
            path = route
            while '{' in path:
                before, _, rest = path.partition('{')
                path = before + quote(name) + rest.partition('}')[2]
            for method in methods:
                if method in ('GET', 'HEAD'):
                    query = '&'.join(
                        f'{key}={quote(name)}' for key in ('path', 'file', 'deep_link')
                    )
                    status, where = check(method, f'{path}?{query}')
                    assert path == route or status >= 400, where
                    continue
                for shape in shapes:
                    more = dict(session_hash='one', fn_index=0, component_id=2, fn_name='ls')
                    body = json.dumps(shape(file_data(name, url=canary[0])) | more)
                    status, where = check(method, path, body, Content_Type='application/json')
                    assert status >= 400, where
    assert not canary[1]
    assert visitor.upload('a.mp4')


@pytest.mark.parametrize('with_cookie', [True, False])
def test_uploads_belong_to_their_visitor(server, clips, with_cookie):
    one = Visitor(server, f'first{with_cookie}', with_cookie)
    other = Visitor(server, f'second{with_cookie}')
    token = one.upload('clip.mp4', content=clips('short.mp4').read_bytes())
    gone = dict(error='this upload is gone: please upload the file again')
    assert one.call('take', upload='x') == gone
    assert other.call('take', upload=token) == gone
    for path in (token, f'../uploads/{token}', f'../uploads/{token}/clip.mp4'):
        assert one.ask('GET', f'/files/{path}')[0] == 403
    assert other.ask('GET', f'/gradio_api/queue/data?session_hash={one.session}')[0] == 403
    assert other.ask('GET', f'/gradio_api/heartbeat/{one.session}')[0] == 403
    assert other.post('/gradio_api/queue/join', one.asked('stop'))[0] == 403
    told = one.call('take', upload=token)
    assert told['name'] == 'clip.mp4' and told['size'] == [80, 48] and told['frames'] == 20
    # It is taken once; whose it is, its folders say nothing to others.
    [taken] = [
        file for file in server.files() if file.name == 'clip.mp4' and told['key'] in str(file)
    ]
    url = '/files/' + '/'.join(taken.parts[-3:])
    assert one.ask('GET', url)[2] == taken.read_bytes() and other.ask('GET', url)[0] == 403
    for named in (token, str(taken), f'{token}/../clip.mp4', ''):
        assert one.call('take', upload=named) == other.call('take', upload=named) == gone
    assert other.call('save', key=told['key'], source='tiny') == dict(
        error='this file was removed: please add it again'
    )
    assert one.join('remove', key=file_data('x')) == 403


@pytest.mark.parametrize(
    'path',
    [
        *('/etc/hostname', '/proc/self/environ', '../../etc/hostname', 'https://example.com/a.png'),
        *(
            '{}/../../../etc/hostname',
            '{}',
            '{}/sessions',
            'C:/a',
            '//etc/hostname',
            '%00',
            '{}/x\0',
        ),
    ],
)
def test_files_that_were_not_made_for_a_page_are_not_given(server, path):
    visitor = Visitor(server)
    # It answers, so that the folder is there.
    [folder] = server.temporary.glob('.salkit-serve-*')
    path = quote(path.format(folder), safe='/%:')
    assert visitor.ask('GET', f'/files/{path}')[0] in (403, 404)
    assert visitor.ask('GET', f'/static/{path}')[0] in (403, 404)
    assert visitor.ask('GET', f'/gradio_api/file={path}')[0] == 404


# Uploads ---------------------------------------------------------------------------------------


def test_uploads_have_a_size(server):
    visitor = Visitor(server)
    assert visitor.upload('a.mp4', content=bytes(2**20 + 200_000)) == 413
    # The end is not waited for.
    assert visitor.upload('a.mp4', Content_Length=str(10**12)) == 413

    def pieces():
        yield b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(40):
            yield bytes(2**16)

    headers = dict(Content_Type='multipart/form-data; boundary=edge')
    assert visitor.ask('POST', '/gradio_api/upload', pieces(), **headers)[0] == 413
    assert sum(path.stat().st_size for path in server.files()) < 2**21


def test_uploads_have_a_number(server):
    visitor = Visitor(server)
    assert visitor.upload('a.mp4', 'b.mp4') == 400
    answers = [visitor.upload('a.mp4') for _ in range(6)]
    assert answers[5] == 413 and all(isinstance(answer, str) for answer in answers[:5])
    # Together they are at most as large as one.
    visitor = Visitor(server)
    assert isinstance(visitor.upload('a.mp4', content=bytes(800_000)), str)
    assert visitor.upload('a.mp4', content=bytes(800_000)) == 413


@pytest.mark.parametrize('kind', ['application/x-www-form-urlencoded', 'text/plain', ''])
def test_uploads_are_forms(server, kind):
    assert Visitor(server).upload('a.mp4', Content_Type=kind) == 400


@pytest.mark.parametrize(
    ('name', 'kept'),
    [
        ('../../a.mp4', 'a.mp4'),
        ('/etc/a.mp4', 'a.mp4'),
        ('..\\\\..\\\\a.mp4', 'a.mp4'),
        ('a\x1b[2J.mp4', 'a_x1b[2J.mp4'),
        ('a\u202egpj.mp4', 'a_u202egpj.mp4'),
        ('a' * 240 + '.mp4', 'a' * 150 + '.mp4'),
        ('ä' * 120 + '.mp4', 'ä' * 75 + '.mp4'),
        ('..', 'upload'),
        ('. .mp4', 'upload.mp4'),
    ],
)
def test_names_of_uploads(server, name, kept):
    token = Visitor(server).upload(name)
    [path] = server.temporary.glob(f'.salkit-serve-*/uploads/{token}/*')
    assert path.name == kept


# Requests --------------------------------------------------------------------------------------


def raw(server, text, timeout=20):
    """Status of the answer to bytes."""
    host, port = urlsplit(server.address).netloc.split(':')
    with socket.create_connection((host, int(port)), timeout=timeout) as connection:
        connection.sendall(text)
        said = connection.recv(100)
    return int(said.split()[1])


@pytest.mark.parametrize(
    'host',
    [
        *('[', ']', '[::1', '::1', '', 'evil.com@127.0.0.1', '127.0.0.1@evil.com', 'evil.example'),
        *('127.0.0.1:x', '127.0.0.1:80:80', '127.0.0.1/x', '127.0.0.1#', '127.0.0.1?', '[::1]x'),
        *('x' * 5000, 'x' * 90_000, '127.0.0.1.evil.example', '127.0.0.1, evil', '\\127.0.0.1'),
        *('127.0.0.1:65536', '[::1%25eth0]', '\xe4', '127.0.0.1\nHost: localhost'),
    ],
)
def test_strange_hosts_are_refused(server, host):
    assert raw(server, f'GET / HTTP/1.1\r\nHost: {host}\r\n\r\n'.encode('latin-1')) in (400, 403)


@pytest.mark.parametrize('host', ['127.0.0.1', 'LocalHost:1', '[::1]:7860', '127.8.9.1'])
def test_hosts_of_this_machine(server, host):
    assert raw(server, f'GET / HTTP/1.1\r\nHost: {host}\r\n\r\n'.encode()) == 200


@pytest.mark.parametrize('method', ['GET', 'POST'])
@pytest.mark.parametrize(
    'origin', ['null', '', 'http://evil', 'http://[', 'http://evil@{}', '{}', 'http://127.0.0.1:1']
)
def test_other_pages_are_refused(server, method, origin):
    visitor = Visitor(server)
    answer = visitor.ask(method, '/gradio_api/queue/join', '{}', Origin=origin.format(visitor.host))
    assert answer[0] == 403


def test_parts_of_other_pages_are_refused(server):
    visitor = Visitor(server)
    for path, site in (('/examples/0', 'cross-site'), ('/gradio_api/heartbeat/x', 'same-site')):
        assert visitor.ask('GET', path, Sec_Fetch_Site=site)[0] == 403
    assert visitor.ask('GET', '/examples/0', Sec_Fetch_Site='same-origin')[0] == 200
    assert visitor.ask('GET', '/', Sec_Fetch_Site='cross-site')[0] == 200
    assert visitor.ask('GET', '/')[1]['cross-origin-resource-policy'] == 'same-origin'


def test_other_pages_open_no_sessions(server):
    for number in range(51):
        Visitor(server).ask('GET', f'/?session_hash=foreign{number}', Sec_Fetch_Site='cross-site')
    assert Visitor(server, 'own').call('stop') == {}


def test_names_that_no_file_has(server):
    for folder in ('assets', 'static', 'svelte'):
        assert Visitor(server).ask('GET', f'/{folder}/{"a" * 4000}')[0] == 404


NESTED = '{"session_hash": "a", "fn_index": 99, "data": %s%s}'


@pytest.mark.parametrize(
    'body',
    [
        *(NESTED % ('[' * n, ']' * n) for n in (200, 495, 985, 2000)),
        '',
        '[]',
        'null',
        '{',
        '[' * 99_000,
        '{"session_hash": "a", "fn_index": 0, "data": [1e999, {}]}',
        '{"session_hash": "a", "fn_index": 0, "data": [NaN]}',
        '{"session_hash": "a", "fn_index": 99, "data": []}',
        '{"session_hash": "a", "fn_index": [], "data": []}',
    ],
)
def test_strange_requests_are_no_errors_of_the_server(server, body):
    for path in ('queue/join', 'run/predict', 'cancel'):
        status, _, said = Visitor(server).ask('POST', f'/gradio_api/{path}', body)
        assert 400 <= status < 500 and b'Traceback' not in said and b'/' not in said


def test_no_text_of_a_request_steers_the_terminal(server):
    visitor = Visitor(server, 'terminal')
    for asked in (dict(key='\x1b]0;x\x07'), dict(regions=[{'\u202e': 1}])):
        assert visitor.join('remove', **asked) == 400
    for path in ('heartbeat/%1b%5b2J', 'queue/data?session_hash=%1b%5b2J', 'file=%1b%5b2J'):
        raw(server, f'GET /gradio_api/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.encode())
    assert '\x1b' not in ''.join(server.errors)


def test_errors_name_no_path(server, clips):
    visitor = Visitor(server, 'errors')
    token = visitor.upload('text.mp4', content=clips('text.mp4').read_bytes())
    said = visitor.call('take', upload=token)['error']
    assert 'text.mp4: cannot be read as a video' in said and str(server.folder) not in said
    # An error of Gradio's own.
    assert visitor.post('/gradio_api/queue/join', visitor.asked('remove') | dict(data=[]))[0] == 200
    said = visitor.answer()[1]
    assert 'process_completed' in said and str(server.folder) not in said
    assert 'Traceback' not in said and 'site-packages' not in said


def test_questions_that_no_page_asks(server):
    visitor, before = Visitor(server, 'odd'), len(server.errors)
    for name in sorted({*visitor.functions} - {'stop'}):
        for asked in (
            {},
            dict(turn='x'),
            dict(upload=[], number='1', key={}),
            dict(upload='x', number=99, key='x', sources={}, source='x', colors=1),
        ):
            told = visitor.call(name, **asked)
            assert told == {} or re.match(r'this (is|file was|upload)|there is no', told['error'])
    assert server.errors[before:] == []


# Time ------------------------------------------------------------------------------------------


SLOW = dict(
    nothing=b'',
    headers=b'GET / HTTP/1.1\r\nHost: ',
    body=b'POST /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n',
    upload=b'POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n'
    b'Content-Type: multipart/form-data; boundary=edge\r\n\r\n',
    get=b'GET /examples/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n',
)


def is_cut(server, text, rest=b'1'):
    """Whether a client is cut off that sends `rest` again and again."""
    host, port = urlsplit(server.address).netloc.split(':')
    with socket.create_connection((host, int(port)), timeout=0.2) as connection:
        connection.sendall(text)
        end = time.monotonic() + 15
        while time.monotonic() < end:
            try:
                connection.sendall(rest)
                if not connection.recv(10_000):
                    return True
            except TimeoutError:
                pass
            except ConnectionError:
                return True
    return False


def test_slow_clients_are_not_waited_for(server):
    with ThreadPoolExecutor(len(SLOW)) as pool:
        cut = pool.map(lambda text: is_cut(server, text), SLOW.values())
    assert dict(zip(SLOW, cut, strict=True)) == dict.fromkeys(SLOW, True)


def is_established(port):
    """Whether the other end of the connection from a local port has not closed it yet."""
    rows = [line.split() for line in Path('/proc/net/tcp').read_text().splitlines()[1:]]
    return any(row[2].endswith(f':{port:04X}') and row[3] == '01' for row in rows)


def test_a_client_that_reads_nothing_is_not_waited_for(server, tmp_path):
    visitor = Visitor(server, 'deaf')
    noise = np.random.default_rng(0).integers(0, 256, (500, 600, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / 'noise.png')
    content = (tmp_path / 'noise.png').read_bytes()
    key = visitor.call('take', upload=visitor.upload('noise.png', content=content))['key']
    [path] = [file for file in server.files() if key in str(file)]
    request = (
        f'GET /files/{"/".join(path.parts[-3:])} HTTP/1.1\r\nHost: 127.0.0.1\r\n'
        f'Cookie: {visitor.cookie["Cookie"]}\r\n\r\n'
    )
    # More than the buffers of the system hold.
    request *= 20
    host, port = urlsplit(server.address).netloc.split(':')
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(request.encode())
        end = time.monotonic() + 60
        while is_established(connection.getsockname()[1]) and time.monotonic() < end:
            time.sleep(0.05)
        count = 0
        with contextlib.suppress(ConnectionError):
            while said := connection.recv(1 << 20):
                count += len(said)
    assert len(content) < count < 15 * len(content)


def test_a_prediction_that_never_ends_does_not_hold_the_server(server, clips):
    visitor = Visitor(server, 'endless')
    token = visitor.upload('clip.mp4', content=clips('short.mp4').read_bytes())
    key = visitor.call('take', upload=token)['key']
    asked = dict(key=key, colors='turbo', alpha=0.6, normalize='frame')
    [source] = visitor.sources
    assert visitor.join('look', sources=[source], **asked) == 200
    while 'begun' not in server.lines.get(timeout=60):
        pass
    # However many wait, it can be stopped.
    for _ in range(50):
        assert visitor.join('look', sources=[source], **asked) == 200
    assert visitor.join('stop') == 200
    assert server.stop(signal.SIGINT) == 0
    assert not server.files()
