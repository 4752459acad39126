"""Named parts of a video's frames: fixed ones, and ones that move from key frame to key frame."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ConfigError, printable
from .shapes import Box, Outline, Shape, as_points, checked_number

MOST_KEYS, MOST_NAME = 1_000_000, 200


@dataclass(frozen=True)
class KeyFrame:
    """Where a region is at one time.

    Attributes:
        at: seconds from the video's first frame; or, as an int, the number of a frame from 0.
        shape: the form it has then; None where it is not there, until the next key frame.
    """

    at: float
    shape: Shape | None

    def __post_init__(self) -> None:
        # Numbers of NumPy are frames or seconds as Python's are.
        kind = int if isinstance(self.at, np.integer) else float
        if isinstance(self.at, (np.integer, np.floating)):
            object.__setattr__(self, 'at', kind(self.at))


class Region:
    """A named part of the frame.

    Args:
        name: unlike that of the others.
        shape: the form it has throughout; or the key frames, between which its corners move on
            straight lines. Before the first and after the last of them it is not there.
        hold: it stays where the first and the last key frame put it.

    Raises:
        ConfigError: no name, no key frame, two at one time, some in seconds and some in frames, or
            forms that do not turn into each other.
    """

    def __init__(self, name: str, shape: Shape | Sequence[KeyFrame], hold: bool = False) -> None:
        if not isinstance(name, str) or not name.strip() or len(name) > MOST_NAME:
            raise ConfigError(
                f'a region must have a name of 1 to {MOST_NAME} characters, got {name!r:.80}'
            )
        self.name, self.hold = printable(name.strip()), hold
        self.shape = shape if isinstance(shape, Shape) else None
        keys = () if isinstance(shape, Shape) else shape
        self.keys = tuple(sorted(keys, key=lambda key: key.at))
        self._times = [key.at for key in self.keys]
        if self.shape is None:
            self._check_keys()

    def __repr__(self) -> str:
        return f'Region({self.name!r}, {self.shape or f"{len(self.keys)} key frames"})'

    def _check_keys(self) -> None:
        if not 1 <= len(self.keys) <= MOST_KEYS or all(key.shape is None for key in self.keys):
            raise ConfigError(f'{self.name}: expected 1 to {MOST_KEYS:,} key frames with a form')
        if len({type(at) for at in self._times}) > 1:
            raise ConfigError(f'{self.name}: key frames must be all in seconds or all in frames')
        for key in self.keys:
            if checked_number('key frame', key.at) < 0:
                raise ConfigError(f'{self.name}: a key frame must be from 0 on, got {key.at}')
        for before, after in zip(self.keys, self.keys[1:], strict=False):
            if before.at == after.at:
                raise ConfigError(f'{self.name}: two key frames at {before.at}')
            if before.shape is not None and after.shape is not None:
                try:
                    before.shape.between(after.shape, 0.5)
                except ConfigError as error:
                    raise ConfigError(f'{self.name}, key frame {after.at}: {error}') from None

    @property
    def shapes(self) -> list[Shape]:
        """All forms that it has at some time."""
        every = [self.shape] if self.shape is not None else [key.shape for key in self.keys]
        return [shape for shape in every if shape is not None]

    @property
    def in_frames(self) -> bool:
        """Whether its key frames are given by number."""
        return any(isinstance(at, int) for at in self._times)

    def timed(self, times: np.ndarray) -> Region:
        """The same with key frames in seconds.

        Args:
            times: (n,) seconds at which each frame of the video appears.

        Raises:
            ConfigError: a key frame that the video has not.
        """
        if not self.in_frames:
            return self
        if self._times[-1] >= len(times):
            raise ConfigError(
                f'{self.name}: a key frame is frame {int(self._times[-1]) + 1} (counted from 1), '
                f'the video has {len(times)}'
            )
        keys = [KeyFrame(float(times[int(key.at)]), key.shape) for key in self.keys]
        return Region(self.name, keys, self.hold)

    def at(self, time: float) -> Shape | None:
        """The form that it has at a time; None where it is not there.

        Args:
            time: seconds from the video's first frame (a frame's number, if key frames are).
        """
        if self.shape is not None:
            return self.shape
        # Time stamps are rounded to microseconds and less.
        after = bisect.bisect_right(self._times, time + 1e-6)
        if after == 0:
            return self.keys[0].shape if self.hold else None
        key = self.keys[after - 1]
        if after == len(self.keys):
            is_there = self.hold or time <= key.at + 1e-6
            return key.shape if is_there else None
        later = self.keys[after]
        share = (time - key.at) / (later.at - key.at)
        if key.shape is None or later.shape is None or share <= 0:
            return key.shape
        return key.shape.between(later.shape, share)


class Rectangle(Region):
    """A fixed rectangle.

    Args:
        name: of the region.
        x, y: of the upper left corner, in pixels of the video from that of its frame.
        width, height: above 0.

    Raises:
        ConfigError: see `Box`.
    """

    def __init__(self, name: str, x: float, y: float, width: float, height: float) -> None:
        super().__init__(name, Box(x, y, width, height))


class Polygon(Region):
    """A fixed polygon.

    Args:
        name: of the region.
        points: (x, y) of each corner, in pixels of the video; or all numbers in a row.

    Raises:
        ConfigError: see `Outline`.
    """

    def __init__(self, name: str, points: Sequence[Sequence[float]] | Sequence[float]) -> None:
        array = np.asarray(points, dtype=np.float64)
        if array.ndim == 2 and array.shape[1] != 2:
            raise ConfigError(f'points must be pairs x, y; got {array.shape[1]} numbers each')
        super().__init__(name, Outline(as_points(array.ravel().tolist())))
