"""Prepares a data set: on all cores, in pieces, as often as it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from ..datasets.published import LAYOUT, get_published
from ..errors import ConfigError, DataError, SalkitError, one_line
from ..utils.files import is_disk_full, locked_folder
from ..utils.folders import check_folder, check_folder_place
from ..utils.leftovers import remove_leftovers
from ..utils.parallel import Stopped, check_workers, run_tasks
from .folder import find_folder
from .observers import write_observers
from .one_video import make_video
from .options import PrepareOptions
from .previous_run import finished_before, folders_at
from .report import FAILED, PREPARED, SPLITS, Outcome, PrepareReport
from .sources import VideoSource, find_published

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
    try:
        dataset = LAYOUT if kind == 'folder' else get_published(kind)
    except ConfigError as error:
        raise ConfigError(f'{error} (folder: videos of your own)') from error
    _check_places(root, target)
    if kind == 'folder' and options.fold is not None:
        raise ConfigError('--fold goes with public data sets')
    report = PrepareReport(kind, root, target, dataset)
    find = find_folder if kind == 'folder' else find_published
    videos = find(root.absolute(), options, report)
    if not videos:
        reasons = '; '.join(f'{len(names)}: {why}' for why, names in report.left_out.items())
        raise DataError(f'{root}: nothing is left to prepare ({reasons})')
    _check_unique(videos)
    target.mkdir(parents=True, exist_ok=True)
    with locked_folder(target, LOCK, 'salkit prepare'):
        for split in SPLITS:
            remove_leftovers(target / split)
        there = folders_at(target)
        outcomes = finished_before(videos, there, options)
        report.others = sorted(there.keys() - {video.label for video in videos})
        todo = [video for video in videos if video.label not in outcomes]
        if todo:
            tell(f'{len(todo)} videos to prepare')
            outcomes |= _make_all(todo, (target, options), progress, tell)
        done = [video for video in videos if outcomes[video.label].status != FAILED]
        report.observers = write_observers(done, target)
    report.outcomes = [outcomes[video.label] for video in videos]
    return report


def _check_places(source: Path, destination: Path) -> None:
    check_folder(source, 'the folder')
    check_folder_place('DESTINATION', destination)
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


def _make_all(
    todo: Sequence[VideoSource],
    job: tuple[Path, PrepareOptions],
    progress: bool,
    tell: Callable[[str], None],
) -> dict[str, Outcome]:
    """Make the videos of `todo`, to a destination with options; outcomes by label."""
    outcomes: dict[str, Outcome] = {}
    with tqdm(total=len(todo), unit='video', desc='prepare', disable=not progress) as bar:

        def done(outcome: Outcome) -> None:
            outcomes[outcome.label] = outcome
            bar.update()
            if outcome.status == FAILED and progress:
                tell(f'failed: {outcome.label}: {outcome.note}')

        try:
            run_tasks(_make_one, todo, job, check_workers(job[1].workers), done)
        except KeyboardInterrupt:
            tell(
                f'{len(outcomes)} of {len(todo)} videos are done; the same command goes on from '
                'there'
            )
            raise
    return outcomes


def _make_one(video: VideoSource, job: tuple[Path, PrepareOptions]) -> Outcome:
    target, options = job
    folder = target / video.label
    try:
        made = make_video(video, folder, options)
        return Outcome(video.name, video.split, PREPARED, made.frames, made.note)
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
        return Outcome(video.name, video.split, FAILED, 0, f'{kind}{one_line(error)}')
