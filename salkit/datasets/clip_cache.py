"""Frames as training reads them: resized once, kept on disk, mapped into memory.

A cached video is one .npy file, made by `salkit cache`, that holds one record of `video_type`. It
lies in `<videos>/.salkit-cache/<H>x<W>/<video>.npy`, where `<videos>` holds the videos' folders.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log

from ..errors import DataError
from ..utils.input_files import check_input_file

AUTO = 'auto'
HIDDEN = '.salkit-cache'
# Videos that a process keeps mapped; no file stays open for them.
OPEN_VIDEOS = 256
# What a damaged file leads to.
UNUSABLE = (
    DataError,
    OSError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TokenError,
    TypeError,
    ValueError,
)


def video_type(frames: int, size: tuple[int, int]) -> np.dtype:
    """What is kept of a video of so many frames, resized to `size` (rows, columns).

    `stamps` of the files that the frames were read from, see `stamp_of`; the `pixels`, just what
    resizing the frames gives; and the frames' own (rows, columns) as `shown`.
    """
    return np.dtype(
        [
            ('stamps', np.uint64, (frames,)),
            ('pixels', np.uint8, (frames, *size, 3)),
            ('shown', np.int64, (frames, 2)),
        ]
    )


def stamp_of(path: str | Path) -> int:
    """A number that changes with a file's name, its bytes in number, or the time of its change."""
    status = os.stat(path)
    text = f'{os.path.basename(path)}\0{status.st_size}\0{status.st_mtime_ns}'
    return int.from_bytes(hashlib.blake2b(os.fsencode(text), digest_size=8).digest(), 'big')


@lru_cache(maxsize=4096)
def cached_file(video: Path, place: str | Path, size: tuple[int, int]) -> Path:
    """The file of a cached video.

    Args:
        video: the video's folder.
        place: 'auto', beside the videos; or a folder for the caches of any number of data sets.
        size: (rows, columns) of what is cached.
    """
    name = Path(f'{size[0]}x{size[1]}') / f'{video.name}.npy'
    if place == AUTO:
        return video.parent / HIDDEN / name
    real = os.path.realpath(video.parent)
    own = f'{Path(real).name}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:12]}'
    return Path(place).expanduser() / own / name


@lru_cache(maxsize=OPEN_VIDEOS)
def open_cached(path: Path, stamp: int) -> np.ndarray:
    """The record of a cached video, see `video_type`; raises one of `UNUSABLE`.

    Args:
        path: of its file, which is mapped into memory.
        stamp: of the file: one that was cached anew has another, and is opened anew.
    """
    # A view, because a mapped array stays one through every operation on it.
    return np.load(check_input_file(path), mmap_mode='r').view(np.ndarray)[0]


class ClipCache:
    """Finds what is cached of a data set's samples; for pickling and forked processes, too.

    Args:
        place: see `cached_file`.
        size: (rows, columns) of the clips.
    """

    def __init__(self, place: str | Path, size: tuple[int, int]) -> None:
        self.place = place
        self.size = size
        # Shared with the workers of a data loader: one warning is enough.
        self._warned = torch.zeros((), dtype=torch.uint8).share_memory_()

    def clip(self, sample: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
        """The frames of a sample.

        Returns:
            (T, H, W, 3) uint8, and the (T, 2) rows and columns of the frames as shown; None where
            the video is not cached, or was made from other files than there are now.
        """
        paths, indices = sample['frame_paths'], sample.get('frame_indices')
        if indices is None:
            return None
        # `<video>/<folder>/<file>`, also where the frames' folder stands for a video file.
        video = Path(paths[-1]).parent.parent
        path = cached_file(video, self.place, self.size)
        if not path.exists():
            return None
        file = sample.get('video_path')
        try:
            cached = open_cached(path, stamp_of(path))
            stamps = [stamp_of(each) for each in ([file] if file else paths)]
            if (cached['stamps'][indices] == np.array(stamps, np.uint64)).all():
                return cached['pixels'][indices], cached['shown'][indices]
        except UNUSABLE:
            pass
        if not self._warned:
            self._warned.fill_(1)
            print_log(
                f'{video}: the frames are not those that were cached (said once): their files are '
                'read, which is slow; `salkit cache` brings the cache up to date',
                logger='current',
                level=logging.WARNING,
            )
        return None
