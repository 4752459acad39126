"""Prepares a data set: on all cores, in pieces, as often as it takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ..datasets.published import LAYOUT
from ..errors import ConfigError, DataError, SalkitError, one_line
from ..utils.files import is_disk_full, locked_folder
from ..utils.folders import remove_leftovers
from ..utils.parallel import Stopped, check_workers, run_tasks
from ..utils.text import in_units
from .folder import find_folder
from .one_video import make_video
from .options import PrepareOptions
from .previous_run import decide_by_earlier, folders_at
from .report import FAILED, PREPARED, Outcome, PrepareReport
from .sources import SPLITS, VideoSource, find_published

LOCK = '.prepare.lock'


def prepare(
    kind: str,
    source: str | Path,
    destination: str | Path,
    options: PrepareOptions | None = None,
    *,
    progress: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> PrepareReport:
    """Bring a published data set into salkit's layout, `<destination>/<split>/<video>/`.

    A video is made beside its place and renamed when it is complete. Those that are there are not
    made again, so that an interrupted run goes on when it is started once more. Nothing in
    `source` is changed.

    Args:
        kind: name of a public data set, such as 'ucf-sports', or 'folder' for any videos.
        source: where it was unpacked to.
        destination: made where it is not there.
        options: what is made, and how.
        progress: show a bar on stderr.
        tell: called with lines that a reader should see at once.

    Raises:
        ConfigError: no such data set, options that contradict those of an earlier run, or another
            run at work.
        DataError: nothing to prepare, or no space left.
    """
    options = options or PrepareOptions()
    root = Path(source).expanduser()
    target = Path(destination).expanduser().absolute()
    _check_places(root, target)
    find = find_folder if kind == 'folder' else lambda *given: find_published(kind, *given)
    sources = find(root.absolute(), options)
    report = PrepareReport(kind, root, target, sources.dataset or LAYOUT, sources.left_out)
    if not sources.videos:
        reasons = '; '.join(f'{len(names)}: {why}' for why, names in sources.left_out.items())
        raise DataError(f'{root}: nothing is left to prepare ({reasons})')
    _check_unique(sources.videos)
    target.mkdir(parents=True, exist_ok=True)
    with locked_folder(target, LOCK, 'salkit prepare'):
        for split in SPLITS:
            remove_leftovers(target / split)
        there = folders_at(target)
        outcomes = decide_by_earlier(sources.videos, there, options)
        report.others = sorted(there.keys() - {video.label for video in sources.videos})
        todo = [i for i in range(len(sources.videos)) if i not in outcomes]
        if todo:
            tell(f'{len(todo)} videos to prepare')
            outcomes |= _make_all(_Job(sources.videos, target, options), todo, progress, tell)
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


def disk_use(folder: Path) -> int:
    """Bytes on disk of the files in a folder that are no links to files elsewhere."""
    paths = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    stats = (os.lstat(path) for path in paths if not os.path.islink(path))
    return sum(512 * stat.st_blocks for stat in stats if stat.st_nlink == 1)


@dataclass(frozen=True)
class _Job:
    videos: Sequence[VideoSource]
    target: Path
    options: PrepareOptions

    def folder(self, number: int) -> Path:
        video = self.videos[number]
        return self.target / video.split / video.name


def _make_all(
    job: _Job, todo: Sequence[int], progress: bool, tell: Callable[[str], None]
) -> dict[int, Outcome]:
    """Make the videos whose numbers are in `todo`."""
    outcomes: dict[int, Outcome] = {}
    estimated = False
    with tqdm(total=len(todo), unit='video', desc='prepare', disable=not progress) as bar:

        def done(result: tuple[int, Outcome]) -> None:
            nonlocal estimated
            number, outcome = result
            outcomes[number] = outcome
            bar.update()
            if outcome.status == FAILED and progress:
                tell(f'failed: {outcome.label}: {outcome.note}')
            if outcome.status == PREPARED and not estimated and len(outcomes) < len(todo):
                # From the first video; others compress otherwise.
                estimated = True
                need = disk_use(job.folder(number)) * (len(todo) - len(outcomes))
                free = shutil.disk_usage(job.target).free
                hint = '; --format jpg or --keep-video takes less' if need > free else ''
                tell(f'about {in_units(need)} more on disk, {in_units(free)} free{hint}')

        try:
            run_tasks(_make_one, todo, job, check_workers(job.options.workers), done)
        except KeyboardInterrupt:
            tell(
                f'{len(outcomes)} of {len(todo)} videos are done; the same command goes on from '
                'there'
            )
            raise
    return outcomes


def _make_one(number: int, job: _Job) -> tuple[int, Outcome]:
    video = job.videos[number]
    folder = job.folder(number)
    try:
        made = make_video(video, folder, job.options)
        return number, Outcome(video.name, video.split, PREPARED, made.frames, made.note)
    except Stopped:
        raise
    except Exception as error:
        if isinstance(error, OSError) and is_disk_full(error):
            # All videos after this one would fail, too.
            raise DataError(
                f'{folder}: {error.strerror}; what is done is kept: make room and run again'
            ) from error
        # One video of thousands must not stop the others.
        kind = '' if isinstance(error, (SalkitError, OSError)) else f'{type(error).__name__}: '
        return number, Outcome(video.name, video.split, FAILED, 0, f'{kind}{one_line(error)}')
