"""Fills the cache of resized frames, on all cores."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..errors import DataError, SalkitError, one_line
from ..media.images import checked_size
from ..media.video import VideoReader
from ..utils.files import is_disk_full, locked_folder, whole_file
from ..utils.leftovers import remove_leftovers
from ..utils.parallel import check_stopped, check_workers, run_tasks
from ..utils.tabular import Record, Tabular
from ..utils.text import in_units
from .clip_cache import AUTO, UNUSABLE, cached_file, open_cached, stamp_of, video_type
from .layout import VideoRecord
from .transforms.load_clip import read_frame


@dataclass
class CacheReport(Tabular):
    """What a run did.

    Attributes:
        folders: where cached videos lie.
        written: number of videos cached.
        kept: number of videos that were cached already.
        bytes: taken by the written ones.
        failed: why a video could not be cached, by its folder.
    """

    folders: list[Path]
    written: int = 0
    kept: int = 0
    bytes: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def records(self) -> list[Record]:
        """One row."""
        return [dict(vars(self), failed=len(self.failed))]

    @property
    def headline(self) -> str:
        """What was done, in a line."""
        there = f' ({self.kept} were there already)' if self.kept else ''
        failed = f'; {len(self.failed)} failed' if self.failed else ''
        return f'{self.written} videos cached, {in_units(self.bytes)}{there}{failed}'


def stamps_of(record: VideoRecord) -> np.ndarray:
    """`stamp_of` the file of every frame."""
    if record.video_path:
        return np.full(len(record.frames), stamp_of(record.video_path), np.uint64)
    return np.array([stamp_of(path) for path in record.frames], np.uint64)


def _is_current(record: VideoRecord, path: Path) -> bool:
    """Whether a video is cached in the file `path`, from its frames as they are now."""
    try:
        return np.array_equal(open_cached(path, stamp_of(path))['stamps'], stamps_of(record))
    except UNUSABLE:
        return False


def _frames_of(
    record: VideoRecord, size: tuple[int, int]
) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """Frames resized, each with its size as shown."""
    if record.video_path is None:
        for path in record.frames:
            yield read_frame(path, size)
        return
    with VideoReader(record.video_path) as video:
        if len(video) != len(record.frames):
            raise DataError(
                f'{record.video_path}: has {len(video)} frames, expected {len(record.frames)}'
            )
        for frame in video.frames(size=size):
            yield frame, (video.info.height, video.info.width)


def write_cached_video(record: VideoRecord, path: Path, size: tuple[int, int]) -> int:
    """Cache one video in the file `path`, in place of what was there; gives the bytes written."""
    # Before anything is read: a file that changes meanwhile is another one than this.
    stamps = stamps_of(record)
    kind = video_type(len(stamps), size)
    header = dict(descr=np.lib.format.dtype_to_descr(kind), fortran_order=False, shape=(1,))
    shown = []
    # Written bit by bit, not through a memory map: a full disk ends a process that writes to one.
    with whole_file(path) as temporary, open(temporary, 'wb') as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(stamps.data)
        for frame, frame_shown in _frames_of(record, size):
            check_stopped()
            file.write(np.ascontiguousarray(frame).data)
            shown.append(frame_shown)
        file.write(np.array(shown, np.int64).data)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def build_cache(
    videos: Sequence[VideoRecord],
    size: Sequence[int],
    place: str | Path = AUTO,
    *,
    workers: int | None = None,
    progress: bool = False,
) -> CacheReport:
    """Cache the frames of videos, those that are not or were changed since.

    A video that cannot be read is reported, and the others are cached.

    Args:
        videos: of any data sets.
        size: (rows, columns).
        place: 'auto', beside the videos; or a folder for the caches of any number of data sets.
        workers: processes; None for one a core.
        progress: show on stderr what is to be done, and a bar.

    Raises:
        ConfigError: a size that is none, or another run at work in the same place.
        DataError: a place that cannot be written to, or has too little space.
    """
    workers = check_workers(workers)
    shape = checked_size('cache', size)
    # Splits may share videos.
    by_path = {cached_file(record.folder, place, shape): record for record in videos}
    report = CacheReport(sorted({path.parent for path in by_path}))
    with ExitStack() as locks:
        for folder in report.folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / '.lock').touch()
            except OSError as error:
                raise DataError(
                    f'{folder}: the cache cannot be written there ({error.strerror}); --dir names '
                    'another place'
                ) from None
            locks.enter_context(locked_folder(folder, '.lock', 'salkit cache'))
            remove_leftovers(folder)
        todo = [(path, record) for path, record in by_path.items() if not _is_current(record, path)]
        report.kept = len(by_path) - len(todo)
        if todo:
            _fill(todo, shape, workers, progress, report)
    return report


def _fill(
    todo: list[tuple[Path, VideoRecord]],
    size: tuple[int, int],
    workers: int,
    progress: bool,
    report: CacheReport,
) -> None:
    """Cache videos, each in its file."""
    frames = sum(len(record.frames) for _, record in todo)
    need = sum(video_type(len(record.frames), size).itemsize for _, record in todo)
    free = shutil.disk_usage(todo[0][0].parent).free
    said = f'{len(todo)} videos of {frames:,} frames take {in_units(need)}, {in_units(free)} free'
    if need > free:
        raise DataError(
            f'{todo[0][0].parent}: the disk is too small: {said}; --dir names another place, '
            '--splits leaves out some'
        )
    if progress:
        print(f'to cache: {said}', file=sys.stderr)
    with tqdm(total=frames, unit='frame', desc='cache', disable=not progress) as bar:

        def done(result: tuple[VideoRecord, int, str]) -> None:
            record, written, why = result
            bar.update(len(record.frames))
            report.bytes += written
            if why:
                report.failed[str(record.folder)] = why
            else:
                report.written += 1

        # Long ones first, so that no worker is left alone with one at the end.
        todo.sort(key=lambda item: -len(item[1].frames))
        run_tasks(_work, todo, size, workers, done)


def _work(item: tuple[Path, VideoRecord], size: tuple[int, int]) -> tuple[VideoRecord, int, str]:
    """Cache one video; gives the bytes written, or why there are none."""
    path, record = item
    try:
        return record, write_cached_video(record, path, size), ''
    except OSError as error:
        if is_disk_full(error):
            # All videos after this one would fail, too.
            raise DataError(
                f'{path.parent}: {error.strerror}; what is done is kept: make room and run again'
            ) from error
        return record, 0, one_line(error)
    except SalkitError as error:
        return record, 0, one_line(error)
