"""Where one shot ends and the next begins, found while frames come by."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

# Rows and columns that frames are compared at: what moves a little stays where it is.
FRAME_SIZE = (18, 32)
# Seconds that a flash, or a frame that is broken, may last.
_FLASH_SECONDS = 0.13
# Share of white that the pixels of two shots differ by at least, in the mean, and in dark ones the
# share of their own brightness, ...
_LEAST, _LEAST_OF_DARK, _LEAST_EVER = 0.06, 0.15, 0.01
# ... and how many times more than the frames do in so many seconds around, and close by: there, a
# part of them may differ more, of a flash.
_AROUND_SECONDS, _TIMES_AROUND = 0.5, 3.0
_PART_BESIDE, _TIMES_BESIDE = 0.6, 2.0
# Frames whose pixels go together by this correlation are of one shot, however bright they are.
_ALIKE = 0.7
# Share of white; rows and columns at the border that were never lighter are bars, not the picture.
_BLACK = 0.05


class ShotDetector:
    """Finds the cuts in a video.

    A cut is between two frames where all frames shortly before differ from all shortly after, far
    more than the frames around do from their neighbors. So a flash is none, as what was before
    comes back after it; nor is a place in a fast pan, where all frames differ; nor a light that is
    switched on, in which the same goes up and down together. A dissolve has no such place, and is
    not found either. Black bars around the picture do not count.

    Args:
        fps: frames per second.
    """

    def __init__(self, fps: float) -> None:
        self._side = int(np.clip(np.ceil(_FLASH_SECONDS * fps), 1, 8))
        self._around = max(2, round(_AROUND_SECONDS * fps))
        self._latest: deque[np.ndarray] = deque(maxlen=2 * self._side - 1)
        # Of each frame: how it differs from the one before, and how far it is from being of one
        # shot with those before, the last first.
        self._changes: list[float] = []
        self._apart: list[np.ndarray] = []
        # Rows and columns that have been lighter than black.
        self._is_used = [np.zeros(side, bool) for side in FRAME_SIZE]

    def add(self, frame: np.ndarray) -> None:
        """Take the next frame, (H, W, 3) uint8 RGB of any size."""
        small = cv2.resize(frame, FRAME_SIZE[::-1], interpolation=cv2.INTER_AREA)
        pixels = small.astype(np.float32) / 255
        picture = self._picture(pixels)
        apart = np.full(2 * self._side - 1, np.inf, np.float32)
        change = 0.0
        for place, other in enumerate(reversed(self._latest)):
            one, two = pixels[picture].ravel(), other[picture].ravel()
            difference = float(np.abs(one - two).mean())
            change = change if place else difference
            apart[place] = 0 if _is_one_scene(one, two, difference) else difference
        self._latest.append(pixels)
        self._changes.append(change)
        self._apart.append(apart)

    def _picture(self, pixels: np.ndarray) -> tuple[slice, slice]:
        """Where a frame is not of bars, which are as broad on both sides and never light."""
        is_light = pixels.max(2) > _BLACK
        lines = []
        for axis, is_used in enumerate(self._is_used):
            is_used |= is_light.any(1 - axis)
            used, side = np.flatnonzero(is_used), len(is_used)
            bar = min(used[0], side - 1 - used[-1]) if len(used) else 0
            lines.append(slice(bar, side - bar))
        return lines[0], lines[1]

    def starts(self) -> list[int]:
        """Numbers of the frames, from 0, that shots begin with; the first is 0."""
        # The first frame has none before it.
        changes, table = np.array(self._changes[1:]), np.array(self._apart)
        count = len(table)
        # Of the frames shortly before a place and those from it on, the two that are most alike.
        apart = np.full(count, np.inf, np.float32)
        for before in range(self._side):
            for after in range(min(self._side, count)):
                pairs = table[after:, before + after]
                apart[: len(pairs)] = np.minimum(apart[: len(pairs)], pairs)
        starts = [0]
        for place in np.flatnonzero(np.isfinite(apart) & (apart > 0)):
            # A flash between two shots is none of its own.
            if len(starts) > 1 and place - starts[-1] < self._side:
                continue
            around, beside = (
                np.delete(changes, place - 1)[max(0, place - 1 - reach) : place - 1 + reach]
                for reach in (self._around, self._side)
            )
            least = max(
                _TIMES_AROUND * np.median(around) if len(around) else 0.0,
                _TIMES_BESIDE * np.quantile(beside, _PART_BESIDE) if len(beside) else 0.0,
            )
            if apart[place] >= least:
                starts.append(int(place))
        return starts


def _is_one_scene(first: np.ndarray, second: np.ndarray, difference: float) -> bool:
    """Whether pixels hardly differ, or go up and down together, however bright they are."""
    least, (dark, light) = _LEAST, sorted((float(first.mean()), float(second.mean())))
    # Of a light in the dark, one is far darker.
    if light < 2 * dark:
        least = float(np.clip(_LEAST_OF_DARK * light, _LEAST_EVER, _LEAST))
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return difference < least or float(first @ second) > _ALIKE * scale
