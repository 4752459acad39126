"""What `salkit serve` refuses before it serves."""

import importlib.util
import os
import socket
import subprocess
import sys

import pytest

from salkit.cli import main
from salkit.cli.serve import title_of
from salkit.web.guard import is_loopback
from salkit.web.server import temporary_folder


def refused(capsys, *arguments):
    """The one line that the command says before it leaves with status 2."""
    assert main(['serve', *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.count('\n') == 1, said
    return said.err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--max-mb', 0], '--max-mb must be above 0'),
        (['--max-seconds', 'nan'], '--max-seconds must be above 0'),
        (['--max-frames', -1], '--max-frames must be above 0'),
        (['--port', 70000], '--port must be from 0 to 65535'),
        (['--host', '256.1.1.1', '--port', 0], 'port 0 of 256.1.1.1 cannot be used'),
        (['--port', 0, '--model', 'missing.onnx'], 'missing.onnx'),
        (['--port', 0, '--model', 'salfom/umt-l16_cc-kl'], 'give --checkpoint'),
        (['--port', 0, '--checkpoint', 'x.pth'], 'x.pth: the checkpoint does not exist'),
        (
            ['--model', 'a', '--model', 'b', '--checkpoint', 'x'],
            '--checkpoint is given 1 times',
        ),
    ],
)
def test_arguments(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    assert message in refused(capsys, *arguments)
    assert not list(tmp_path.iterdir())


def test_port_in_use(capsys):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(capsys, '--port', port)
    assert f'port {port} of 127.0.0.1 cannot be used' in said and '--port takes another' in said


def test_without_gradio(capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    assert "pip install 'salkit[web]'" in refused(capsys)


def test_models_are_called_what_their_user_calls_them(tmp_path):
    (tmp_path / 'mine').mkdir()
    assert title_of(None, None) == 'lite0' and title_of(None, 'x.pth') == ''
    assert title_of('salfom/umt-l16_cc-kl', 'x.pth') == 'salfom/umt-l16_cc-kl'
    assert title_of(str(tmp_path / 'mine'), None) == 'mine', 'no folder of this machine'


@pytest.mark.parametrize(
    ('host', 'local'),
    [
        ('127.0.0.1', True),
        ('localhost', True),
        ('::1', True),
        ('[::1]', True),
        ('127.8.9.1', True),
        ('0.0.0.0', False),
        ('192.168.1.5', False),
        ('example.org', False),
        ('127.0.0.1.example.org', False),
    ],
)
def test_loopback(host, local):
    assert is_loopback(host) is local


def test_folders_of_killed_servers_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    ended = subprocess.Popen([sys.executable, '-c', ''])
    ended.wait(30)
    with temporary_folder() as running:
        assert running.stat().st_mode & 0o077 == 0
        left, other = (
            running.with_name(running.name.replace(f'.{os.getpid()}-', f'.{number}-'))
            for number in (ended.pid, os.getppid())
        )
    for folder in (left, other):
        folder.mkdir()
        (folder / 'upload.mp4').touch()
    with temporary_folder():
        assert not left.exists() and other.exists(), 'a running server keeps its files'
    assert list(tmp_path.iterdir()) == [other]
