"""Checkpoints by folder and by address, against real servers on this machine."""

import contextlib
import hashlib
import io
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest
import torch
import trustme

from salkit.checkpoints import find_best_checkpoint, load_weights, locate
from salkit.errors import CheckpointError


def checkpoint_bytes(value):
    buffer = io.BytesIO()
    torch.save(dict(weight=torch.full((64, 64), float(value))), buffer)
    return buffer.getvalue()


FILES = {'/one/a.pth': checkpoint_bytes(1), '/two/a.pth': checkpoint_bytes(2)}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        special = getattr(self, 'give_' + self.path.split('/')[1], None)
        if special is not None:
            special(FILES['/one/a.pth'])
            return
        content = FILES.get(self.path.removeprefix('/cut'))
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        # Below /cut the connection ends in the middle.
        cut = self.path.startswith('/cut')
        self.wfile.write(content[: len(content) // 2] if cut else content)

    def give(self, **headers):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()

    def give_endless(self, content):
        """No word of its length."""
        self.give()
        self.wfile.write(content[:1000])

    def give_pieces(self, content):
        """In pieces; below /pieces/cut without the last one, which is empty."""
        self.protocol_version = 'HTTP/1.1'
        self.close_connection = True
        self.give(Transfer_Encoding='chunked')
        self.wfile.write(b'%x\r\n%b\r\n' % (len(content), content))
        if 'cut' not in self.path:
            self.wfile.write(b'0\r\n\r\n')

    def give_absurd(self, content):
        self.give(Content_Length=10**18)
        self.wfile.write(content)

    def give_to(self, content):
        self.send_response(302)
        self.send_header('Location', self.server.elsewhere)
        self.end_headers()

    def give_drips(self, content):
        self.give(Content_Length=len(content))
        self.drip(content)

    def give_slowheader(self, content):
        self.wfile.write(b'HTTP/1.0 200 OK\r\n')
        self.drip(b'x' * 10_000)

    def drip(self, content):
        with contextlib.suppress(OSError):
            for byte in content:
                self.wfile.write(bytes([byte]))
                time.sleep(0.02)

    def log_message(self, *args):
        pass


class HubHandler(BaseHTTPRequestHandler):
    """Answers as the Hugging Face Hub does for a file of the repository owner/repo."""

    files = {'main': checkpoint_bytes(3), 'v2': checkpoint_bytes(4)}

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.server.asked.append(self.path)
        self.wfile.write(self.answer())

    def answer(self):
        revision = next((r for r in self.files if self.path == self.address(r)), None)
        commit = hashlib.sha1(str(revision).encode()).hexdigest()
        # Once the commit is known, the file is asked for by it.
        if revision is None:
            by_commit = {hashlib.sha1(r.encode()).hexdigest(): r for r in self.files}
            commit = self.path.split('/')[4] if self.path.count('/') > 4 else ''
            revision = by_commit.get(commit)
        if revision is None:
            self.send_response(404)
            self.send_header('X-Error-Code', 'EntryNotFound')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return b''
        content = self.files[revision]
        self.send_response(200)
        self.send_header('X-Repo-Commit', commit)
        self.send_header('ETag', f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        return content

    @staticmethod
    def address(revision):
        return f'/owner/repo/resolve/{revision}/sub/a.pth'

    def log_message(self, *args):
        pass


def serve(handler, context=None):
    server = ThreadingHTTPServer(('localhost', 0), handler)
    server.asked = []
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=0.02)).start()
    return server


def stop(server):
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setenv('no_proxy', 'localhost')
    return tmp_path / 'cache'


@pytest.fixture(scope='module')
def authority():
    return trustme.CA()


@pytest.fixture
def https(authority, cache, tmp_path, monkeypatch):
    """An HTTPS server that this process trusts; its address is `https.url`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert('localhost').configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / 'authority.pem')
    monkeypatch.setenv('SSL_CERT_FILE', str(tmp_path / 'authority.pem'))
    server = serve(Handler, context)
    server.url = f'https://localhost:{server.server_port}'
    yield server
    stop(server)


def files_in(folder):
    return sorted(path.name for path in folder.rglob('*') if path.is_file())


def fails(source, match):
    with pytest.raises(CheckpointError, match=match) as error:
        locate(source)
    assert str(error.value).startswith(f'{source}: ') and '\n' not in str(error.value)
    return str(error.value)


# Files and folders --------------------------------------------------------------------------------


def test_a_file_is_itself(tmp_path):
    (tmp_path / 'a.pth').touch()
    assert locate(tmp_path / 'a.pth') == locate(str(tmp_path / 'a.pth')) == tmp_path / 'a.pth'
    fails(tmp_path / 'b.pth', 'does not exist')


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / 'a.pth')
    fails(tmp_path / 'a.pth', 'is a pipe, expected a regular file')


def test_a_work_dir_stands_for_its_best_checkpoint(tmp_path):
    for name in ('best_AUC-J_epoch_9.pth', 'best_CC_epoch_3.pth', 'best_KL_epoch_1.pth'):
        (tmp_path / name).touch()
    assert locate(tmp_path).name == 'best_CC_epoch_3.pth'
    (tmp_path / 'best_CC_epoch_3.pth').unlink()
    assert locate(tmp_path).name == 'best_AUC-J_epoch_9.pth'


def write_best(folder, name, **scores):
    info = {'best_score' if key == 'score' else f'best_score_{key}': s for key, s in scores.items()}
    content = dict(state_dict=dict(a=torch.ones(1)), message_hub=dict(runtime_info=info))
    torch.save(content, folder / name)


def test_of_several_best_checkpoints_the_score_decides(tmp_path):
    """As a run leaves them that was killed between writing one and removing the other."""
    write_best(tmp_path, 'best_CC_epoch_9.pth', score=0.66)
    write_best(tmp_path, 'best_CC_epoch_12.pth', score=0.78)
    assert locate(tmp_path).name == 'best_CC_epoch_12.pth'
    write_best(tmp_path, 'best_CC_epoch_3.pth', CC=0.8)
    assert locate(tmp_path).name == 'best_CC_epoch_3.pth'
    # One without a score is no reason to take it, nor is one of another kind.
    write_best(tmp_path, 'best_CC_epoch_20.pth')
    write_best(tmp_path, 'best_CC_epoch_21.pth', score='high')
    (tmp_path / 'best_CC_epoch_22.pth').write_bytes(b'broken')
    write_best(tmp_path, 'best_CC_epoch_23.pth', score=float('nan'))
    assert locate(tmp_path).name == 'best_CC_epoch_3.pth'


def test_the_best_may_be_the_lowest_and_the_latest(tmp_path):
    for epoch, score in ((2, 1.5), (10, 1.25), (9, 1.25)):
        write_best(tmp_path, f'best_KL_epoch_{epoch}.pth', score=score)
    assert locate(tmp_path).name == 'best_KL_epoch_10.pth'


def test_a_folder_without_a_best_checkpoint(tmp_path):
    (tmp_path / 'epoch_3.pth').touch()
    assert find_best_checkpoint(tmp_path) is None
    fails(tmp_path, r'holds no best_\*\.pth')


@pytest.mark.parametrize('scheme', ['http', 'ftp', 's3', 'file'])
def test_other_schemes_are_refused(scheme):
    fails(f'{scheme}://host/a.pth', 'expected a local file, https://HOST/FILE or hf://')


# https --------------------------------------------------------------------------------------------


def test_an_address_is_fetched_once_and_kept(https, cache):
    source = f'{https.url}/one/a.pth'
    path = locate(source)
    assert path.read_bytes() == FILES['/one/a.pth'] and cache in path.parents
    assert files_in(cache) == ['a.pth']
    assert locate(source) == path and https.asked == ['/one/a.pth']


def test_what_was_fetched_needs_no_server(https, cache):
    source = f'{https.url}/one/a.pth'
    path = locate(source)
    stop(https)
    assert locate(source) == path
    module = torch.nn.Linear(64, 64, bias=False)
    assert load_weights(module, source).source == source
    assert torch.equal(module.weight, torch.ones(64, 64))


def test_files_of_one_name_do_not_collide(https):
    paths = [locate(f'{https.url}/{folder}/a.pth') for folder in ('one', 'two')]
    assert [path.read_bytes() for path in paths] == list(FILES.values())


def test_a_connection_that_ends_in_the_middle_leaves_nothing(https, cache):
    source = f'{https.url}/cut/one/a.pth'
    line = fails(source, 'cannot be fetched')
    assert 'give its local path' in line
    assert files_in(cache) == []
    # The next attempt asks again.
    fails(source, 'cannot be fetched')
    assert https.asked == ['/cut/one/a.pth'] * 2


def test_a_file_that_the_server_does_not_have(https, cache):
    fails(f'{https.url}/no.pth', 'cannot be fetched .*404')
    assert files_in(cache) == []


def test_a_server_that_is_not_there(https, cache):
    stop(https)
    fails(f'{https.url}/one/a.pth', 'cannot be fetched')
    assert files_in(cache) == []


def test_a_server_that_nobody_vouches_for(https, cache, monkeypatch):
    monkeypatch.delenv('SSL_CERT_FILE')
    fails(f'{https.url}/one/a.pth', '(?i)certificate')
    assert files_in(cache) == []


@pytest.mark.parametrize('address', ['', '..', '%2e%2e', 'a/%2E%2E/', '%2f..%2f'])
def test_an_address_without_a_file(cache, address):
    fails(f'https://localhost/{address}', 'the address names no file')


@pytest.mark.parametrize(
    ('case', 'said'),
    [
        ('endless', 'does not say how many bytes'),
        ('pieces/cut', 'IncompleteRead'),
        ('absurd', r'the file has 1000000.0 TB, .* are free'),
        ('drips', r'only \d+ bytes came in'),
        ('slowheader', r'only \d+ bytes came in'),
    ],
)
def test_what_is_not_known_to_be_whole_is_not_kept(https, cache, monkeypatch, case, said):
    module = sys.modules['salkit.checkpoints.locate']
    monkeypatch.setattr(module, 'WINDOW_SECONDS', 1.0)
    fails(f'{https.url}/{case}/a.pth', f'cannot be fetched .*{said}')
    assert files_in(cache) == []


def test_a_file_in_pieces(https):
    assert locate(f'{https.url}/pieces/a.pth').read_bytes() == FILES['/one/a.pth']


@pytest.mark.parametrize('scheme', ['http', 'file', 'ftp', 'data'])
def test_redirects_lead_to_https_only(https, cache, tmp_path, scheme, monkeypatch):
    monkeypatch.delenv('no_proxy')
    monkeypatch.setenv('http_proxy', https.url)
    (tmp_path / 'a.pth').touch()
    plain = serve(Handler)
    host = '' if scheme == 'file' else f'localhost:{plain.server_port}'
    https.elsewhere = f'{scheme}://{host}{tmp_path}/a.pth'
    fails(f'{https.url}/to/a.pth', 'cannot be fetched')
    stop(plain)
    assert files_in(cache) == [] and plain.asked == [] and https.asked == ['/to/a.pth']


def test_redirects_are_followed(https):
    https.elsewhere = f'{https.url}/two/a.pth'
    assert locate(f'{https.url}/to/a.pth').read_bytes() == FILES['/two/a.pth']


@pytest.mark.parametrize(
    ('name', 'kept'),
    [
        ('..%2f..%2fa.pth', 'a.pth'),
        ('%1b%5b2J%20a.pth', '__2J_a.pth'),
        ('a' * 300 + '.pth', 'a' * 96 + '.pth'),
        ('%c3%a9.safetensors', '_.safetensors'),
        ('..%5Ca.pth', '_a.pth'),
    ],
)
def test_names_stay_in_the_cache(https, cache, monkeypatch, name, kept):
    monkeypatch.setitem(FILES, f'/{name}', b'x')
    path = locate(f'{https.url}/{name}')
    assert path.name == kept and path.parent.parent == cache / 'checkpoints'


# hf -----------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A server in the place of the Hub, whose client keeps its files in `hub.home`."""
    server = serve(HubHandler)
    server.home = tmp_path / 'home'
    address = f'http://localhost:{server.server_port}'
    # The client reads its environment once, on import.
    template = address + '/{repo_id}/resolve/{revision}/{filename}'
    for name, value in dict(
        ENDPOINT=address,
        HUGGINGFACE_CO_URL_TEMPLATE=template,
        HF_HUB_CACHE=str(server.home),
        HF_HUB_OFFLINE=False,
        HF_HUB_DISABLE_TELEMETRY=True,
        HF_HUB_DISABLE_XET=True,
    ).items():
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    monkeypatch.setenv('no_proxy', 'localhost')
    yield server
    stop(server)


def test_a_file_of_the_hub_is_fetched_once(hub, monkeypatch):
    path = locate('hf://owner/repo/sub/a.pth')
    assert path.read_bytes() == HubHandler.files['main'] and hub.home in path.parents
    assert locate('hf://owner/repo/sub/a.pth') == path and len(hub.asked) == 1
    # Another revision is another file.
    other = locate('hf://owner/repo@v2/sub/a.pth')
    assert other.read_bytes() == HubHandler.files['v2'] and len(hub.asked) == 2
    stop(hub)
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    assert locate('hf://owner/repo/sub/a.pth') == path


@pytest.mark.parametrize('case', ['absent', 'offline', 'no connection'])
def test_what_the_hub_does_not_give_is_one_clear_line(hub, monkeypatch, case):
    source = 'hf://owner/repo/sub/a.pth'
    if case == 'absent':
        source = 'hf://owner/repo/sub/b.pth'
    elif case == 'offline':
        monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    else:
        stop(hub)
        # The client waits longer and longer between its attempts.
        monkeypatch.setattr(time, 'sleep', lambda seconds: None)
    line = fails(source, r'cannot be fetched \(')
    assert line.endswith('give its local path')
    assert not files_in(hub.home)


@pytest.mark.parametrize(
    'source',
    [
        *('hf://owner/a.pth', 'hf://a.pth', 'hf://owner/repo@/a.pth', 'hf://owner/repo/../a.pth'),
        *('hf://owner/repo@../a.pth', 'hf://../repo/a.pth', 'hf://owner/repo/..\\a.pth'),
    ],
)
def test_addresses_that_the_hub_does_not_know(source):
    fails(source, r'expected hf://OWNER/REPO\[@REVISION\]/FILE')
