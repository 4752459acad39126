"""Tasks on Ray: on this machine, or on the machines of a cluster."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any, TypeVar

from ..errors import ConfigError, DataWarning, PluginWarning, SalkitError, one_line
from ..version import __version__
from .parallel import check_workers, reuse_memory

Task = TypeVar('Task')
Shared = TypeVar('Shared')
Result = TypeVar('Result')

LOCAL = 'local'
# How often more a task is begun whose worker dies: one that takes all memory would go on forever.
_MORE_TRIES = 2
# Seconds to wait for an address, and for what answers there to prove itself a cluster.
_PATIENCE = (10, 60)
# Bytes; tasks are paths and results numbers. Ray takes a third of the memory where nobody says.
_STORE = 100 * 2**20


@dataclass(frozen=True)
class RayWorkers:
    """The places for workers that a cluster has.

    Attributes:
        number: of workers.
        gpus: of each, 0 or 1.
    """

    number: int
    gpus: int = 0


def check_ray(address: str) -> None:
    """Raise ConfigError where Ray is not installed, or an address cannot be one of Ray's."""
    if importlib.util.find_spec('ray') is None:
        raise ConfigError(f"--ray {address}: Ray is not installed: pip install 'salkit[ray]'")
    host, _, port = address.rpartition(':')
    is_address = bool(host) and '/' not in host and port.isdecimal() and int(port) < 2**16
    if address not in (LOCAL, 'auto') and not is_address:
        raise ConfigError(
            f'--ray {address}: expected local, auto (the cluster that this machine is a part of) '
            'or HOST:PORT, where `ray start --head` runs'
        )


@contextmanager
def ray_session(
    address: str, workers: int | None = None, gpus: bool = False
) -> Iterator[RayWorkers]:
    """Be connected with Ray in a block. A program that is connected already stays so.

    Args:
        address: 'local' starts Ray here, for this block alone, and no other machine can reach it;
            else a cluster, see `check_ray`.
        workers: how many; by default one a GPU where the cluster has some, else one a core.
        gpus: whether workers can use GPUs.

    Raises:
        ConfigError: see `check_ray`; or nothing answers within 70 s.
    """
    check_ray(address)
    check_workers(workers)
    # Ray reads these when it is imported: it tells nobody of its use, and listens to this machine
    # alone (a switch for other systems, which works on Linux too).
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    if address == LOCAL:
        os.environ.setdefault('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER', '0')
    import ray

    if address != LOCAL:
        _check_reachable(address)
    if ray.is_initialized():
        yield _places(workers, gpus)
        return
    how: dict[str, Any] = dict(address=address, log_to_driver=False, logging_level='ERROR')
    if address == LOCAL:
        how |= dict(
            num_cpus=check_workers(workers), include_dashboard=False, object_store_memory=_STORE
        )
    try:
        # Ray says on stdout, where results go, which workers died.
        with redirect_stdout(sys.stderr):
            with _own_signals():
                try:
                    ray.init(**how)
                except (OSError, RuntimeError, ValueError) as error:
                    raise ConfigError(f'--ray {address}: {one_line(error)}') from error
            yield _places(workers, gpus)
    finally:
        ray.shutdown()


def _places(workers: int | None, gpus: bool) -> RayWorkers:
    import ray

    found = ray.cluster_resources()
    each = 1 if gpus and found.get('GPU', 0) >= 1 else 0
    return RayWorkers(workers or max(1, int(found.get('GPU' if each else 'CPU', 1))), each)


def _check_reachable(address: str) -> None:
    """Raise ConfigError unless a cluster is there: Ray would try for minutes, then end us."""
    host, _, port = address.rpartition(':')
    try:
        if host:
            socket.create_connection((host, int(port)), _PATIENCE[0]).close()
    except OSError as error:
        raise ConfigError(f'--ray {address}: cannot be reached ({one_line(error)})') from error
    # A process of its own can be ended, whatever answers there.
    connect = 'import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False)'
    try:
        subprocess.run(
            [sys.executable, '-c', connect, address],
            capture_output=True,
            check=True,
            text=True,
            timeout=_PATIENCE[1],
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f'--ray {address}: what is there does not answer as a Ray cluster does'
        ) from error
    except subprocess.CalledProcessError as error:
        if 'InvalidAuthToken' in error.stderr:
            raise ConfigError(
                f'--ray {address}: the cluster asks for its token: set RAY_AUTH_MODE=token, with '
                'the token in ~/.ray/auth_token or RAY_AUTH_TOKEN'
            ) from error
        last = (error.stderr.strip().splitlines() or ['no reason was given'])[-1]
        raise ConfigError(f'--ray {address}: {one_line(Exception(last))}') from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handler of SIGTERM, which Ray replaces by one that ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


