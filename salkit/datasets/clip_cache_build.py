"""Fills the cache of resized frames and maps: on all cores, and as often as it takes."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..errors import ConfigError, DataError, SalkitError, one_line
from ..media.video import VideoReader
from ..utils.files import is_disk_full, locked_folder, whole_file
from ..utils.parallel import check_stopped, check_workers, run_tasks
from ..utils.text import in_units
from .clip_cache import (
    AUTO,
    LENGTH_BYTES,
    SUFFIX,
    UNUSABLE,
    VERSION,
    CachedVideo,
    cache_folders,
    stamp_of,
)
from .layout import VideoRecord
from .transforms.load_clip import read_frame
from .transforms.load_targets import read_targets

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


def _stamps(record: VideoRecord) -> dict[str, list[int]]:
    """The stamp of every file of a video, see `CachedVideo`."""
    frames = [record.video_path] if record.video_path else record.frames
    lists = dict(frames=frames, densities=record.densities, fixations=record.fixations)
    return {kind: [stamp_of(path) for path in files] for kind, files in lists.items()}


def is_current(record: VideoRecord, path: Path) -> bool:
    """Whether a video is cached in the file `path`, from its own files as they are now."""
    try:
        return CachedVideo.open(path).stamps == _stamps(record)
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
        shown = (video.info.height, video.info.width)
        for frame in video.frames(size=size):
            yield frame, shown


def write_cached_video(record: VideoRecord, path: Path, size: tuple[int, int]) -> int:
    """Cache one video, in place of what was cached of it before.

    Args:
        record: files of the video.
        path: of the cached video; it appears when it is complete.
        size: (rows, columns).

    Returns:
        Bytes written.

    Raises:
        DataError: a file that cannot be read, or frames of several sizes.
        OSError: a full disk.
    """
    # Before anything is read: a file that changes meanwhile is another one than this.
    stamps = _stamps(record)
    sizes: set[tuple[int, int]] = set()
    ends = []
    with whole_file(path) as temporary, open(temporary, 'wb') as file:
        for index, (frame, shown) in enumerate(_frames_of(record, size)):
            check_stopped()
            density, fixations = read_targets(
                record.densities[index] if record.densities else None,
                record.fixations[index] if record.fixations else None,
                shown,
                size,
            )
            file.write(np.ascontiguousarray(frame).data)
            if density is not None:
                file.write(zlib.compress(density.tobytes(), 1))
            middle = file.tell()
            if fixations is not None:
                file.write(np.flatnonzero(fixations).astype(np.uint32).data)
            sizes.add(shown)
            ends.append((middle, file.tell()))
        if len(sizes) > 1:
            raise DataError(f'{record.folder}: its frames are of several sizes, {sorted(sizes)}')
        content = dict(version=VERSION, size=size, stamps=stamps, shown=sizes.pop(), ends=ends)
        header = json.dumps(content).encode()
        file.write(header + len(header).to_bytes(LENGTH_BYTES, 'big'))
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
    """Cache the frames and maps of videos, those that are not or were changed since.

    A video that cannot be read is reported, and the others are cached.

    Args:
        videos: of any data sets.
        size: (rows, columns).
        place: 'auto', beside the videos, or in salkit's cache folder where that cannot be
            written to; or a folder for the caches of any number of data sets.
        workers: processes; None for one a core.
        progress: show on stderr what is to be done, and a bar.

    Raises:
        ConfigError: a size that is none, or another run at work in the same place.
        DataError: too little space.
    """
    workers = check_workers(workers)
    if len(size) != 2 or min(size) < 1:
        raise ConfigError(f'a cache needs a size of (rows, columns), got {tuple(size)}')
    shape = (int(size[0]), int(size[1]))
    by_parent: dict[Path, dict[str, VideoRecord]] = defaultdict(dict)
    for record in videos:
        # Splits may share videos.
        by_parent[record.folder.parent][record.name] = record
    report = CacheReport()
    for parent, records in by_parent.items():
        root = _make_root(cache_folders(parent, place, shape))
        report.folders.append(root)
        with locked_folder(root, LOCK, 'salkit cache'):
            _fill(root, list(records.values()), shape, workers, progress, report)
    return report


def _fill(
    root: Path,
    records: Sequence[VideoRecord],
    size: tuple[int, int],
    workers: int,
    progress: bool,
    report: CacheReport,
) -> None:
    """Cache what is not cached of the videos of one folder."""
    for leftover in root.glob(f'.*{SUFFIX}.*.tmp'):
        leftover.unlink()
    todo = [r for r in records if not is_current(r, root / f'{r.name}{SUFFIX}')]
    report.kept += len(records) - len(todo)
    if not todo:
        return
    said = _check_space(todo, root, size)
    if progress:
        print(said, file=sys.stderr)
    total = sum(len(record.frames) for record in todo)
    with tqdm(total=total, unit='frame', desc='cache', disable=not progress) as bar:

        def done(result: tuple[VideoRecord, int, str]) -> None:
            record, written, why = result
            bar.update(len(record.frames))
            report.bytes += written
            if why:
                report.failed[str(record.folder)] = why
            else:
                report.written += 1

        # Long ones first, so that no worker is left alone with one at the end.
        todo.sort(key=lambda record: -len(record.frames))
        run_tasks(_work, todo, (root, size), workers, done)


def _make_root(candidates: Sequence[Path]) -> Path:
    """The first of the folders that can be written to."""
    for root in candidates:
        try:
            root.mkdir(parents=True, exist_ok=True)
            with open(root / LOCK, 'a'):
                return root
        except OSError:
            if root == candidates[-1]:
                raise
    raise ValueError('expected at least one folder')


def _check_space(todo: Sequence[VideoRecord], root: Path, size: tuple[int, int]) -> str:
    """What there is to do, in a sentence; a DataError where the disk is too small."""
    frames = sum(len(record.frames) for record in todo)
    maps = sum(len(record.densities) for record in todo)
    need = math.prod(size) * (FRAME_BYTES * frames + MAP_BYTES * maps)
    free = shutil.disk_usage(root).free
    said = f'about {in_units(need)}, {in_units(free)} free in {root}'
    if need > free:
        raise DataError(
            f'the disk is too small: {len(todo)} videos of {frames:,} frames take {said}; '
            '--dir names another place, --splits leaves out some'
        )
    return f'{len(todo)} videos to cache, {frames:,} frames: {said}'


def _work(record: VideoRecord, place: tuple[Path, tuple[int, int]]) -> tuple[VideoRecord, int, str]:
    """Cache one video; gives the bytes written, or why there are none."""
    root, size = place
    try:
        return record, write_cached_video(record, root / f'{record.name}{SUFFIX}', size), ''
    except SalkitError as error:
        return record, 0, one_line(error)
    except OSError as error:
        if is_disk_full(error):
            # All videos after this one would fail, too.
            raise DataError(
                f'{root}: {error.strerror}; what is done is kept: make room and run again'
            ) from error
        return record, 0, one_line(error)
