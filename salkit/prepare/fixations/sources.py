"""Fixations of one video after another, whatever they are stored as."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...datasets.truth_video import TruthVideo
from ...functional.fixations import count_fixations
from ...media.fixation_maps import read_fixation_map
from ...media.map_stacks import stamp_of


def digest_of_files(paths: Sequence[str | Path]) -> str:
    """A digest that changes when a file does, by name, size and time."""
    stamps = [stamp_of(Path(path)) for path in paths]
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
    def read(self) -> Iterator[np.ndarray]:
        """How many fixations are on each pixel, (H, W), frame by frame.

        Raises:
            DataError: a file that cannot be read, or a fixation outside of the frame.
        """


@dataclass(frozen=True)
class MapVideo(FixationVideo):
    """Fixation maps, a file a frame, in which each pixel counts once."""

    name: str
    files: tuple[str, ...]
    is_map = True

    @cached_property
    def stems(self) -> list[str]:
        """The names of the files."""
        return [Path(file).stem for file in self.files]

    @cached_property
    def digest(self) -> str:
        """The digest of all files."""
        return digest_of_files(self.files)

    def read(self) -> Iterator[np.ndarray]:
        """Read one file after another."""
        return map(read_fixation_map, self.files)


@dataclass(frozen=True)
class PointVideo(FixationVideo):
    """Points (n, 2) y and x of each frame, each of which counts as often as it is given."""

    name: str
    size: tuple[int, int]
    points: list[np.ndarray]

    @cached_property
    def stems(self) -> list[str]:
        """0001, 0002, ..."""
        return [f'{number:04d}' for number in range(1, len(self.points) + 1)]

    @cached_property
    def digest(self) -> str:
        """The digest of all points."""
        found = hashlib.sha256(repr((self.size, len(self.points))).encode())
        for points in self.points:
            found.update(len(points).to_bytes(8, 'little') + np.ascontiguousarray(points).tobytes())
        return found.hexdigest()

    def read(self) -> Iterator[np.ndarray]:
        """Count the points of each frame."""
        return (count_fixations(points, self.size) for points in self.points)


@dataclass(frozen=True)
class ListVideo(FixationVideo):
    """A `fixations.json`: a list of [row, column] for every frame, with repeats."""

    name: str
    size: tuple[int, int]
    path: Path

    @cached_property
    def stems(self) -> list[str]:
        """0001, 0002, ..., as many as the file has lists."""
        count = len(TruthVideo(self.name, None, self.path).points)
        return [f'{number:04d}' for number in range(1, count + 1)]

    @cached_property
    def digest(self) -> str:
        """The digest of the file."""
        return digest_of_files([self.path])

    def read(self) -> Iterator[np.ndarray]:
        """Count the points of each frame."""
        truth = TruthVideo(self.name, None, self.path)
        for index in range(len(truth.points)):
            yield count_fixations(truth.points_of(index, self.size), self.size)
