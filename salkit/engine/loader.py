"""Data loaders that can start anywhere, and that notice workers who die or hang.

What a sample draws at random follows from the run's seed, the epoch and the sample's place in it,
whichever worker makes it. A loader may then begin in the middle of an epoch, or lose its workers
and start new ones, and gives what it would have given.
"""

from __future__ import annotations

import logging
import multiprocessing
import random
import re
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

import numpy as np
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.dist import get_rank
from mmengine.logging import print_log
from torch.utils.data import DataLoader, Dataset, Sampler

from ..errors import SalkitError
from ..utils.leftovers import process_state
from ..utils.parallel import end_with_parent
from ..utils.text import listed

# Seconds that a batch may take before the workers count as hanging.
WORKER_TIMEOUT = 300
_LOST_WORKER = re.compile(r'DataLoader worker \(pid')
# The loader that waits for its workers, whose death is its business.
_waiting: WatchedDataLoader | None = None


class WorkerError(SalkitError):
    """A worker process of a data loader died or hung, and so did its successor."""


class _LostWorker(Exception):
    """A worker has died."""


class SampleNumber(int):
    """A sample's number that knows the random numbers of its place in the run."""

    stream: tuple[int, ...]

    @classmethod
    def at(cls, number: int, stream: tuple[int, ...]) -> SampleNumber:
        """Make one.

        Args:
            number: the sample's.
            stream: whole numbers of at least 0 from which its random numbers follow.
        """
        made = cls(number)
        made.stream = stream
        return made


def seed_all(stream: tuple[int, ...]) -> None:
    """Seed torch, NumPy and Python from some whole numbers of at least 0."""
    seeds = np.random.SeedSequence(stream).generate_state(3)
    torch.manual_seed(int(seeds[0]))
    np.random.seed(int(seeds[1]))
    random.seed(int(seeds[2]))


def inner_datasets(dataset: Dataset) -> Iterator[Dataset]:
    """The data sets inside wrappers such as ConcatDataset, or `dataset` itself."""
    inner = getattr(dataset, 'datasets', None) or getattr(dataset, 'dataset', None)
    if inner is None:
        yield dataset
    else:
        for item in inner if isinstance(inner, (list, tuple)) else [inner]:
            yield from inner_datasets(item)


class SeededDataset(Dataset):
    """A data set whose samples draw the random numbers of their place in the run.

    Args:
        dataset: what to draw from; `set_epoch` of it is called in the worker, too.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._epoch: int | None = None

    @property
    def metainfo(self) -> object:
        """That of the data set."""
        return getattr(self.dataset, 'metainfo', None)

    def set_epoch(self, epoch: int) -> None:
        """Tell the data sets inside which epoch to draw random clips for."""
        self._epoch = epoch
        for dataset in inner_datasets(self.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, number: int) -> Any:
        if isinstance(number, SampleNumber):
            epoch = number.stream[1]
            # A worker that outlives an epoch has a copy of the data set.
            if epoch != self._epoch:
                self.set_epoch(epoch)
            seed_all(number.stream)
        return self.dataset[int(number)]


class PositionedSampler(Sampler):
    """What another sampler gives, from any place on, each number with its random stream.

    Args:
        inner: a sampler, or a batch sampler. An endless one is replaced by one that is not, as
            salkit's loops go round by themselves.
        seed: the run's.

    Attributes:
        first: how many to leave out, once.
    """

    def __init__(self, inner: Any, seed: int | None) -> None:
        if isinstance(inner, InfiniteSampler):
            inner = DefaultSampler(inner.dataset, inner.shuffle, inner.seed)
        self.inner = inner
        self.seed = seed or 0
        self.epoch = 0
        self.first = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw for another epoch."""
        self.epoch = epoch
        for sampler in self._inside():
            if hasattr(sampler, 'set_epoch'):
                sampler.set_epoch(epoch)

    def reseed(self, seed: int) -> None:
        """Draw as a run of another seed: one that is resumed has that of the checkpoint."""
        for sampler in self._inside():
            if getattr(sampler, 'seed', None) == self.seed:
                sampler.seed = seed
        self.seed = seed

    @property
    def sampler(self) -> PositionedSampler:
        """Itself: of a batch sampler, mmengine asks for the one inside to tell it the epoch."""
        return self

    def _inside(self) -> list[Any]:
        return [self.inner, getattr(self.inner, 'sampler', None)]

    def __iter__(self) -> Iterator[Any]:
        stream = (self.seed, self.epoch, get_rank())
        for place, drawn in islice(enumerate(self.inner), self.first, None):
            if isinstance(drawn, (list, tuple)):
                yield [SampleNumber.at(n, (*stream, place, j)) for j, n in enumerate(drawn)]
            else:
                yield SampleNumber.at(drawn, (*stream, place))

    def __len__(self) -> int:
        return len(self.inner)


