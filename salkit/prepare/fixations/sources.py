"""Fixations of one video after another, whatever they are stored as."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...datasets.truth_video import PointLists
from ...functional.fixations import count_fixations
from ...media.fixation_maps import read_fixation_map
from .export import frame_points, read_recording


def digest_of_files(paths: Sequence[str | Path]) -> str:
    """Changes when a file does, by name, size and time."""
    stamps = []
    for path in map(Path, paths):
        status = path.stat()
        stamps.append((path.name, status.st_size, status.st_mtime_ns))
    return hashlib.sha256(json.dumps(stamps).encode()).hexdigest()


class FixationVideo(ABC):
    """Fixations on every frame of a video.

    Attributes:
        name: of the video, a path below the data set's root such as `val/0601`.
        is_map: whether fixations are stored as maps, so that none need be written.
    """

    name: str
    is_map = False

    @property
    @abstractmethod
    def stems(self) -> Sequence[str]:
        """What the files of each frame are called, without their endings."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Changes when the fixations do."""

    @abstractmethod
    def read(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """How many fixations are on each pixel, (H, W) each, of the frames at `indices`.

        Raises:
            DataError: a file that cannot be read, or a fixation outside of the frame.
        """


@dataclass(frozen=True)
class MapVideo(FixationVideo):
    """Fixation maps, a file a frame."""

    name: str
    files: tuple[str, ...]
    is_map = True

    @cached_property
    def stems(self) -> list[str]:
        """Those of the files."""
        return [Path(file).stem for file in self.files]

    @cached_property
    def digest(self) -> str:
        """Of all files."""
        return digest_of_files(self.files)

    def read(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Binary maps: each pixel counts once."""
        for index in indices:
            yield read_fixation_map(self.files[index])


class _NumberedVideo(FixationVideo):
    """A video whose frames are called 0001, 0002, ... .

    Attributes:
        size: (H, W).
        frames: how many.
    """

    size: tuple[int, int]
    frames: int

    @cached_property
    def stems(self) -> list[str]:
        """Counted from 1."""
        return [f'{number:04d}' for number in range(1, self.frames + 1)]


@dataclass(frozen=True)
class PointVideo(_NumberedVideo):
    """Points in memory, (n, 2) y and x of each frame."""

    name: str
    size: tuple[int, int]
    points: list[np.ndarray]

    @property
    def frames(self) -> int:
        """As many as there are lists of points."""
        return len(self.points)

    @cached_property
    def digest(self) -> str:
        """Of all points."""
        found = hashlib.sha256(repr((self.size, self.frames)).encode())
        for points in self.points:
            found.update(len(points).to_bytes(8, 'little') + np.ascontiguousarray(points).tobytes())
        return found.hexdigest()

    def read(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Each point counts as often as it is given."""
        for index in indices:
            yield count_fixations(self.points[index], self.size)


@dataclass(frozen=True)
class ListVideo(_NumberedVideo):
    """A `fixations.json` of AViMoS: a list of [row, column] for every frame."""

    name: str
    size: tuple[int, int]
    path: Path

    @cached_property
    def _lists(self) -> PointLists:
        return PointLists(self.path)

    @cached_property
    def frames(self) -> int:
        """As many as the file has lists."""
        return len(self._lists)

    @cached_property
    def digest(self) -> str:
        """Of the file."""
        return digest_of_files([self.path])

    def read(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Each point counts as often as it is given."""
        for index in indices:
            yield count_fixations(self._lists.at(index, self.size), self.size)


@dataclass(frozen=True)
class ExportVideo(_NumberedVideo):
    """Raw gaze of DHF1K, a file a viewer; see `export`.

    Args:
        name: of the video.
        size: (H, W).
        frames: how many.
        files: of its viewers.
        outer_product: see `frame_points`; a pixel that several mark counts once then.
    """

    name: str
    size: tuple[int, int]
    frames: int
    files: tuple[str, ...]
    outer_product: bool = False

    @cached_property
    def digest(self) -> str:
        """Of the files, and of how they are read."""
        settings = repr((self.size, self.frames, self.outer_product))
        return hashlib.sha256((digest_of_files(self.files) + settings).encode()).hexdigest()

    def read(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Each sample counts, or with `outer_product` each marked pixel."""
        viewers = [
            frame_points(read_recording(file), self.size, self.frames, self.outer_product)
            for file in self.files
        ]
        for index in indices:
            counts = count_fixations(np.concatenate([v[index] for v in viewers]), self.size)
            yield counts > 0 if self.outer_product else counts


def files_in(folder: Path, suffixes: Sequence[str]) -> bool:
    """Whether a folder is there and holds a file with one of the suffixes."""
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(
            e.name.lower().endswith(tuple(suffixes)) and not e.name.startswith('.') for e in entries
        )
