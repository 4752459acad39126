"""Writes the cached frames and maps of one video."""

from __future__ import annotations

import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import DataError
from ..utils.parallel import check_stopped
from .clip_cache import FRAMES, HEADER, MAPS, TABLE, VERSION, Column, stamp_of
from .layout import VideoRecord

UNFINISHED = '.unfinished'


def _frames_of(record: VideoRecord, size: tuple[int, int]) -> Iterator[tuple[np.ndarray, Any]]:
    """Frames resized, each with its size as shown."""
    if record.video_path is None:
        from .transforms.load_clip import read_frame

        for path in record.frames:
            yield read_frame(path, size)
        return
    from ..media.video import VideoReader

    with VideoReader(record.video_path) as video:
        if len(video) != len(record.frames):
            raise DataError(
                f'{record.video_path}: has {len(video)} frames, expected {len(record.frames)}'
            )
        shown = (video.info.height, video.info.width)
        for frame in video.frames(size=size):
            yield frame, shown


def _stamps(record: VideoRecord) -> np.ndarray:
    """The table of a video, its files' stamps filled in."""
    table = np.zeros((len(record.frames), len(Column)), np.int64)
    if record.video_path:
        table[:, Column.FRAME_BYTES : Column.FRAME_TIME + 1] = stamp_of(record.video_path)
    else:
        table[:, Column.FRAME_BYTES : Column.FRAME_TIME + 1] = list(map(stamp_of, record.frames))
    for files, column in (
        (record.densities, Column.DENSITY_BYTES),
        (record.fixations, Column.FIXATION_BYTES),
    ):
        if files:
            table[:, column : column + 2] = list(map(stamp_of, files))
    return table


@contextmanager
def _array_file(path: Path, shape: tuple[int, ...] | None = None) -> Iterator[IO[bytes]]:
    """A .npy file of bytes, written one piece after another.

    A mapped file of a full disk would kill the process, writing gives an error.
    """
    with open(path, 'wb') as file:
        start = _write_head(file, shape or (2**62,))
        yield file
        if shape is None:
            # The head is of one length whatever the number.
            length = file.tell() - start
            file.seek(0)
            _write_head(file, (length,))
        file.flush()
        os.fsync(file.fileno())


def _write_head(file: IO[bytes], shape: tuple[int, ...]) -> int:
    head = dict(descr='|u1', fortran_order=False, shape=shape)
    np.lib.format.write_array_header_1_0(file, head)
    return file.tell()


def write_cached_video(
    record: VideoRecord,
    folder: Path,
    size: tuple[int, int],
) -> int:
    """Cache one video, in place of what was cached of it before.

    It is written beside its place and renamed when it is complete.

    Args:
        record: files of the video.
        folder: the cached video.
        size: (rows, columns).

    Returns:
        Bytes written.

    Raises:
        DataError: a file that cannot be read.
        OSError: a full disk.
    """
    from .transforms.load_targets import read_targets

    unfinished = folder.with_name(f'.{folder.name}.{os.getpid()}{UNFINISHED}')
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        # Before anything is read: a file that changes meanwhile is another one than this.
        table = _stamps(record)
        count = len(record.frames)
        end = 0
        with (
            _array_file(unfinished / FRAMES, (count, *size, 3)) as frames,
            _array_file(unfinished / MAPS) as maps,
        ):
            for index, (frame, shown) in enumerate(_frames_of(record, size)):
                check_stopped()
                frames.write(np.ascontiguousarray(frame).data)
                density, fixations = read_targets(
                    record.densities[index] if record.densities else None,
                    record.fixations[index] if record.fixations else None,
                    shown,
                    size,
                )
                if density is not None:
                    end += maps.write(zlib.compress(density.tobytes(), 1))
                table[index, Column.DENSITY_END] = end
                if fixations is not None:
                    end += maps.write(np.flatnonzero(fixations).astype(np.uint32).data)
                table[index, Column.FIXATION_END] = end
                table[index, Column.ROWS : Column.COLUMNS + 1] = shown
        np.save(unfinished / TABLE, table)
        (unfinished / HEADER).write_text(json.dumps(_header(record, size)), encoding='utf-8')
        written = sum(file.stat().st_size for file in unfinished.iterdir())
        _put_in_place(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return written


def _header(record: VideoRecord, size: tuple[int, int]) -> dict[str, Any]:
    lists = dict(frames=record.frames, densities=record.densities, fixations=record.fixations)
    return dict(
        version=VERSION,
        size=list(size),
        video=record.video_path and Path(record.video_path).name,
        files={
            kind: [os.path.relpath(files.folder, record.folder), files.to_json()]
            for kind, files in lists.items()
            if files
        },
        made=time.time_ns(),
    )


def _put_in_place(unfinished: Path, folder: Path) -> None:
    """Rename a finished folder; killed in between, there is none, and it is made again."""
    if folder.exists():
        old = unfinished.with_name(f'{unfinished.name.removesuffix(UNFINISHED)}.old{UNFINISHED}')
        os.rename(folder, old)
        os.rename(unfinished, folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(unfinished, folder)
