"""Jobs that run one after another, in a thread of their own."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import SalkitError, one_line


class CancelledError(Exception):
    """Raised inside a job that is to end."""


class BusyError(SalkitError):
    """Too many jobs wait already."""


class Job:
    """A piece of work and how far it is. Made by `JobQueue.submit`.

    Attributes:
        state: 'waiting', 'running', 'done', 'failed' or 'cancelled'.
        result: what the work returned, when done.
        error: one line, when failed.
        step: what is done now, in a few words.
        seconds: that it ran, when ended.
        done: frames done in this step.
        total: frames of this step.
    """

    def __init__(self, work: Callable[[Job], Any]) -> None:
        self._work = work
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._started = 0.0
        self.seconds = 0.0
        self.state = 'waiting'
        self.result: Any = None
        self.error = ''
        self.step, self.done, self.total = '', 0, 0

    @property
    def ended(self) -> bool:
        """Whether nothing more happens."""
        return self._ended.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False when it has not come in `timeout` seconds."""
        return self._ended.wait(timeout)

    def begin(self, step: str, total: int) -> None:
        """For the work: a step of `total` frames begins.

        Raises:
            CancelledError: the job is to end.
        """
        self._started = time.monotonic()
        self.step, self.done, self.total = step, 0, total
        self.check()

    def advance(self, count: int = 1) -> None:
        """For the work: `count` more frames of the step are done.

        Raises:
            CancelledError: the job is to end.
        """
        self.done += count
        self.check()

    def check(self) -> None:
        """For the work.

        Raises:
            CancelledError: the job is to end.
        """
        if self._cancelled.is_set():
            raise CancelledError

    @property
    def speed(self) -> float:
        """Frames per second in this step; 0 before its first frame."""
        seconds = time.monotonic() - self._started
        return self.done / seconds if self.done and seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Of this step; None where there is nothing to tell it by."""
        return (self.total - self.done) / self.speed if self.speed else None

    def _end(self, state: str) -> None:
        self.state = state
        self._ended.set()

    def _run(self) -> None:
        self.state = 'running'
        state, begun = 'failed', time.monotonic()
        try:
            self.check()
            self.result = self._work(self)
            state = 'done'
        except CancelledError:
            state = 'cancelled'
        except (SalkitError, OSError) as error:
            self.error = one_line(error)
        except Exception as error:
            # Whatever a file or a model does, the next job runs.
            self.error = f'{type(error).__name__}: {one_line(error)}'
            logging.getLogger('salkit').exception('a job failed')
        finally:
            self.seconds = time.monotonic() - begun
            self._end(state)


class JobQueue:
    """Runs one job at a time, in the order they came.

    Args:
        waiting: jobs that may wait behind the one that runs.
    """

    def __init__(self, waiting: int) -> None:
        self._limit = waiting
        self._jobs: deque[Job] = deque()
        self._running: Job | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name='salkit-jobs', daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Job], Any]) -> Job:
        """Put work at the end of the queue.

        Args:
            work: is called with its job, in the queue's thread; calls `job.begin` and
                `job.advance`, which raise where it is to end.

        Raises:
            BusyError: too many jobs wait.
        """
        with self._changed:
            if len(self._jobs) >= self._limit or self._closed:
                raise BusyError('Too many people are waiting. Please try again in a while.')
            job = Job(work)
            self._jobs.append(job)
            self._changed.notify_all()
        return job

    def place(self, job: Job) -> int:
        """How many jobs come before this one; 0 for one that runs or has ended."""
        with self._changed:
            if job not in self._jobs:
                return 0
            return self._jobs.index(job) + (self._running is not None)

    def cancel(self, job: Job) -> None:
        """Let a job end: at once where it waits, after its present frame where it runs."""
        with self._changed:
            job._cancelled.set()
            if job in self._jobs:
                self._jobs.remove(job)
                job._end('cancelled')

    def close(self, timeout: float = 10.0) -> None:
        """Cancel everything and wait for the end of the job that runs."""
        with self._changed:
            self._closed = True
            jobs = [*self._jobs, *([self._running] if self._running else [])]
            self._changed.notify_all()
        for job in jobs:
            self.cancel(job)
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if self._closed:
                    return
                self._running = job = self._jobs.popleft()
            job._run()
            with self._changed:
                self._running = None
