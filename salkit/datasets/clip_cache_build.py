"""Fills the cache of resized frames and maps: on all cores, and as often as it takes."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ConfigError, DataError, SalkitError, one_line
from ..utils.files import is_disk_full, locked_folder
from ..utils.parallel import check_workers, run_tasks
from .clip_cache import AUTO, CachedVideo, Column, StaleError, cache_folders
from .clip_cache_write import UNFINISHED, write_cached_video
from .layout import VideoRecord

# Bytes a pixel: three colours, and deflated maps (1.3 for Gaussians of DHF1K at 224 x 224).
FRAME_BYTES, MAP_BYTES = 3, 1.5
LOCK = '.lock'


@dataclass
class CacheReport:
    """What a run did.

    Attributes:
        folders: where cached videos lie.
        written: number of videos cached.
        kept: number of videos that were cached already.
        bytes: taken by the written ones.
        failed: why a video could not be cached, by its folder.
    """

    folders: list[Path] = field(default_factory=list)
    written: int = 0
    kept: int = 0
    bytes: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    record: VideoRecord
    folder: Path
    size: tuple[int, int]


def is_current(record: VideoRecord, folder: Path, size: tuple[int, int]) -> bool:
    """Whether a video is cached in `folder`, from its files as they are now."""
    try:
        CachedVideo(folder, str(record.folder), size).check_all(record)
    except (OSError, StaleError):
        return False
    return True


def build_cache(
    videos: Sequence[VideoRecord],
    size: Sequence[int],
    place: str | Path = AUTO,
    *,
    workers: int | None = None,
    progress: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> CacheReport:
    """Cache the frames and maps of videos, those that are not or were changed since.

    A video that cannot be read is told of, and the others are cached.

    Args:
        videos: of any data sets.
        size: (rows, columns).
        place: 'auto', beside the videos, or in salkit's cache folder where that cannot be
            written to; or a folder for the caches of any number of data sets.
        workers: processes; None for one a core.
        progress: show a bar on stderr.
        tell: called with lines that a reader should see at once.

    Raises:
        ConfigError: a size that is none, or another run at work in the same place.
        DataError: too little space.
    """
    workers = check_workers(workers)
    if len(size) != 2 or min(size) < 1:
        raise ConfigError(f'a cache needs a size of (rows, columns), got {tuple(size)}')
    size = (int(size[0]), int(size[1]))
    by_parent: dict[Path, dict[str, VideoRecord]] = defaultdict(dict)
    for record in videos:
        # Splits may share videos.
        by_parent[record.folder.parent][record.name] = record
    report = CacheReport()
    with ExitStack() as stack:
        todo = []
        for parent, records in by_parent.items():
            root = _make_root(cache_folders(parent, place, size))
            stack.enter_context(locked_folder(root, LOCK, 'salkit cache'))
            report.folders.append(root)
            _remove_leftovers(root)
            for record in records.values():
                if is_current(record, root / record.name, size):
                    report.kept += 1
                else:
                    todo.append(_Task(record, root / record.name, size))
        if todo:
            _check_space(todo, tell)
            _run(todo, workers, progress, report, tell)
    return report


def _make_root(candidates: Sequence[Path]) -> Path:
    """The first of the folders that can be written to."""
    error = None
    for root in candidates:
        try:
            root.mkdir(parents=True, exist_ok=True)
            with open(root / LOCK, 'a'):
                return root
        except OSError as failure:
            error = error or failure
    raise error


def _remove_leftovers(root: Path) -> None:
    """Remove what killed runs were at."""
    for path in root.iterdir():
        if path.name.startswith('.') and path.name.endswith(UNFINISHED):
            shutil.rmtree(path, ignore_errors=True)


def _check_space(todo: Sequence[_Task], tell: Callable[[str], None]) -> None:
    need: dict[int, int] = defaultdict(int)
    places: dict[int, Path] = {}
    for task in todo:
        root = task.folder.parent
        device = os.stat(root).st_dev
        places.setdefault(device, root)
        a_pixel = FRAME_BYTES + (MAP_BYTES if task.record.densities else 0)
        a_frame = task.size[0] * task.size[1] * a_pixel + 8 * len(Column)
        need[device] += round(len(task.record.frames) * a_frame)
    frames = sum(len(task.record.frames) for task in todo)
    from tqdm import tqdm

    for device, root in places.items():
        free = shutil.disk_usage(root).free
        units = [tqdm.format_sizeof(count, 'B') for count in (need[device], free)]
        said = f'about {units[0]}, {units[1]} free in {root}'
        if need[device] > free:
            raise DataError(
                f'the disk is too small: {len(todo)} videos of {frames:,} frames take {said}; '
                '--dir names another place, --splits leaves out some'
            )
        tell(f'{len(todo)} videos to cache, {frames:,} frames: {said}')


def _run(
    todo: Sequence[_Task],
    workers: int,
    progress: bool,
    report: CacheReport,
    tell: Callable[[str], None],
) -> None:
    from tqdm import tqdm

    total = sum(len(task.record.frames) for task in todo)
    with tqdm(total=total, unit='frame', desc='cache', disable=not progress) as bar:

        def done(result: tuple[_Task, int, str] | None) -> None:
            if result is None:
                return
            task, written, why = result
            bar.update(len(task.record.frames))
            if why:
                report.failed[str(task.record.folder)] = why
                tell(f'failed: {why}')
            else:
                report.written += 1
                report.bytes += written

        try:
            # Long ones first, so that no worker is left alone with one at the end.
            order = sorted(todo, key=lambda task: -len(task.record.frames))
            run_tasks(_work, order, None, workers, done)
        except KeyboardInterrupt:
            tell(f'{report.written} of {len(todo)} videos are done; the same command goes on')
            raise


def _work(task: _Task, _: None) -> tuple[_Task, int, str]:
    """Cache one video."""
    try:
        return task, write_cached_video(task.record, task.folder, task.size), ''
    except SalkitError as error:
        return task, 0, one_line(error)
    except OSError as error:
        if is_disk_full(error):
            # All videos after this one would fail, too.
            raise DataError(
                f'{task.folder}: {error.strerror}; what is done is kept: make room and run again'
            ) from error
        return task, 0, one_line(error)
