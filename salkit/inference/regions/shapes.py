"""The forms that a region has at one time, and which part of every pixel they cover."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np

from ...errors import ConfigError, ShapeError

# (rows, columns) of a frame or map.
Size: TypeAlias = tuple[int, int]
# An outline of more is a mask.
MOST_POINTS = 10_000
# Places beyond are no mistake of a pixel, and squares of them lose the pixels.
_FARTHEST = 1e9


@dataclass(frozen=True, eq=False)
class Cover:
    """The part of a frame that is not 0 in a region.

    Attributes:
        rows, columns: where `weights` lie in the frame.
        weights: (h, w) float32 in [0, 1], the covered part of each pixel.
        size: of the frame.
    """

    rows: slice
    columns: slice
    weights: np.ndarray
    size: Size

    @property
    def area(self) -> float:
        """Covered part of the frame, 0 to 1."""
        return float(self.weights.sum(dtype=np.float64)) / (self.size[0] * self.size[1])

    def sum_of(self, values: np.ndarray) -> float:
        """The sum of a map (H, W) inside, partly covered pixels counted partly."""
        inside = values[self.rows, self.columns]
        return float(np.einsum('ij,ij->', inside, self.weights, dtype=np.float64))

    def at(self, pixels: np.ndarray) -> np.ndarray:
        """The covered part of single pixels (n, 2), row and column: (n,)."""
        rows, columns = (pixels - [self.rows.start, self.columns.start]).T
        height, width = self.weights.shape
        inside = (rows >= 0) & (columns >= 0) & (rows < height) & (columns < width)
        found = np.zeros(len(pixels))
        found[inside] = self.weights[rows[inside], columns[inside]]
        return found

    def mask(self) -> np.ndarray:
        """The covered part of every pixel of the frame, (H, W) float32."""
        mask = np.zeros(self.size, np.float32)
        mask[self.rows, self.columns] = self.weights
        return mask


class Shape(ABC):
    """A form in a frame, in pixels or in shares of the width and height."""

    @abstractmethod
    def cover(self, size: Size, frame: Size) -> Cover:
        """What it covers of a map.

        Args:
            size: (rows, columns) of the map.
            frame: what its numbers are counted in: (rows, columns) of the video, (1, 1) for shares.
        """

    @abstractmethod
    def between(self, later: Shape, share: float) -> Shape:
        """The form at a share of the way to that of a later key frame.

        Raises:
            ConfigError: a form that this one cannot turn into.
        """

    @abstractmethod
    def bounds(self) -> tuple[float, float, float, float]:
        """X and y of its upper left corner, x and y of its lower right one."""


@dataclass(frozen=True)
class Box(Shape):
    """A rectangle with upright sides.

    Attributes:
        x, y: of its upper left corner, from that of the frame.
        width, height: above 0.

    Raises:
        ConfigError: a number that is not finite, or a size that is not above 0.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, checked_number(name, value))
        for name in ('width', 'height'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'{name} must be above 0, got {getattr(self, name):g}')

    def bounds(self) -> tuple[float, float, float, float]:
        """See `Shape.bounds`."""
        return self.x, self.y, self.x + self.width, self.y + self.height

    def cover(self, size: Size, frame: Size) -> Cover:
        """See `Shape.cover`."""
        left, top, right, bottom = self.bounds()
        rows, down = _covered(top, bottom, size[0], frame[0])
        columns, across = _covered(left, right, size[1], frame[1])
        return Cover(rows, columns, np.outer(down, across).astype(np.float32), size)

    def between(self, later: Shape, share: float) -> Shape:
        """Each corner moves on a straight line."""
        if not isinstance(later, Box):
            raise ConfigError('a rectangle at one key frame cannot be another form at the next')
        pairs = zip(vars(self).values(), vars(later).values(), strict=True)
        return Box(*((1 - share) * own + share * other for own, other in pairs))


