"""Training and testing rows of the tables: what is missing, some at once, none stopping others."""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DataError
from ..utils.files import whole_file
from .jobs import CONFIG_RECORD, Job
from .tables import SCORES

LOG, LOCK = 'sweep.log', '.sweep.lock'


@dataclass
class Outcome:
    """How a job ended: `error` is None where it has its scores; `seconds` it took."""

    job: Job
    error: str | None
    seconds: float = 0.0


@dataclass
class Slots:
    """How many jobs run at once, and what each of them gets.

    Attributes:
        count: at most this many.
        gpus: GPUs to share out; empty leaves the choice to the job.
        threads: OMP threads a job, None for the library's own choice.
    """

    count: int = 1
    gpus: Sequence[int] = ()
    threads: int | None = None
    free: queue.Queue = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        for slot in range(self.count):
            self.free.put(slot)

    @contextlib.contextmanager
    def environment(self) -> Iterator[dict[str, str]]:
        """Variables for one job, while it holds a slot."""
        slot = self.free.get()
        try:
            environment = dict(os.environ)
            if self.gpus:
                environment['CUDA_VISIBLE_DEVICES'] = str(self.gpus[slot % len(self.gpus)])
            if self.threads:
                environment.setdefault('OMP_NUM_THREADS', str(self.threads))
            yield environment
        finally:
            self.free.put(slot)


class Sweep:
    """Runs jobs, each a process of its own.

    Args:
        jobs: what to run.
        slots: how many at once.
        wrap: makes the command of a job, `slurm_command` for instance; None for the job's own.
        tell: is given one line for every job that ends.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        slots: Slots,
        wrap: Callable[[Job], list[str]] | None = None,
        tell: Callable[[str], None] = print,
    ) -> None:
        self.jobs, self.slots, self.wrap, self.tell = jobs, slots, wrap, tell
        self.running: set[subprocess.Popen] = set()
        self.lock = threading.Lock()
        self.stopping = False

    def run(self, progress: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Run all jobs; a failing one is noted and never stops the others.

        Args:
            progress: called once a job ends.

        Returns:
            One outcome a job, in the order they ended.
        """
        outcomes = []
        pool = ThreadPoolExecutor(self.slots.count)
        try:
            for future in as_completed([pool.submit(self._run_one, job) for job in self.jobs]):
                outcome = future.result()
                outcomes.append(outcome)
                status = outcome.error or f'done in {outcome.seconds:.0f} s'
                self.tell(f'{outcome.job.name}: {status}')
                progress()
        except BaseException:
            self.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        pool.shutdown()
        return outcomes

    def stop(self, patience: float = 15.0) -> None:
        """End every running job: ask first, then kill."""
        with self.lock:
            self.stopping = True
            running = list(self.running)
        for process in running:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + patience
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)

    def _run_one(self, job: Job) -> Outcome:
        start = time.monotonic()
        try:
            with self.slots.environment() as environment, _locked(job.work_dir) as lock:
                error = self._attempt(job, environment, lock)
        except (OSError, DataError) as problem:
            error = f'failed: {problem}'
        return Outcome(job, error, time.monotonic() - start)

    def _attempt(self, job: Job, environment: dict[str, str], lock: int) -> str | None:
        conflict = job.conflict()
        if conflict:
            return f'failed: {conflict}'
        for path in (job.work_dir / CONFIG_RECORD, job.config_file):
            if path is not None:
                with whole_file(path) as temporary:
                    temporary.write_text(job.config_text, encoding='utf-8')
        command = self.wrap(job) if self.wrap else job.command
        with open(job.work_dir / LOG, 'a', encoding='utf-8') as log:
            log.write(f'$ {shlex.join(command)}\n')
            log.flush()
            with self.lock:
                if self.stopping:
                    return 'not started'
                process = subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    pass_fds=[lock],
                )
                self.running.add(process)
            status = process.wait()
            with self.lock:
                self.running.discard(process)
        if status:
            return f'failed with status {status}: {_last_line(job.work_dir / LOG)}'
        return None if job.done else f'failed: it ended without {job.work_dir / SCORES}'


def _signal_group(process: subprocess.Popen, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors='replace').splitlines() if line.strip()]
    return f'{lines[-1].strip()[:300]} ({log})' if lines else str(log)


@contextlib.contextmanager
def _locked(work_dir: Path) -> Iterator[int]:
    """Hold the work dir; the lock lasts as long as this process or a child that inherits it.

    A job whose parent was killed goes on, and nothing else may write where it writes.
    """
    import fcntl

    work_dir.mkdir(parents=True, exist_ok=True)
    with open(work_dir / LOCK, 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f'{work_dir}: a run is going on there already') from None
        yield file.fileno()
