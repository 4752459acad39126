"""Frames and maps as training reads them: resized once, kept on disk, mapped into memory.

A cached video is a folder of its own, made by `salkit cache`:

    header.json   version, size, and the names of the files that it was made from
    frames.npy    (N, H, W, 3) uint8, just what resizing the frames gives
    maps.npy      bytes: of every frame the density map (float32, deflated) and the fixations
    table.npy     (N, 10) int64, see `Column`

It lies in `<videos>/.salkit-cache/<H>x<W>/<video>/`, where `<videos>` holds the folders of the
videos; where that cannot be written to, in salkit's cache folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log

from ..errors import ConfigError
from ..utils.files import cache_dir
from .file_list import FileList

# Another number makes all cached videos stale: count it up when what they hold changes.
VERSION = 1
AUTO = 'auto'
HIDDEN = '.salkit-cache'
HEADER, FRAMES, MAPS, TABLE = 'header.json', 'frames.npy', 'maps.npy', 'table.npy'
# Videos kept open by a transform: a mapping each, no open file.
OPEN_VIDEOS = 256


class Column(IntEnum):
    """Columns of the table: what the files of a frame were like, and where its maps end."""

    FRAME_BYTES = 0
    FRAME_TIME = 1
    DENSITY_BYTES = 2
    DENSITY_TIME = 3
    FIXATION_BYTES = 4
    FIXATION_TIME = 5
    ROWS = 6
    COLUMNS = 7
    DENSITY_END = 8
    FIXATION_END = 9


class StaleError(Exception):
    """A cached video is damaged, or was made from other files than there are now."""


def check_place(owner: str, cache: Any, size: Any) -> None:
    """Raise ConfigError unless `cache` is None, 'auto' or a folder, and named with a size."""
    if cache is not None and not isinstance(cache, (str, os.PathLike)):
        raise ConfigError(f"{owner}: cache must be 'auto', a folder or None, got {cache!r}")
    if cache not in (None, AUTO) and size is None:
        raise ConfigError(f'{owner}: a cache is of resized clips and maps: it needs a size')


def stamp_of(path: str | Path) -> tuple[int, int]:
    """Bytes of a file and the time of its last change in ns, which tell it from a later one."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def cache_folders(videos: str | Path, place: str | Path, size: Sequence[int]) -> list[Path]:
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
        return [Path(place).expanduser() / own / shape]
    return [Path(videos) / HIDDEN / shape, cache_dir() / 'clips' / own / shape]


