"""A function in a child process with a limit of memory and one of time.

Children are forked from a process that has all of salkit loaded, so that each takes milliseconds.
"""

import multiprocessing
import os
import resource
import signal
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        status: exit status, negative for the signal that killed it, None when time was up.
        out: what it printed.
        err: what it printed as errors.
    """

    status: int | None
    out: str
    err: str


@cache
def _context():
    """A context of multiprocessing whose children have all of salkit loaded."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['loaded'])
    # Loading may take longer than a child is given, and is left out without a word where a module
    # is not found: Python 3.11 tells the server nothing of `sys.path`.
    path = os.environ.get('PYTHONPATH', '')
    os.environ['PYTHONPATH'] = os.pathsep.join(sys.path)
    try:
        first = context.Process(target=_check_loaded)
        first.start()
        first.join()
    finally:
        os.environ['PYTHONPATH'] = path
    assert first.exitcode == 0
    return context


def _check_loaded():
    sys.exit('loaded' not in sys.modules)


def run_bounded(function, *args, folder, seconds=60.0, megabytes=1500):
    """Call `function(*args)`, whose result is an exit status, in a child process.

    Args:
        function: a function of a module.
        *args: its arguments.
        folder: where what the child prints is kept.
        seconds: after so many the child and its own children are killed.
        megabytes: how much memory it may take beside the loaded modules.
    """
    out, err = Path(folder) / 'stdout', Path(folder) / 'stderr'
    child = _context().Process(target=_run, args=(function, args, str(out), str(err), megabytes))
    child.start()
    child.join(seconds)
    status = child.exitcode
    if status is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.join()
    return Ended(status, *(path.read_text(errors='replace') for path in (out, err)))


def _run(function, args, out, err, megabytes):
    os.setpgid(0, 0)
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream.fileno())
    multiprocessing.set_start_method('fork', force=True)
    # A shell that runs the tests in the background has Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = _data_bytes() + megabytes * 10**6
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    status = function(*args)
    sys.stdout.flush()
    sys.stderr.flush()
    # What a finished command leaves to the end of its process is no part of it.
    os._exit(status)


def _data_bytes():
    lines = Path('/proc/self/status').read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith('VmData'))
