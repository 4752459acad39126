"""Commands as processes of their own that need not import anything: a process forks for each.

Run as a script, it imports what training needs and then forks for each line of JSON that it reads.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 240


def command_lines():
    """The command lines of all processes of this machine."""
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        with contextlib.suppress(OSError):
            yield path.read_bytes().replace(b'\0', b' ').decode(errors='replace')


def serve():
    # With what a run imports on its way.
    for name in (
        *(
            'setuptools',
            'yapf',
            'torch.utils.tensorboard',
            'torch._dynamo',
            'einops._torch_specific',
        ),
        *('matplotlib.figure', 'matplotlib.backends.backend_agg'),
        *('multiprocessing.popen_fork', 'salkit.prepare.fixations'),
        *('salkit.cli.train', 'salkit.datasets.published', 'salkit.encoders', 'salkit.engine'),
        *('salkit.models', 'salkit.prepare', 'salkit.prepare.check', 'salkit.scoring'),
        *('salkit.media.video.writer', 'salkit.plugin.manager', 'salkit.testing.smoke'),
    ):
        importlib.import_module(name)
    # Children that collect their garbage leave alone, unshared, what is here.
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if not pid:
            os.setsid()
            sys.exit(_run(request))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _run(request):
    """What a child does; gives its exit status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request['folder'])
    os.environ.clear()
    os.environ.update(request['environment'])
    sys.path[:0] = [path for path in os.environ.get('PYTHONPATH', '').split(os.pathsep) if path]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        os.open(os.devnull, os.O_RDONLY),
        *(os.open(request[k], flags) for k in ('log', 'err')),
    ]
    for target, source in enumerate(files):
        os.dup2(source, target)
    sys.argv = ['salkit', *request['argv']]
    from salkit.cli import main

    # Where workers find the functions that are pickled for them.
    exec(request['planted'], vars(sys.modules['__main__']))
    return main(request['argv'])


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str


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
        self._end_last()
        self._process.kill()
        self._process.wait()

    def _end_last(self):
        """End a run that a test has left, as one that failed may have."""
        # The number of one that has ended may be that of another process, or of a thread, by now.
        if self._run is not None and not self._run.has_ended:
            self._run.send(signal.SIGKILL)
            self._run.end()

    def start(self, argv, log, planted='', err=None, **environment):
        """Start a command in this folder, with this process's environment and more.

        What it prints goes to `log`, and errors to `err` if that is given. `planted` is code that
        its process runs before; code that ends the process may do without the command.
        """
        self._end_last()
        told = dict(argv=[str(part) for part in argv], planted=planted, folder=os.getcwd())
        told |= dict(log=str(Path(log).resolve()), err=str(Path(err or log).resolve()))
        told |= dict(environment={**os.environ, 'CUDA_VISIBLE_DEVICES': '', **environment})
        self._process.stdin.write(json.dumps(told) + '\n')
        self._process.stdin.flush()
        self._run = Run(int(self._process.stdout.readline()), Path(log), self._process.stdout)
        return self._run

    def run(self, argv, folder, planted='', **environment):
        """Run a command to its end; what it prints is kept in a folder."""
        out, err = (Path(folder) / f'{name}.txt' for name in ('stdout', 'stderr'))
        for path in (out, err):
            path.unlink(missing_ok=True)
        status = self.start(argv, out, planted, err, **environment).end()
        return Ended(status, out.read_text(), err.read_text())


class Run:
    """A command that is running."""

    def __init__(self, pid, log, statuses):
        self.pid = pid
        self._log = log
        self._statuses = statuses
        self._status = None

    @property
    def has_ended(self):
        return self._status is not None

    def printed(self):
        return self._log.read_text() if self._log.exists() else ''

    def children(self):
        with contextlib.suppress(OSError):
            text = Path(f'/proc/{self.pid}/task/{self.pid}/children').read_text()
            return [int(pid) for pid in text.split()]
        return []

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
            except BaseException:
                self.send(signal.SIGKILL)
                raise
            finally:
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
