"""Commands as processes of their own that need not import anything: a process forks for each.

Run as a script, it imports what training needs and then forks for each line of JSON that it reads.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_SECONDS = 240


def serve():
    # With what a run imports on its way.
    for name in (
        *(
            'setuptools',
            'torch.utils.tensorboard',
            'matplotlib.figure',
            'matplotlib.backends.backend_agg',
        ),
        *('salkit.encoders', 'salkit.engine', 'salkit.models', 'salkit.cli.train', 'yapf'),
    ):
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if not pid:
            os.setsid()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            log = os.open(request['log'], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
                os.dup2(source, target)
            from salkit.cli import main

            exec(request['planted'], {})
            sys.exit(main(request['argv']))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


class Nursery:
    """The forking process, as a context; runs one command at a time."""

    def __enter__(self):
        self._run = None
        environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(60)

    def start(self, argv, log, planted=''):
        """Start a command; `planted` is code that its process runs before."""
        if self._run is not None:
            # A test that failed may have left it.
            self._run.send(signal.SIGKILL)
            self._run.end()
        request = dict(argv=[str(part) for part in argv], log=str(log), planted=planted)
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        self._run = Run(int(self._process.stdout.readline()), Path(log), self._process.stdout)
        return self._run


class Run:
    """A command that is running."""

    def __init__(self, pid, log, statuses):
        self.pid = pid
        self._log = log
        self._statuses = statuses
        self._status = None

    def printed(self):
        return self._log.read_text() if self._log.exists() else ''

    def children(self):
        path = Path(f'/proc/{self.pid}/task/{self.pid}/children')
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    def is_alive(self):
        try:
            state = Path(f'/proc/{self.pid}/stat').read_text().rpartition(')')[2].split()[0]
        except OSError:
            return False
        return state != 'Z'

    def until(self, condition):
        """Wait until `condition()` or the end of the run; gives what it gave."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := condition()) and self.is_alive():
            assert time.monotonic() < deadline, self.printed()[-3000:]
            time.sleep(0.003)
        return found

    def send(self, number):
        """A signal to the main process, if it is still there."""
        if self.is_alive():
            os.kill(self.pid, number)

    def end(self):
        """Wait for the end; the exit status."""
        if self._status is None:
            try:
                self.until(lambda: False)
            finally:
                self.send(signal.SIGKILL)
                self._status = int(self._statuses.readline())
        return self._status

    def leaves_nobody(self):
        """Whether every process of the run is gone before long."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                os.killpg(self.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.05)
        return False


if __name__ == '__main__':
    serve()