class _Worker:
    """The actor: a process that keeps what its tasks share, a model for one.

    Args:
        version: of salkit where the tasks come from.
        folder: where they come from; relative paths lead from there.
        gpus: that this worker has.
    """

    def __init__(self, version: str, folder: str, gpus: int) -> None:
        self._version, self._folder, self._gpus = version, folder, gpus
        self._shared: object = None
        self._is_ready = False

    def get_ready(self) -> None:
        """Raise ConfigError where this machine cannot do the tasks.

        Not in `__init__`, whose errors Ray gives back as text.
        """
        if self._is_ready:
            return
        if self._version != __version__:
            raise ConfigError(
                f'{socket.gethostname()}: has salkit {__version__}, expected {self._version}'
            )
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise ConfigError(
                f'{socket.gethostname()}: {self._folder}: {error.strerror}; paths must be the same '
                'on all machines'
            ) from error
        reuse_memory()
        if not self._gpus:
            # It is given one core, which Ray says to all other libraries.
            import cv2

            cv2.setNumThreads(1)
        self._is_ready = True

    def call(
        self, function: Callable[[Any, Any], Any], task: object, kept: list[Any]
    ) -> tuple[object, list[Warning]]:
        """What the function gives, and salkit's warnings.

        `kept` holds the reference to what all tasks share. An argument of `__init__` would be
        fetched for us, but Ray warns of restarts with such.
        """
        import ray

        # After a restart, this is the first call.
        self.get_ready()
        if self._shared is None:
            self._shared = ray.get(kept[0])
        with warnings.catch_warnings(record=True) as caught:
            result = function(task, self._shared)
        ours = (each.message for each in caught)
        return result, [each for each in ours if isinstance(each, (DataWarning, PluginWarning))]


def run_on_ray(
    function: Callable[[Task, Shared], Result],
    tasks: Sequence[Task],
    shared: Shared,
    workers: RayWorkers,
    done: Callable[[Result], None],
    died: Callable[[Task], None] | None = None,
) -> None:
    """Call `function` for every task, as `run_tasks` does, in a `ray_session`.

    A worker that dies is started again, on another machine where its own is gone, and its task with
    it. One that gets no place, for want of free cores, is not waited for while others work.

    Args:
        function: of a module, takes a task and `shared`.
        tasks: in the order to start them in.
        shared: goes to every worker once; what it caches in itself stays there.
        workers: what the session gives.
        done: called here with each result once, as tasks end.
        died: called here with a task whose workers died each time; by default that is an error.

    Raises:
        SalkitError: what a task raised, or workers that die.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    kept = [ray.put(shared)]
    actor_class: Any = ray.remote(
        num_cpus=1, num_gpus=workers.gpus, max_restarts=-1, max_task_retries=_MORE_TRIES
    )(_Worker)
    left = deque(enumerate(tasks))
    # By what is waited for: the worker, and the number of its task, or None while it gets ready.
    busy: dict[Any, tuple[Any, int | None]] = {}

    def start() -> None:
        actor = actor_class.remote(__version__, os.getcwd(), workers.gpus)
        busy[actor.get_ready.remote()] = actor, None

    for _ in range(min(workers.number, len(tasks))):
        start()
    unfinished = len(tasks)
    try:
        while unfinished:
            [ref], _ = ray.wait(list(busy), num_returns=1)
            actor, number = busy.pop(ref)
            result, is_alive = None, True
            try:
                result = ray.get(ref)
            except RayTaskError as error:
                raise error.cause from error
            except RayError as error:
                is_alive = False
                if number is None:
                    raise SalkitError(
                        f'a worker of Ray cannot start: {_last_line(error)}'
                    ) from None
            # Busy again before its result is looked at.
            if left and is_alive:
                following, task = left.popleft()
                busy[actor.call.remote(function, task, kept)] = actor, following
            else:
                # Its place becomes free, for one that has lost its machine.
                ray.kill(actor)
            if left and not is_alive:
                start()
            if number is None:
                continue
            unfinished -= 1
            if result is not None:
                value, told = result
                for warning in told:
                    warnings.warn(warning, stacklevel=2)
                done(value)
            elif died is not None:
                died(tasks[number])
            else:
                raise SalkitError(
                    f'a worker process of Ray died {_MORE_TRIES + 1} times at the same task, '
                    'perhaps for want of memory; what is done is kept: run again to go on'
                )
    finally:
        for actor, _ in busy.values():
            ray.kill(actor)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return one_line(Exception(lines[-1] if lines else type(error).__name__))