class CachedVideo:
    """One cached video, open for reading.

    Args:
        folder: the cached video.
        source: the folder of the video that it was made from.
        size: (rows, columns) of its frames.

    Raises:
        FileNotFoundError: there is none.
        StaleError: it cannot be used.
    """

    def __init__(self, folder: Path, source: str, size: tuple[int, int]) -> None:
        text = (folder / HEADER).read_bytes()
        try:
            header = json.loads(text)
            if header['version'] != VERSION or tuple(header['size']) != size:
                raise StaleError
            # A view, because a mapped array stays one through every operation on it.
            self.frames = np.load(folder / FRAMES, mmap_mode='r').view(np.ndarray)
            self.maps = np.load(folder / MAPS, mmap_mode='r').view(np.ndarray)
            self.table = np.load(folder / TABLE)
            self.video: str | None = header['video']
            self.files = {
                kind: FileList.from_json(os.path.join(source, place), content)
                for kind, (place, content) in header['files'].items()
            }
            # The folder is put in its place as a whole: a new one has another header.
            same = (folder / HEADER).read_bytes() == text
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise StaleError from error
        shape = (len(self.files.get('frames', ())), *size, 3)
        if not same or self.frames.shape != shape or self.table.shape != (shape[0], len(Column)):
            raise StaleError
        self.size = size

    def _check(self, kind: str, index: int, path: str, column: int) -> None:
        """Raise StaleError unless a file is the one that frame `index` was made from."""
        try:
            same = self.files[kind][index] == path
            if self.video is not None and kind == 'frames':
                path = os.path.dirname(path)
            same = same and stamp_of(path) == tuple(self.table[index, column : column + 2])
        except (KeyError, IndexError, OSError):
            same = False
        if not same:
            raise StaleError

    def clip(self, paths: Sequence[str], indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Frames (T, H, W, 3) uint8 and their (T, 2) sizes as shown.

        Raises:
            StaleError: one of the files was changed.
        """
        wanted = dict(zip(indices, paths, strict=True))
        if self.video is not None:
            # They are all in one file.
            wanted = dict([wanted.popitem()])
        for index, path in wanted.items():
            self._check('frames', index, path, Column.FRAME_BYTES)
        try:
            shown = self.table[list(indices), Column.ROWS : Column.COLUMNS + 1]
            return self.frames[list(indices)], shown
        except IndexError as error:
            raise StaleError from error

    def targets(
        self, index: int, density_path: str | None, fixation_path: str | None
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The density map (H, W) float32 and the fixation map (H, W) bool of frame `index`.

        Raises:
            StaleError: one of the files was changed, or is there now and was not.
        """
        for kind, path, column in (
            ('densities', density_path, Column.DENSITY_BYTES),
            ('fixations', fixation_path, Column.FIXATION_BYTES),
        ):
            if path:
                self._check(kind, index, path, column)
            elif kind in self.files:
                raise StaleError
        start = int(self.table[index - 1, Column.FIXATION_END]) if index else 0
        middle = int(self.table[index, Column.DENSITY_END])
        end = int(self.table[index, Column.FIXATION_END])
        density = fixations = None
        try:
            if density_path:
                raw = zlib.decompress(self.maps[start:middle])
                density = np.frombuffer(raw, np.float32).reshape(self.size).copy()
            if fixation_path:
                fixations = np.zeros(self.size, bool)
                points = np.frombuffer(self.maps[middle:end].tobytes(), np.uint32)
                fixations.reshape(-1)[points] = True
        except (zlib.error, ValueError, IndexError) as error:
            raise StaleError from error
        return density, fixations

    def check_all(self, record: Any) -> None:
        """Raise StaleError unless this was made from the files of a `VideoRecord` as they are."""
        lists = dict(frames=record.frames, densities=record.densities, fixations=record.fixations)
        if {kind for kind, files in lists.items() if files} != set(self.files):
            raise StaleError
        for kind, column in (
            ('frames', Column.FRAME_BYTES),
            ('densities', Column.DENSITY_BYTES),
            ('fixations', Column.FIXATION_BYTES),
        ):
            if len(lists[kind]) != len(self.files.get(kind, ())):
                raise StaleError
            for index, path in enumerate(lists[kind]):
                self._check(kind, index, path, column)


_told: torch.Tensor | None = None


def _shared_flag() -> torch.Tensor:
    """A flag that this process shares with its data loaders' workers."""
    global _told
    if _told is None:
        _told = torch.zeros((), dtype=torch.uint8).share_memory_()
    return _told


class ClipCache:
    """Finds what is cached of a data set's samples.

    A video that was not cached is left to the caller; so is one whose files were changed since,
    with one warning. May be pickled and used in forked processes.

    Args:
        place: 'auto' or a folder, see `cache_folders`.
        size: (rows, columns) of clips and maps.
    """

    def __init__(self, place: str | Path, size: Sequence[int]) -> None:
        self.place = place
        self.size = (int(size[0]), int(size[1]))
        self._told = _shared_flag()
        self._forget()

    def _forget(self) -> None:
        self._folders: dict[str, list[Path]] = {}
        self._open: OrderedDict[str, CachedVideo] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        # Mapped arrays would be sent as a whole.
        return dict(place=self.place, size=self.size, _told=self._told)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def _find(self, source: str) -> CachedVideo | None:
        """The cached video of a video's folder, or None."""
        video = self._open.get(source)
        if video is None:
            videos, name = os.path.split(source)
            if videos not in self._folders:
                self._folders[videos] = cache_folders(videos, self.place, self.size)
            stale = None
            for folder in self._folders[videos]:
                try:
                    video = CachedVideo(folder / name, source, self.size)
                    break
                except (FileNotFoundError, NotADirectoryError, PermissionError):
                    continue
                except StaleError as error:
                    stale = error
            if video is None:
                if stale:
                    raise stale
                return None
            self._open[source] = video
            while len(self._open) > OPEN_VIDEOS:
                self._open.popitem(last=False)
        self._open.move_to_end(source)
        return video

    def _read(self, path: str, method: str, *arguments: Any) -> Any:
        # `<video>/<folder>/<file>`, also where the frames' folder stands for a video file.
        source = os.path.dirname(os.path.dirname(path))
        # What is open may have been cached anew since.
        for _ in range(2):
            try:
                video = self._find(source)
                return video and getattr(video, method)(*arguments)
            except StaleError:
                if self._open.pop(source, None) is None:
                    break
        self._warn(source)
        return None

    def _warn(self, source: str) -> None:
        if self._told:
            return
        self._told.fill_(1)
        print_log(
            f'{source}: the files of this video are not those that were cached (told once): they '
            'are read instead, which is slow; `salkit cache` brings the cache up to date',
            logger='current',
            level=30,
        )

    def clip(self, results: dict) -> tuple[np.ndarray, tuple[int, int]] | None:
        """The clip (T, H, W, 3) uint8 of a sample and its frames' size as shown.

        None where it is not cached, or where its frames differ in size.
        """
        indices = results.get('frame_indices')
        if indices is None:
            return None
        paths = results['frame_paths']
        found = self._read(paths[-1], 'clip', paths, indices)
        if found is None or (found[1] != found[1][-1]).any():
            return None
        return found[0], tuple(found[1][-1].tolist())

    def targets(self, results: dict) -> tuple[np.ndarray | None, np.ndarray | None] | None:
        """The density map (H, W) float32 and the fixation map (H, W) bool of a sample.

        Each is None where the data set has none; both are where nothing is cached.
        """
        indices, density_path = results.get('frame_indices'), results.get('density_path')
        if indices is None or not density_path:
            return None
        fixation_path = results.get('fixation_path')
        return self._read(density_path, 'targets', indices[-1], density_path, fixation_path)