def start_worker(number: int, then: Callable[[int], object] | None = None) -> None:
    """What a loader's worker does first.

    Signals to the whole group of processes are the main one's to answer, and a worker ends when
    that one is gone.

    Args:
        number: the worker's.
        then: called after that.
    """
    for name in ('SIGINT', 'SIGTERM', 'SIGUSR1', 'SIGHUP'):
        # Windows has not all of them.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    end_with_parent()
    if then is not None:
        then(number)


class WatchedDataLoader(DataLoader):
    """A data loader that can start anywhere in an epoch, and replaces workers that die or hang.

    A worker that died is named in a warning, and so are those that have given nothing for
    `worker_timeout` seconds: all of them are ended and started anew where they were, once for each
    batch. (`timeout` of a DataLoader notices no worker that stops while it hands over a tensor.)

    Args:
        plain: a loader to do as, none of whose workers has been started; its `timeout` is taken as
            `worker_timeout`.
        seed: the run's.
        seeded: whether each sample draws the random numbers of its place, as training needs.

    Attributes:
        first_batch: where the next epoch begins, once.

    Raises:
        WorkerError: while iterating; the new workers came no further.
    """

    def __init__(self, plain: DataLoader, seed: int | None, seeded: bool) -> None:
        self.first_batch = 0
        self.worker_timeout = plain.timeout
        # What was found out when workers hung.
        self._hung = ''
        self._children: list[BaseProcess] = []
        # Before multiprocessing waits for them, who heed no SIGTERM.
        weakref.finalize(self, _kill, self._children)
        options: dict[str, Any] = dict(
            num_workers=plain.num_workers,
            collate_fn=plain.collate_fn,
            pin_memory=plain.pin_memory,
            worker_init_fn=partial(start_worker, then=plain.worker_init_fn),
            multiprocessing_context=plain.multiprocessing_context,
            # Of its own: torch draws a number for each new set of workers, which a resumed run has
            # where another one has not.
            generator=torch.Generator(),
            prefetch_factor=plain.prefetch_factor,
            persistent_workers=plain.persistent_workers,
            in_order=plain.in_order,
        )
        dataset = SeededDataset(plain.dataset) if seeded else plain.dataset
        # Of the batches, where somebody else makes them.
        whole = plain.batch_size is None and plain.batch_sampler is not None
        self.position = PositionedSampler(plain.batch_sampler if whole else plain.sampler, seed)
        if whole:
            super().__init__(dataset, batch_sampler=self.position, **options)
        else:
            super().__init__(
                dataset,
                plain.batch_size,
                sampler=self.position,
                drop_last=plain.drop_last,
                **options,
            )

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """The batches of an epoch from `first_batch` on, in order."""
        place, self.first_batch = self.first_batch, 0
        failed_at = None
        while True:
            self.position.first = place * (self.batch_size or 1)
            try:
                for batch in self._watched():
                    place += 1
                    yield batch
                return
            except Exception as error:
                if not self._is_of_workers(error):
                    raise
                found = self._what_happened()
                self.end_workers()
            if failed_at == place:
                raise WorkerError(
                    f'{found}; the one that took its place came no further at batch {place + 1} of '
                    f'{len(self)}: see whether memory runs out (num_workers, batch_size) or a file '
                    'cannot be read in time (worker_timeout)'
                )
            failed_at = place
            print_log(f'{found}; new workers go on there', 'current', logging.WARNING)

    def _watched(self) -> Iterator[Any]:
        """The batches, while the death of a worker is an error in here and nowhere else.

        torch raises it wherever the main process is then, be it within a step of the optimizer.
        """
        before = set(multiprocessing.active_children())
        listening = _ListenForWorkers(self)
        try:
            if self._dead():
                raise _LostWorker
            with listening:
                # Where workers outlive an epoch, they are asked here whether they are there.
                batches = super().__iter__()
            new = [child for child in multiprocessing.active_children() if child not in before]
            if new:
                self._children[:] = new
            listening.begin()
            while True:
                if self._dead():
                    raise _LostWorker
                with listening:
                    batch = next(batches, self)
                if batch is self:
                    return
                yield batch
        finally:
            # A worker may end while a `with` is being entered, which then is not left.
            listening.end()

    def _dead(self) -> list[BaseProcess]:
        return [child for child in self._children if child.exitcode]

    def _is_of_workers(self, error: Exception) -> bool:
        """Whether `error` is that of a worker which died, or which was killed as it hung."""
        if self._hung or isinstance(error, _LostWorker):
            return True
        if isinstance(error, (OSError, EOFError)):
            # Of a connection that its end has cut; the system may be slower to tell of that.
            for child in self._children:
                child.join(0.5)
        return bool(self._dead()) or bool(_LOST_WORKER.match(str(error)))

    def _what_happened(self) -> str:
        hung, self._hung = self._hung, ''
        if hung:
            return hung
        ends = ', '.join(f'{child.pid} ({_ending(child.exitcode)})' for child in self._dead())
        return f'worker process {ends or "of unknown number"} of the data loader ended'

    def _end_hanging(self) -> None:
        """Kill workers that give nothing: whatever the main process waits for then fails."""
        pids = [child.pid for child in self._children]
        stopped = [pid for pid in pids if _is_stopped(pid)]
        self._hung = (
            f'the workers of the data loader gave nothing for {self.worker_timeout:g} s '
            f'(worker_timeout): process {listed(list(map(str, stopped or pids)))} '
            f'{"is stopped" if stopped else "at work"}'
        )
        for child in self._children:
            child.kill()

    def end_workers(self) -> None:
        """End the worker processes at once, also those that are stopped."""
        global _waiting
        # Their ends are no news.
        _waiting = None
        _kill(self._children)
        # Where the base class keeps those that outlive an epoch.
        self._iterator = None