@dataclass(frozen=True)
class Outline(Shape):
    """A polygon whose sides do not cross each other; the last point is joined to the first.

    Attributes:
        points: x and y of each corner.

    Raises:
        ConfigError: fewer than 3 points or more than `MOST_POINTS`, a number that is not finite, or
            no area inside.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        pairs = [tuple(pair) for pair in self.points]
        if not 3 <= len(pairs) <= MOST_POINTS or {len(pair) for pair in pairs} != {2}:
            raise ConfigError(
                f'a polygon must have 3 to {MOST_POINTS:,} points (x, y), got {len(pairs)}'
            )
        points = tuple((checked_number('x', x), checked_number('y', y)) for x, y in pairs)
        object.__setattr__(self, 'points', points)
        x, y = np.array(points).T
        if abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2 <= 0:
            raise ConfigError(
                'a polygon must have an area, got none: points on a line, or sides that cross'
            )

    def bounds(self) -> tuple[float, float, float, float]:
        """See `Shape.bounds`."""
        (left, top), (right, bottom) = np.min(self.points, 0), np.max(self.points, 0)
        return float(left), float(top), float(right), float(bottom)

    def cover(self, size: Size, frame: Size) -> Cover:
        """See `Shape.cover`."""
        left, top, right, bottom = self.bounds()
        rows, _ = _covered(top, bottom, size[0], frame[0])
        columns, _ = _covered(left, right, size[1], frame[1])
        scale = np.array([size[1] / frame[1], size[0] / frame[0]])
        points = np.array(self.points) * scale - [columns.start, rows.start]
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        return Cover(rows, columns, _polygon_cover(points, shape), size)

    def between(self, later: Shape, share: float) -> Shape:
        """Each corner moves on a straight line."""
        if not isinstance(later, Outline) or len(later.points) != len(self.points):
            raise ConfigError(
                f'a polygon of {len(self.points)} points at one key frame needs one of as many at '
                'the next'
            )
        points = (1 - share) * np.array(self.points) + share * np.array(later.points)
        return Outline(tuple(map(tuple, points.tolist())))


@dataclass(frozen=True, eq=False)
class Mask(Shape):
    """Any form: the pixels of a picture of the frame's shape.

    Attributes:
        values: (h, w), the covered part of each pixel, 0 to 1; or bool.

    Raises:
        ConfigError: other numbers, or none above 0.
        ShapeError: not one picture.
    """

    values: np.ndarray = field(repr=False)

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 2 or not values.size:
            raise ShapeError(f'expected a mask (H, W), got {values.shape}')
        low, high = float(values.min()), float(values.max())
        if not 0 <= low <= high <= 1:
            raise ConfigError(f'a mask must hold values from 0 to 1, got {low:g} to {high:g}')
        if not high:
            raise ConfigError('a mask must cover something, got 0 everywhere')
        object.__setattr__(self, 'values', values)

    def bounds(self) -> tuple[float, float, float, float]:
        """See `Shape.bounds`; in pixels of the mask."""
        rows, columns = (np.flatnonzero(self.values.any(axis)) for axis in (1, 0))
        return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)

    def cover(self, size: Size, frame: Size) -> Cover:
        """See `Shape.cover`; the mask is stretched to the map."""
        if self.values.shape == size:
            left, top, right, bottom = map(int, self.bounds())
            rows, columns = slice(top, bottom), slice(left, right)
            return Cover(rows, columns, self.values[rows, columns].astype(np.float32), size)
        shrinks = self.values.shape[0] >= size[0]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
        stretched = cv2.resize(self.values.astype(np.float32), size[::-1], interpolation=how)
        return Cover(slice(0, size[0]), slice(0, size[1]), stretched, size)

    def between(self, later: Shape, share: float) -> Shape:
        """It stays until the next key frame."""
        return self


def checked_number(name: str, value: object) -> float:
    """A finite number, at most 1e9 from 0.

    Raises:
        ConfigError: something else.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    # A whole number of JSON may be too large for a float.
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not abs(number) <= _FARTHEST:
        raise ConfigError(f'{name} must be a number, got {value!r:.80}')
    return number


def as_points(values: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """The pairs in x1, y1, x2, y2, ...

    Raises:
        ConfigError: an odd number of them.
    """
    if len(values) % 2:
        raise ConfigError(f'points must be pairs x, y; got {len(values)} numbers')
    return tuple(zip(values[::2], values[1::2], strict=True))


def _covered(low: float, high: float, length: int, frame: int) -> tuple[slice, np.ndarray]:
    """Of `length` pixels in a row, those that lie between two places, and which part of each."""
    low, high = (min(max(at / frame, 0.0), 1.0) * length for at in (low, high))
    first, stop = math.floor(low), max(math.ceil(high), math.floor(low))
    edges = np.arange(first, stop + 1)
    return slice(first, stop), np.diff(np.clip(edges, low, high))


def _polygon_cover(points: np.ndarray, size: Size) -> np.ndarray:
    """The part of each pixel (H, W) that lies in a polygon, exactly.

    By Green's theorem, it is the integral of min(max(x - column, 0), 1) dy along the outline,
    which is added up edge by edge and row by row.

    Args:
        points: (n, 2) x and y, in pixels.
        size: of the frame.
    """
    rows, columns = size
    begins, ends = points, np.roll(points, -1, 0)
    # A billionth of a pixel is no height, and none to divide by.
    is_level = np.abs(ends[:, 1] - begins[:, 1]) < 1e-9
    begins, ends = begins[~is_level], ends[~is_level]
    # Each edge is cut where it enters another row of pixels.
    lows, highs = np.sort(np.stack([begins[:, 1], ends[:, 1]]).clip(0, rows), axis=0)
    edge, row = _runs(np.floor(lows), np.ceil(highs))
    top, bottom = np.maximum(lows[edge], row), np.minimum(highs[edge], row + 1)
    begins, step = begins[edge], (ends - begins)[edge]
    slope = step[:, 0] / step[:, 1]
    at_ends = begins[:, 0] + (np.stack([top, bottom]) - begins[:, 1]) * slope
    left, right = np.sort(at_ends, axis=0)
    height = (bottom - top) * np.sign(step[:, 1])
    # What lies at the left of a piece is covered over its whole height, ...
    first = np.floor(left).clip(0, columns)
    whole = np.zeros((rows, columns + 1))
    np.add.at(whole, (row, first.astype(int)), height)
    cover = np.ascontiguousarray(whole[:, :0:-1].cumsum(axis=1)[:, ::-1])
    # ... and the pixels that it passes through in part.
    piece, column = _runs(first, np.floor(right).clip(-1, columns - 1) + 1)
    left, right = left[piece] - column, right[piece] - column
    width = right - left
    is_steep = width < 1e-9
    mean = (_antiderivative(right) - _antiderivative(left)) / np.where(is_steep, 1, width)
    mean = np.where(is_steep, left.clip(0, 1), mean)
    np.add.at(cover, (row[piece], column), height[piece] * mean)
    return np.abs(cover).clip(0, 1).astype(np.float32)


def _runs(first: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All whole numbers from `first` to below `stop` of each item, and which item each is of."""
    first = first.astype(int)
    counts = np.maximum(stop.astype(int) - first, 0)
    item = np.repeat(np.arange(len(counts)), counts)
    return item, np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts) + first[item]


def _antiderivative(x: np.ndarray) -> np.ndarray:
    """Of min(max(x, 0), 1)."""
    inside = x.clip(0, 1)
    return inside * inside / 2 + (x - 1).clip(0)
