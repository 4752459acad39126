"""Frames and maps as training reads them: resized once, kept on disk, mapped into memory.

A cached video is one file, made by `salkit cache`:

    of each frame   (H, W, 3) uint8, just what resizing the frame gives; its density map (float32,
                    deflated); the numbers of its fixated pixels (uint32)
    header          JSON: version, size of the clips, stamps of the files that it was made from,
                    size of the frames as shown, and where each map ends
    8 bytes         the length of the header

It lies in `<videos>/.salkit-cache/<H>x<W>/<video>.clips`, where `<videos>` holds the folders of the
videos; where that cannot be written to, in salkit's cache folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from mmengine.logging import print_log

from ..errors import ConfigError
from ..utils.files import cache_dir

# Another number makes all cached videos stale: count it up when what they hold changes.
VERSION = 2
AUTO = 'auto'
HIDDEN = '.salkit-cache'
SUFFIX = '.clips'
# Bytes that the length of the header takes.
LENGTH_BYTES = 8
# Videos that a process keeps mapped; no file stays open for them.
OPEN_VIDEOS = 256
# What a damaged file leads to, and one that does not belong to the videos as they are.
UNUSABLE = (OSError, LookupError, TypeError, ValueError, zlib.error)

Read = TypeVar('Read')


class StaleError(ValueError):
    """A cached video was made from other files than there are now."""


def stamp_of(path: str | Path) -> int:
    """A number that changes with a file's name, its bytes in number, or the time of its change."""
    status = os.stat(path)
    text = f'{os.path.basename(path)}\0{status.st_size}\0{status.st_mtime_ns}'
    return int.from_bytes(hashlib.blake2b(os.fsencode(text), digest_size=8).digest(), 'big')


@lru_cache(maxsize=64)
def cache_folders(videos: str | Path, place: str | Path, size: tuple[int, int]) -> tuple[Path, ...]:
    """Where the cached videos of one folder may lie, best first.

    Args:
        videos: the folder that holds the folders of the videos.
        place: 'auto', beside the videos or in salkit's cache folder; or a folder for the caches
            of any number of data sets.
        size: (rows, columns) of what is cached.
    """
    real = os.path.realpath(videos)
    own = f'{Path(real).name}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:12]}'
    shape = f'{size[0]}x{size[1]}'
    if place != AUTO:
        return (Path(place).expanduser() / own / shape,)
    return Path(videos) / HIDDEN / shape, cache_dir() / 'clips' / own / shape


@dataclass(frozen=True, eq=False)
class CachedVideo:
    """One cached video, open for reading.

    Attributes:
        data: all bytes of its file.
        size: (rows, columns) of its frames and maps.
        stamps: `stamp_of` each file, by kind: 'frames' (or the one video file), 'densities',
            'fixations'.
        shown: (rows, columns) of the frames as shown.
        ends: of each frame, where its density map and its fixations end in `data`.
    """

    data: np.ndarray
    size: tuple[int, int]
    stamps: dict[str, list[int]]
    shown: tuple[int, int]
    ends: list[tuple[int, int]]

    @classmethod
    def open(cls, path: Path) -> CachedVideo:
        """Map the file of a cached video into memory; raises one of `UNUSABLE`."""
        # A view, because a mapped array stays one through every operation on it.
        data = np.memmap(path, np.uint8, 'r').view(np.ndarray)
        end = len(data) - LENGTH_BYTES
        length = int.from_bytes(data[end:].tobytes(), 'big')
        header = json.loads(data[max(0, end - length) : end].tobytes())
        if header.pop('version') != VERSION:
            raise StaleError(f'{path}: another version of the cache')
        size, shown = (tuple(header.pop(name)) for name in ('size', 'shown'))
        return cls(data, size, shown=shown, **header)

    def _check(self, kind: str, files: Mapping[int, str]) -> None:
        """Raise StaleError unless these files, by number, are those that were cached."""
        for number, path in files.items():
            if self.stamps[kind][number] != stamp_of(path):
                raise StaleError(f'{path}: another file than the one that was cached')

    def _start(self, index: int) -> int:
        return self.ends[index - 1][1] if index else 0

    def clip(self, sample: dict[str, Any]) -> tuple[np.ndarray, tuple[int, int]]:
        """See `ClipCache.clip`; raises one of `UNUSABLE`."""
        indices, video = sample['frame_indices'], sample.get('video_path')
        paths = zip(indices, sample['frame_paths'], strict=True)
        self._check('frames', {0: video} if video else dict(paths))
        length = math.prod(self.size) * 3
        frames = [self.data[start : start + length] for start in map(self._start, indices)]
        return np.stack(frames).reshape(-1, *self.size, 3), self.shown

    def targets(self, sample: dict[str, Any]) -> tuple[np.ndarray | None, np.ndarray | None]:
        """See `ClipCache.targets`; raises one of `UNUSABLE`."""
        index = sample['frame_indices'][-1]
        density_path, fixation_path = sample.get('density_path'), sample.get('fixation_path')
        start = self._start(index) + math.prod(self.size) * 3
        middle, end = self.ends[index]
        density = fixations = None
        if density_path:
            self._check('densities', {index: density_path})
            raw = zlib.decompress(self.data[start:middle].data)
            density = np.frombuffer(raw, np.float32).reshape(self.size).copy()
        if fixation_path:
            self._check('fixations', {index: fixation_path})
            fixations = np.zeros(self.size, bool)
            points = np.frombuffer(self.data[middle:end].tobytes(), np.uint32)
            fixations.reshape(-1)[points] = True
        return density, fixations


