"""Keeps frame indices in the cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path

import av
import numpy as np

from ...errors import DataError
from ...utils.files import cache_dir, whole_file
from .frame_index import FrameIndex
from .info import VideoInfo

# Another number makes all indices anew: count it up when they change.
VERSION = 3
_ARRAYS = ('packet', 'pts', 'dts', 'position', 'restart', 'checksum')


def stamp_of(path: str | Path) -> tuple[str, int, int]:
    """What changes with a file: real path, size and time of the last change in ns.

    Raises:
        DataError: no such file, or a folder.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise DataError(f'{path}: the video does not exist') from None
    except (OSError, ValueError) as error:
        raise DataError(f'{path}: the video cannot be read ({error})') from error
    if os.path.isdir(path):
        raise DataError(f'{path}: expected a video file, this is a folder')
    return os.path.realpath(path), status.st_size, status.st_mtime_ns


def _file_of(stamp: tuple[str, int, int]) -> Path:
    # Another release of FFmpeg may decode a damaged video otherwise.
    key = json.dumps([VERSION, stamp, sorted(av.library_versions.items())])
    digest = hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:32]
    return cache_dir() / 'video-index' / f'{digest}.npz'


def load_index(stamp: tuple[str, int, int]) -> FrameIndex | None:
    """The index of a file as it is now; None where there is none that can be read."""
    try:
        with np.load(_file_of(stamp), allow_pickle=False) as stored:
            meta = json.loads(str(stored['meta']))
            arrays = {name: stored[name] for name in _ARRAYS}
            info = VideoInfo(**meta.pop('info'), times=stored['times'])
            index = FrameIndex(**arrays, **meta, info=info)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        # Broken ones are made again.
        return None
    lengths = {len(values) for values in (*arrays.values(), info.times)}
    return index if lengths == {info.frames} else None


def save_index(stamp: tuple[str, int, int], index: FrameIndex) -> None:
    """Keep an index; where the folder cannot be written, it is made again next time."""
    info = {name: value for name, value in asdict(index.info).items() if name != 'times'}
    meta = json.dumps(dict(source=index.source, seekable=index.seekable, info=info))
    arrays = {name: getattr(index, name) for name in _ARRAYS}
    # numpy adds a suffix to names, not to open files.
    with (
        contextlib.suppress(OSError),
        whole_file(_file_of(stamp)) as temporary,
        open(temporary, 'wb') as file,
    ):
        np.savez_compressed(file, meta=np.array(meta), times=index.info.times, **arrays)
