"""Tasks on all cores, with one way to stop them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, TypeVar

from ..errors import ConfigError, SalkitError

Task = TypeVar('Task')
Shared = TypeVar('Shared')
Result = TypeVar('Result')

# What a worker process was started with: what its tasks share, and the event that ends them.
_shared: Any = None
_stop: Event | None = None


class Stopped(Exception):
    """The run was interrupted; whoever catches it gives back what it held."""


def check_stopped() -> None:
    """Raise Stopped in a worker whose run was interrupted; a long task asks between its steps."""
    if _stop is not None and _stop.is_set():
        raise Stopped


def usable_cores(cgroups: Path = Path('/sys/fs/cgroup')) -> int:
    """Cores that this process may run on, or the share of them that its container is given.

    Args:
        cgroups: where Linux tells that share.
    """
    if hasattr(os, 'sched_getaffinity'):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    # Microseconds of work in a period: both in one file, or in two of the first version.
    for names in (('cpu.max',), ('cpu/cpu.cfs_quota_us', 'cpu/cpu.cfs_period_us')):
        try:
            texts = [(cgroups / name).read_text(encoding='ascii') for name in names]
            quota, period = (int(number) for number in ' '.join(texts).split())
        except (OSError, ValueError):
            # Not there, or 'max'.
            continue
        if quota > 0 and period > 0:
            cores = min(cores, max(1, quota // period))
    return cores


def threads_to_use() -> int:
    """How many a library is to have: those that the user names, else this process' share.

    That is all usable cores, but for the processes of a distributed run on this machine.
    """
    for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        named = os.environ.get(name, '')
        if named.isdecimal() and int(named):
            return int(named)
    processes = os.environ.get('LOCAL_WORLD_SIZE', '')
    shares = max(1, int(processes)) if processes.isdecimal() else 1
    return max(1, usable_cores() // shares)


def share_cores() -> None:
    """Have PyTorch use `threads_to_use`; a number that the user names it follows itself."""
    import torch

    if not any(os.environ.get(name) for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')):
        torch.set_num_threads(threads_to_use())


def check_workers(workers: int | None) -> int:
    """The number of worker processes; None for one a core.

    Raises:
        ConfigError: less than 1.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f'workers must be at least 1, got {workers}')
    return workers or usable_cores()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the libraries to one thread: maps are too small to share, and every core has a worker.

    Threads for a dot product of a map cost up to fifty times what they save.
    """
    import cv2
    from threadpoolctl import threadpool_limits

    # Whoever needs PyTorch here has imported it.
    torch = sys.modules.get('torch')
    threads, cv_threads = torch.get_num_threads() if torch else 1, cv2.getNumThreads()
    if torch:
        torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        if torch:
            torch.set_num_threads(threads)
        cv2.setNumThreads(cv_threads)


def reuse_memory() -> None:
    """Have this process keep the memory that a map has freed for the next one (Linux, glibc).

    Otherwise arrays as large as maps go back to the system at once, and getting fresh, zeroed
    memory for each takes a fifth of the time.
    """
    import ctypes

    try:
        change = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        # Another system, or a C library without this function.
        return
    # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, from malloc.h: maps of Full HD in float64 are 16 MiB.
    change(-3, 64 * 2**20)
    change(-1, 128 * 2**20)


def run_tasks(
    function: Callable[[Task, Shared], Result],
    tasks: Sequence[Task],
    shared: Shared,
    workers: int,
    done: Callable[[Result], None],
) -> None:
    """Call `function` for every task.

    Args:
        function: takes a task and `shared`. It calls `check_stopped` now and then.
        tasks: in the order to start them in.
        shared: goes to every worker once.
        workers: processes; 1 works in this one.
        done: called here with what `function` gives, as tasks end. A task that ends with `Stopped`
            gives nothing.

    Raises:
        SalkitError: what a task raised, or a worker that died.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        with one_thread():
            for task in tasks:
                done(function(task, shared))
        return
    # A forked worker shares the libraries in memory; elsewhere they are imported again.
    context = multiprocessing.get_context('fork' if sys.platform == 'linux' else 'spawn')
    stop = context.Event()
    # Limits are in force when workers are forked, and they inherit them.
    with (
        one_thread(),
        ProcessPoolExecutor(workers, context, initializer=_start, initargs=(shared, stop)) as pool,
    ):
        try:
            # No name for the futures: each result is to be forgotten once it was taken.
            for future in as_completed([pool.submit(_call, function, task) for task in tasks]):
                with suppress(Stopped):
                    done(future.result())
        except BrokenProcessPool:
            raise SalkitError(
                'a worker process was ended from outside, perhaps for want of memory; what is done '
                'is kept: run again to go on'
            ) from None
        finally:
            # After an error or Ctrl-C, nothing more. Leaving the block would not wait for the
            # workers once this has been called without.
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _start(shared: object, stop: Event) -> None:
    """What a worker does first."""
    global _shared, _stop
    # Ctrl-C reaches the whole group of processes; the main one stops the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _shared, _stop = shared, stop
    reuse_memory()
    end_with_parent()
    if sys.platform != 'linux':
        one_thread().__enter__()


def end_with_parent() -> None:
    """Have this process end within a second of its parent; else it would wait for tasks forever."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _call(function: Callable[[Task, Shared], Result], task: Task) -> Result:
    # It may have waited for its turn when the run was interrupted.
    check_stopped()
    return function(task, _shared)
