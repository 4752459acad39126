"""The window that is cut out of frames, and how much of the attention it keeps where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...errors import DataError
from ...media.maps import emphasized

# Places of the window, as parts of the frame's side, lie so far apart at most.
_SPACING = 1 / 160
# Pixels; nothing is seen in less.
_LEAST_SIDE = 16


@dataclass(frozen=True)
class CropWindow:
    """The largest window of an aspect ratio in a frame; it moves along one side of it.

    Attributes:
        size: (rows, columns) of the window, even.
        frame_size: (rows, columns) of the frame.
        aspect: columns by rows that are wanted, which `size` comes near to.
    """

    size: tuple[int, int]
    frame_size: tuple[int, int]
    aspect: float

    @classmethod
    def largest(
        cls, aspect: float, frame_size: tuple[int, int], pixel_aspect: float = 1.0
    ) -> CropWindow:
        """The largest window in a frame.

        Args:
            aspect: width by height as shown.
            frame_size: (rows, columns).
            pixel_aspect: width of a pixel by its height.

        Raises:
            DataError: it would have hardly any pixels.
        """
        rows, columns = frame_size
        wanted = aspect / pixel_aspect
        size = _even(min(rows, columns / wanted)), _even(min(columns, rows * wanted))
        if min(size) < _LEAST_SIDE:
            raise DataError(
                f'a window of the aspect {aspect:.3g} in frames of {columns} x {rows} pixels has '
                f'{size[1]} x {size[0]}; expected at least {_LEAST_SIDE} x {_LEAST_SIDE}'
            )
        return cls(size, (rows, columns), wanted)

    @property
    def axis(self) -> int:
        """Along which it moves: 0 up and down, 1 left and right."""
        shares = [part / whole for part, whole in zip(self.size, self.frame_size, strict=True)]
        return int(shares[1] <= shares[0])

    @property
    def side(self) -> int:
        """Pixels of the frame along its way."""
        return self.frame_size[self.axis]

    @property
    def free(self) -> int:
        """Pixels that it can move by."""
        return self.side - self.size[self.axis]

    def corners(self, places: np.ndarray) -> np.ndarray:
        """The upper left pixels (T, 2), as (x, y), of windows `places` (T,) pixels along."""
        across = (self.frame_size[1 - self.axis] - self.size[1 - self.axis]) // 2
        corners = np.full((len(places), 2), across, np.int64)
        corners[:, 1 - self.axis] = places
        return corners

    def grid(self) -> np.ndarray:
        """Places (P,) float64 in pixels, evenly from one end to the other."""
        count = int(np.ceil(self.free / (_SPACING * self.side))) + 1
        return np.linspace(0, self.free, count)


def _even(pixels: float) -> int:
    # A whole number that a division missed by a little is meant.
    return int((pixels + 1e-6) // 2) * 2


def kept_shares(
    maps: Iterable[np.ndarray], count: int, window: CropWindow, emphasis: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """The share of each map that is inside of the window at each place of its grid.

    Args:
        maps: (h, w) >= 0, of any size; one of zeros counts as even.
        count: how many there are, T.
        window: that moves.
        emphasis: power of the maps for the second table.

    Returns:
        Two tables (T, P) float32 from 0 to 1 for `window.grid()`: of the maps, and of the maps to
        the power of `emphasis`.
    """
    low, width = window.grid() / window.side, window.size[window.axis] / window.side
    kept = np.empty((count, len(low)), np.float32)
    wanted = kept if emphasis == 1 else np.empty_like(kept)
    parts = np.empty((0, 0))
    for number, saliency_map in zip(range(count), maps, strict=True):
        bins = saliency_map.shape[window.axis]
        if len(parts) != bins:
            parts = _parts_inside(bins, low, width)
        kept[number] = _inside(saliency_map, window.axis, parts, width)
        if wanted is not kept:
            stronger = emphasized(saliency_map, emphasis)
            wanted[number] = _inside(stronger, window.axis, parts, width)
    return kept, wanted


def _inside(
    saliency_map: np.ndarray, axis: int, parts: np.ndarray, even: float
) -> np.ndarray | float:
    """The share of a map at each place (P,), `even` where the map is 0 everywhere."""
    profile = saliency_map.sum(1 - axis, dtype=np.float64)
    total = float(profile.sum())
    return profile @ parts / total if total > 0 else even


def _parts_inside(bins: int, low: np.ndarray, width: float) -> np.ndarray:
    """How much of each of `bins` equal parts of 0 to 1 is between `low` (P,) and `low + width`.

    Returns:
        (bins, P) float64 from 0 to 1.
    """
    begin = np.arange(bins)[:, None] / bins
    inside = np.minimum(begin + 1 / bins, low + width) - np.maximum(begin, low)
    return inside.clip(0) * bins


def between_places(kept: np.ndarray, at: np.ndarray) -> np.ndarray:
    """What is kept of each frame at a place between those of the grid.

    Args:
        kept: (T, P).
        at: (T,) from 0 to P - 1.

    Returns:
        (T,) float64.
    """
    low = np.floor(at).astype(np.int64).clip(0, max(0, kept.shape[1] - 2))
    high = np.minimum(low + 1, kept.shape[1] - 1)
    rows, share = np.arange(len(kept)), at - low
    return kept[rows, low] * (1 - share) + kept[rows, high] * share