def _kill(children: list[BaseProcess]) -> None:
    for child in children:
        child.kill()
    for child in children:
        child.join()
    children.clear()


class _ListenForWorkers:
    """Has the end of a worker raise where a loader waits for a batch."""

    def __init__(self, loader: WatchedDataLoader) -> None:
        self._loader = loader
        self._timer: threading.Timer | None = None
        main = threading.current_thread() is threading.main_thread()
        self._possible = main and hasattr(signal, 'SIGCHLD') and loader.num_workers > 0
        if self._possible:
            self._earlier = signal.getsignal(signal.SIGCHLD)

    def begin(self) -> None:
        """Take the place of torch's own handler, which the first workers bring."""
        if self._possible and signal.getsignal(signal.SIGCHLD) is not _child_ended:
            signal.signal(signal.SIGCHLD, _child_ended)
            # That of torch, brought by a loader of somebody else's, raises anywhere.
            if callable(self._earlier) and not self._earlier.__module__.startswith('torch.'):
                _others.append(self._earlier)

    def __enter__(self) -> None:
        global _waiting
        _waiting = self._loader
        if self._loader.worker_timeout:
            self._timer = threading.Timer(self._loader.worker_timeout, self._loader._end_hanging)
            self._timer.daemon = True
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let the end of a worker be no error."""
        global _waiting
        if _waiting is self._loader:
            _waiting = None
        if self._timer is not None:
            self._timer.cancel()


# What was to be called when a child ends before any loader had workers.
_others: list[Callable[[int, FrameType | None], object]] = []


def _child_ended(number: int, frame: FrameType | None) -> None:
    for other in _others:
        other(number, frame)
    if _waiting is not None and _waiting._dead():
        raise _LostWorker


def _ending(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f'killed by {signal.Signals(-exitcode).name}'
    return f'exit code {exitcode}'


def _is_stopped(pid: int | None) -> bool:
    return pid is not None and process_state(pid) in ('T', 't')
