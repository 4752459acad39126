"""Prepares a data set: on all cores, in pieces, as often as it takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError, SalkitError, one_line
from ..utils.files import is_disk_full, locked_folder
from ..utils.parallel import check_stopped, check_workers, run_tasks
from .disk import Estimate, estimate, expected_frames
from .one_video import make_video
from .options import PrepareOptions
from .previous_run import look_at_earlier, others, remove_leftovers
from .published import find_published
from .report import FAILED, PREPARED, Outcome, PrepareReport
from .source import Found, VideoSource

LOCK = '.prepare.lock'


@dataclass(frozen=True)
class _Task:
    number: int
    source: VideoSource
    folder: Path
    options: PrepareOptions


@dataclass
class _Job:
    # Frames made of each video; a slot is written by one process only.
    made: Any


def prepare(
    kind: str,
    source: str | Path,
    destination: str | Path,
    options: PrepareOptions | None = None,
    *,
    found: Found | None = None,
    unannotated: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    force: bool = False,
    progress: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> PrepareReport:
    """Bring a published data set into salkit's layout, `<destination>/<split>/<video>/`.

    A video is made beside its place and renamed when it is complete. Those that are there are not
    made again, so that an interrupted run goes on when it is started once more. Nothing in
    `source` is changed.

    Args:
        kind: name of a public data set, such as 'dhf1k', or 'folder' with `found`.
        source: where it was unpacked to.
        destination: made where it is not there.
        options: how.
        found: the videos, where they have been looked for.
        unannotated: also prepare videos without ground truth.
        workers: processes; None for one a core.
        overwrite: make videos again that were prepared with other options.
        force: go on where the disk seems too small.
        progress: show a bar on stderr.
        tell: called with lines that a reader should see at once.

    Raises:
        ConfigError: options that contradict those of an earlier run, or another run at work.
        DataError: nothing to prepare, or too little space.
    """
    options = options or PrepareOptions()
    workers = check_workers(workers)
    root = Path(source).expanduser()
    target = Path(destination).expanduser().absolute()
    _check_places(root, target)
    if found is None:
        found = find_published(kind, root.absolute(), unannotated, options.map_bits)
    report = PrepareReport(kind, root, target, expected=found.expected, left_out=found.left_out)
    if not found.videos:
        reasons = '; '.join(f'{len(names)}: {why}' for why, names in found.left_out.items())
        raise DataError(f'{root}: nothing is left to prepare ({reasons})')
    _check_unique(found.videos)
    target.mkdir(parents=True, exist_ok=True)
    with locked_folder(target, LOCK, 'salkit prepare'):
        remove_leftovers(target)
        outcomes = look_at_earlier(found.videos, target, options, overwrite)
        report.others = others(found.videos, target)
        todo = [
            _Task(number, video, target / video.split / video.name, options)
            for number, video in enumerate(found.videos)
            if number not in outcomes
        ]
        if todo:
            frames = [expected_frames(task.source) for task in todo]
            need = estimate([task.source for task in todo], frames, target, options)
            tell(f'{len(todo)} videos to prepare: {need}')
            _check_space(need, target, force)
            outcomes |= _run(todo, frames, workers, progress, tell)
    report.outcomes = [outcomes[number] for number in sorted(outcomes)]
    return report


def _check_places(source: Path, destination: Path) -> None:
    if not source.is_dir():
        raise DataError(f'{source}: the folder does not exist')
    inside, outside = destination.resolve(), source.resolve()
    if inside == outside or outside in inside.parents:
        raise ConfigError(
            f'{destination}: the destination must lie outside of the source {source}, which is '
            'left as it is'
        )


def _check_unique(videos: Sequence[VideoSource]) -> None:
    seen: dict[str, VideoSource] = {}
    for video in videos:
        # Some file systems take names for equal that differ in case.
        first = seen.setdefault(video.label.lower(), video)
        if first is not video:
            raise DataError(
                f'{video.stimulus} and {first.stimulus} would both become {video.label}'
            )


def _check_space(need: Estimate, target: Path, force: bool) -> None:
    if need.bytes > need.free and not force:
        from ..utils.text import in_units

        raise DataError(
            f'{target}: about {in_units(need.bytes)} are needed and {in_units(need.free)} are '
            'free; --force starts nevertheless, --format jpg or --keep-video takes less'
        )


# Running ---------------------------------------------------------------------------------------


def _run(
    tasks: Sequence[_Task],
    frames: Sequence[int],
    workers: int,
    progress: bool,
    tell: Callable[[str], None],
) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    slots = {task.number: i for i, task in enumerate(tasks)}
    job = _Job(RawArray('q', len(tasks)))
    numbered = [(slots[task.number], task) for task in tasks]
    with _bar(job.made, frames, progress) as totals:

        def done(result: tuple[int, Outcome]) -> None:
            slot, outcome = result
            outcomes[tasks[slot].number] = outcome
            # From now on, what there was to do is known.
            totals[slot] = job.made[slot]
            if outcome.status == FAILED and progress:
                tell(f'failed: {outcome.split}/{outcome.name}: {outcome.note}')

        try:
            run_tasks(_work, numbered, job, workers, done)
        except KeyboardInterrupt:
            tell(
                f'{len(outcomes)} of {len(tasks)} videos are done; the same command goes on from '
                'there'
            )
            raise
    return outcomes


def _work(numbered: tuple[int, _Task], job: _Job) -> tuple[int, Outcome]:
    """Make one video."""
    slot, task = numbered
    name, split = task.source.name, task.source.split

    def advance(count: int) -> None:
        check_stopped()
        job.made[slot] += count

    try:
        made = make_video(task.source, task.folder, task.options, advance)
    except SalkitError as error:
        return slot, Outcome(name, split, FAILED, 0, one_line(error))
    except OSError as error:
        if is_disk_full(error):
            # All videos after this one would fail, too.
            raise DataError(
                f'{task.folder}: {error.strerror}; what is done is kept: make room and run again'
            ) from error
        return slot, Outcome(name, split, FAILED, 0, one_line(error))
    except Exception as error:
        # One video of thousands must not stop the others.
        return slot, Outcome(name, split, FAILED, 0, f'{type(error).__name__}: {one_line(error)}')
    return slot, Outcome(name, split, PREPARED, made.frames, made.note)


@contextmanager
def _bar(made: Any, frames: Sequence[int], shown: bool) -> Iterator[list[int]]:
    """A bar that follows the frames made; gives their expected numbers, to be corrected."""
    totals = list(frames)
    if not shown:
        yield totals
        return
    from tqdm import tqdm

    ended = threading.Event()
    with tqdm(total=sum(totals), unit='frame', desc='prepare', smoothing=0.05) as bar:

        def follow() -> None:
            while not ended.wait(0.5):
                _show(bar, made, totals)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield totals
        finally:
            ended.set()
            thread.join()
            with suppress(OSError):
                _show(bar, made, totals)


def _show(bar: Any, made: Any, totals: Sequence[int]) -> None:
    bar.total = sum(totals)
    bar.update(sum(made) - bar.n)