@lru_cache(maxsize=OPEN_VIDEOS)
def _open_stamped(path: Path, stamp: int) -> CachedVideo:
    """One that was cached anew has another stamp, and is opened anew."""
    return CachedVideo.open(path)


@cache
def _warned() -> torch.Tensor:
    """Whether the warning was given: a flag that workers of data loaders share."""
    return torch.zeros((), dtype=torch.uint8).share_memory_()


class ClipCache:
    """Finds what is cached of a data set's samples.

    A video that was not cached is left to the caller; so is one whose files were changed since,
    with one warning. May be pickled and used in forked processes.

    Args:
        place: 'auto' or a folder, see `cache_folders`.
        size: (rows, columns) of clips and maps.
    """

    def __init__(self, place: str | Path, size: tuple[int, int]) -> None:
        self.place = place
        self.size = size
        self._warned = _warned()

    def _open(self, source: str) -> CachedVideo | None:
        videos, name = os.path.split(source)
        for folder in cache_folders(videos, self.place, self.size):
            path = folder / f'{name}{SUFFIX}'
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                return _open_stamped(path, stamp_of(path))
        return None

    def _read(
        self, path: str, read: Callable[[CachedVideo, dict[str, Any]], Read], sample: dict[str, Any]
    ) -> Read | None:
        # `<video>/<folder>/<file>`, also where the frames' folder stands for a video file.
        source = os.path.dirname(os.path.dirname(path))
        try:
            video = self._open(source)
            return None if video is None else read(video, sample)
        except UNUSABLE:
            self._warn(source)
        return None

    def _warn(self, source: str) -> None:
        if self._warned:
            return
        self._warned.fill_(1)
        print_log(
            f'{source}: the files of this video are not those that were cached (said once): they '
            'are read instead, which is slow; `salkit cache` brings the cache up to date',
            logger='current',
            level=logging.WARNING,
        )

    def clip(self, sample: dict[str, Any]) -> tuple[np.ndarray, tuple[int, int]] | None:
        """The clip (T, H, W, 3) uint8 of a sample and its frames' size as shown, or None."""
        if sample.get('frame_indices') is None:
            return None
        return self._read(sample['frame_paths'][-1], CachedVideo.clip, sample)

    def targets(self, sample: dict[str, Any]) -> tuple[np.ndarray | None, np.ndarray | None] | None:
        """The density map (H, W) float32 and the fixation map (H, W) bool of a sample.

        Each is None where the data set has none. None in place of both where nothing is cached.
        """
        if sample.get('frame_indices') is None or not sample.get('density_path'):
            return None
        return self._read(sample['density_path'], CachedVideo.targets, sample)


def find_cache(
    owner: str, place: str | Path | None, size: tuple[int, int] | None
) -> ClipCache | None:
    """The cache of a transform; None where it is to have none.

    Args:
        owner: the transform, for errors.
        place: 'auto', a folder, or None for no cache.
        size: (rows, columns); None for frames at their own size, which are not cached.

    Raises:
        ConfigError: a place that is none, or a folder without a size.
    """
    if place is not None and not isinstance(place, (str, os.PathLike)):
        raise ConfigError(f"{owner}: cache must be 'auto', a folder or None, got {place!r}")
    if place not in (None, AUTO) and size is None:
        raise ConfigError(f'{owner}: a cache is of resized clips and maps: it needs a size')
    return None if place is None or size is None else ClipCache(place, size)
