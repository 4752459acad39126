"""A real `salkit serve`, and a real browser to open its page in."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from make_video import encode_video, numbered_frame
from tiny_model import write_tiny_model

from salkit import SaliencyPredictor

# A change of the code goes before the command.
START = "import sys; {}; from salkit.cli import main; sys.exit(main(['serve', *sys.argv[1:]]))"


class Server:
    """A `salkit serve` in a process of its own, with a temporary folder of its own."""

    def __init__(self, folder, *arguments, change=''):
        self.folder = folder
        # Where it may write, and nothing may be left.
        self.temporary, self.cache = folder / 'tmp', folder / 'cache'
        self.temporary.mkdir(parents=True)
        self.cache.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, '-c', START.format(change), '--port', '0', *map(str, arguments)],
            env=dict(
                os.environ,
                TMPDIR=str(self.temporary),
                SALKIT_CACHE=str(self.cache),
                OMP_NUM_THREADS='1',
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = queue.Queue()
        self.errors = []
        for stream, take in (
            (self.process.stdout, self.lines.put),
            (self.process.stderr, self.errors.append),
        ):
            threading.Thread(target=self._read, args=(stream, take), daemon=True).start()
        self._address = None

    @staticmethod
    def _read(stream, take):
        for line in stream:
            take(line)
        take('')

    @property
    def address(self):
        """Where the page is; waits for it."""
        while self._address is None:
            line = self.lines.get(timeout=120)
            assert line, f'the server ended: {"".join(self.errors)}'
            found = re.search(r'open (http://\S+/)', line)
            self._address = found and found[1]
        return self._address

    def files(self):
        """All files that it has made; folders may go meanwhile."""
        return [Path(root, name) for root, _, names in os.walk(self.folder) for name in names]

    def stop(self, number=signal.SIGTERM):
        """End it and give its exit status."""
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope='module')
def start_server(tmp_path_factory):
    """Function from arguments to a running `Server`; ended with the module."""
    servers = []

    def start(*arguments, change='pass'):
        servers.append(Server(tmp_path_factory.mktemp('server'), *arguments, change=change))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(30)


@pytest.fixture(scope='session')
def tiny(tmp_path_factory):
    """Config and checkpoint of a tiny model."""
    return write_tiny_model(tmp_path_factory.mktemp('tiny'))


@pytest.fixture(scope='session')
def predictor(tiny):
    return SaliencyPredictor(*tiny)


def moving_pattern(count, seed, size=(48, 80)):
    """Frames of a bright spot that wanders over a plain, unlike for every seed."""
    rows, columns = size
    y, x = np.mgrid[:rows, :columns]
    for number in range(count):
        angle = 2 * np.pi * number / count + seed
        centre = rows * (0.5 + 0.3 * np.sin(angle)), columns * (0.5 + 0.3 * np.cos(2 * angle))
        spot = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 60)
        frame = 60 + 20 * seed + 150 * spot[..., None] * (1, 0.8, 0.2)
        yield np.clip(frame, 0, 255).astype(np.uint8)


@pytest.fixture(scope='session')
def clips(tmp_path_factory):
    """Files to upload, by name: short.mp4, other.mp4, long.mp4, picture.png and ones to refuse."""
    from PIL import Image

    folder = tmp_path_factory.mktemp('clips')

    def video(name, frames, seed, **options):
        return encode_video(folder / name, frames, images=moving_pattern(frames, seed), **options)

    video('short.mp4', 20, 0, audio=True)
    video('other.mp4', 30, 1)
    video('one.mp4', 1, 0)
    video('long.mp4', 900, 2)
    video('endless.mp4', 45, 3, fps=1)
    (folder / 'huge.mp4').write_bytes(bytes(2**20 + 1))
    Image.fromarray(numbered_frame(5)).save(folder / 'picture.png')
    (folder / 'text.mp4').write_text('This is no video.\n' * 100)
    return lambda name: Path(folder / name)
