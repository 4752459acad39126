"""Fixations of one video after another, whatever they are stored as."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...datasets.truth_video import PointLists, TruthVideo
from ...functional.fixations import count_fixations
from ...media.fixation_maps import read_fixation_map


def numbered(count: int) -> list[str]:
    """0001, 0002, ..."""
    return [f'{number:04d}' for number in range(1, count + 1)]


class FixationVideo(ABC):
    """Fixations on every frame of a video.

    Attributes:
        name: of the video, a path below the data set's root such as `val/0601`.
    """

    name: str

    @property
    def is_map(self) -> bool:
        """Whether fixations are stored as maps, so that none need be written."""
        return False

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
class TruthFixations(FixationVideo):
    """Fixations of a data set: maps, in which each pixel counts once, or lists with repeats.

    Attributes:
        name: of the video.
        truth: where they are stored; it has no density maps.
        size: (H, W) of the frames; None for maps, which have it.
    """

    name: str
    truth: TruthVideo
    size: tuple[int, int] | None = None

    @property
    def is_map(self) -> bool:
        """Whether it has files of maps."""
        return self.size is None

    @cached_property
    def stems(self) -> Sequence[str]:
        """The names of the files; of lists 0001, 0002, ..."""
        return self.truth.frames.names if self._lists is None else numbered(len(self._lists))

    @cached_property
    def _lists(self) -> PointLists | None:
        return self.truth.point_lists()

    @cached_property
    def digest(self) -> str:
        """The digest of the files' names, sizes and times."""
        return self.truth.fingerprint()

    def read(self) -> Iterator[np.ndarray]:
        """Read one frame after another."""
        for index in range(len(self.stems)):
            if self._lists is None or self.size is None:
                yield read_fixation_map(self.truth.frames.where(index))
            else:
                yield count_fixations(self._lists.at(index, self.size), self.size)


@dataclass(frozen=True)
class PointVideo(FixationVideo):
    """Points (n, 2) y and x of each frame, each of which counts as often as it is given."""

    name: str
    size: tuple[int, int]
    points: list[np.ndarray]

    @cached_property
    def stems(self) -> list[str]:
        """0001, 0002, ..."""
        return numbered(len(self.points))

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
