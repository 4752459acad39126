"""Where people looked in other frames: the negatives of shuffled AUC."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..errors import ConfigError, DataError
from ..functional import count_fixations
from ..utils.rng import draw_number

RULES = ('other-videos', 'ten-frames')
Size = tuple[int, int]
# -draw, video, frame, number, points, size: as a heap, the largest draw goes first.
KeptFrame = tuple[int, str, str, int, np.ndarray, Size]


def rescale_points(points: np.ndarray, before: Size, after: Size) -> np.ndarray:
    """Move points (n, 2) from a grid of `before` rows, columns to the cells of one of `after`."""
    points = np.asarray(points, np.int64).reshape(-1, 2)
    if tuple(before) == tuple(after):
        return points
    return points * np.asarray(after, np.int64) // np.asarray(before, np.int64)


class NonfixationPool:
    """The fixations of a data set, gathered in one pass, and those that a frame is scored against.

    - 'other-videos': all fixations of the other videos, rescaled to the frame. Kept: one map of
      counts for each size that videos have; not a word about single frames.
    - 'ten-frames': the fixated pixels of ten other frames, drawn anew for every frame. Kept: the
      fixations of `reservoir` frames that the seed has drawn from all; ten of these are drawn.

    What a frame gets follows from the names and the seed, not from the order of the calls, so any
    number of processes agree.

    Args:
        rule: one of the two.
        seed: of the draws.
        reservoir: frames that 'ten-frames' keeps; data sets of up to so many are kept whole.

    Raises:
        ConfigError: another rule.
    """

    def __init__(self, rule: str = 'other-videos', seed: int = 0, reservoir: int = 1000) -> None:
        if rule not in RULES:
            raise ConfigError(f'nonfixations are {" or ".join(RULES)}, got {rule!r}')
        self.rule = rule
        self.seed = seed
        self.reservoir = reservoir
        self._added = 0
        self._totals: dict[Size, np.ndarray] = {}
        self._kept: list[KeptFrame] = []
        self._in_order: list[KeptFrame] | None = None
        self._total_at: tuple[Size, np.ndarray] | None = None
        self._counts_for: tuple[tuple[str, Size], np.ndarray] | None = None

    def add(self, video: str, frame: str, points: np.ndarray, size: Size) -> None:
        """Take in the fixations of one frame.

        Args:
            video: its name.
            frame: its name.
            points: (n, 2) rows and columns; n may be 0.
            size: rows and columns of the frame.

        Raises:
            ShapeError: the points are not (n, 2).
            DataError: a point outside the frame.
        """
        self._added += 1
        size = (int(size[0]), int(size[1]))
        self._total_at = self._counts_for = None
        if self.rule == 'other-videos':
            counts = count_fixations(points, size)
            if size in self._totals:
                self._totals[size] += counts
            else:
                self._totals[size] = counts
            return
        draw = draw_number(self.seed, 'reservoir', video, frame)
        if len(self._kept) == self.reservoir and -draw <= self._kept[0][0]:
            return
        points = np.asarray(points, np.int32).reshape(-1, 2)
        if ((points < 0) | (points >= size)).any():
            raise DataError(f'{video}, frame {frame}: a fixation lies outside the map {size}')
        self._in_order = None
        # The number is unique, so that points are never compared.
        entry = (-draw, video, frame, self._added, points, size)
        if len(self._kept) < self.reservoir:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heapreplace(self._kept, entry)

    def for_frame(
        self,
        video: str,
        frame: str,
        own_points_of_video: Callable[[], np.ndarray] | None,
        size: Size,
    ) -> np.ndarray:
        """What a frame is scored against.

        Args:
            video: its name.
            frame: its name.
            own_points_of_video: gives (n, 2) fixations of all frames of this video, at `size`,
                which are taken out of the total; called only when the video or the size changes.
                Not needed for 'ten-frames', nor for a video that was not added.
            size: rows and columns of the frame.

        Returns:
            (*size) int64 counts, not to be changed; all 0 where there are no other frames.
        """
        size = (int(size[0]), int(size[1]))
        if self.rule == 'ten-frames':
            return self._ten_frames(video, frame, size)
        if self._counts_for is None or self._counts_for[0] != (video, size):
            counts = self._total(size)
            if own_points_of_video is not None:
                # Not below 0 if the points were not all added.
                counts = np.maximum(counts - count_fixations(own_points_of_video(), size), 0)
            self._counts_for = ((video, size), counts)
        return self._counts_for[1]

    def _total(self, size: Size) -> np.ndarray:
        """All fixations, rescaled to `size`."""
        if self._total_at is None or self._total_at[0] != size:
            total = np.zeros(size, np.int64)
            for own_size, counts in self._totals.items():
                if own_size == size:
                    total += counts
                    continue
                points = np.argwhere(counts)
                moved = rescale_points(points, own_size, size)
                np.add.at(total, tuple(moved.T), counts[tuple(points.T)])
            self._total_at = (size, total)
        return self._total_at[1]

    def _ten_frames(self, video: str, frame: str, size: Size) -> np.ndarray:
        if self._in_order is None:
            self._in_order = sorted(self._kept)
        rng = np.random.default_rng(draw_number(self.seed, 'ten', video, frame))
        drawn = rng.permutation(len(self._in_order))[:11]
        others = [self._in_order[i] for i in drawn if self._in_order[i][1:3] != (video, frame)]
        counts = np.zeros(size, np.int64)
        for *_, points, own_size in others[:10]:
            counts[tuple(rescale_points(points, own_size, size).T)] = 1
        return counts


class DatasetFixations:
    """The fixations of a whole data set, and those that each of its frames is scored against.

    Args:
        rules: that nonfixations are chosen by, see `NonfixationPool`.
        seed: of the draws.
    """

    def __init__(self, rules: Iterable[str], seed: int) -> None:
        self._pools = {rule: NonfixationPool(rule, seed) for rule in rules}
        # All fixations of a video and the size they lie in.
        self._of_videos: dict[str, list[tuple[np.ndarray, Size]]] = {}

    def add(
        self, video: str, frames: Sequence[str], points: Sequence[np.ndarray], size: Size
    ) -> None:
        """Take in some frames of a video.

        Args:
            video: its name.
            frames: their names.
            points: (n, 2) rows and columns of the fixations of each.
            size: rows and columns of all of them.
        """
        for rule, pool in self._pools.items():
            if rule == 'other-videos':
                # One map of counts for all frames, which are not told apart. What is kept is of
                # the smallest type.
                together = np.concatenate(points).astype(np.min_scalar_type(max(size)))
                pool.add(video, frames[0], together, size)
                self._of_videos.setdefault(video, []).append((together, size))
                continue
            for frame, each in zip(frames, points, strict=True):
                pool.add(video, frame, each, size)

    def for_frame(self, rule: str, video: str, frame: str, size: Size) -> np.ndarray:
        """Fixations of others (H, W), counted on a grid of `size`; see `NonfixationPool`."""

        def own_points() -> np.ndarray:
            found = [rescale_points(*own, size) for own in self._of_videos.get(video, ())]
            return np.concatenate([np.zeros((0, 2), np.int64), *found])

        return self._pools[rule].for_frame(video, frame, own_points, size)
