"""Where people looked in other frames: the negatives of shuffled AUC."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import DataError
from ..functional import count_fixations
from ..media.maps import read_fixation_map
from ..utils.rng import draw_number
from ..utils.text import check_choice

Size = tuple[int, int]
# Frames that 'ten-frames' keeps of a data set.
RESERVOIR = 1000


class VideoFiles(Protocol):
    """The files of a video, such as `VideoSaliencyDataset.videos` lists."""

    name: str
    frames: Sequence[str]
    fixations: Sequence[str]


def rescale_points(points: np.ndarray, before: Size, after: Size) -> np.ndarray:
    """Move points (n, 2) from a grid of `before` rows, columns to the cells of one of `after`."""
    points = np.asarray(points, np.int64).reshape(-1, 2)
    if tuple(before) == tuple(after):
        return points
    return points * np.asarray(after, np.int64) // np.asarray(before, np.int64)


class NonfixationPool(ABC):
    """The fixations of a data set, gathered in one pass, and those that a frame is scored against.

    What a frame gets follows from the names and the seed, not from the order of the calls, so any
    number of processes agree.
    """

    @abstractmethod
    def add(
        self, video: str, frames: Sequence[str], points: Sequence[np.ndarray], size: Size
    ) -> None:
        """Take in some frames of a video.

        Args:
            video: its name.
            frames: their names.
            points: (n, 2) rows and columns of the fixations of each; n may be 0.
            size: rows and columns of all of them.

        Raises:
            DataError: a point outside the frame.
        """

    @abstractmethod
    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """What a frame is scored against.

        Args:
            video: its name.
            frame: its name.
            size: rows and columns of the frame.

        Returns:
            (*size) int64 counts, not to be changed; all 0 where there are no other frames.
        """


class OtherVideos(NonfixationPool):
    """All fixations of the other videos, rescaled to the frame, each counting.

    Kept are a map of counts for each size that videos have and the points of each video.
    """

    def __init__(self) -> None:
        self._totals: dict[Size, np.ndarray] = {}
        self._of_videos: dict[str, list[tuple[np.ndarray, Size]]] = defaultdict(list)
        self._last: tuple[tuple[str, Size], np.ndarray] | None = None

    def add(
        self, video: str, frames: Sequence[str], points: Sequence[np.ndarray], size: Size
    ) -> None:
        """Frames of a video are not told apart."""
        together = np.concatenate([np.asarray(each).reshape(-1, 2) for each in points])
        counts = count_fixations(together, size)
        self._totals[size] = self._totals.get(size, 0) + counts
        # Of the smallest type, as there may be millions.
        self._of_videos[video].append((together.astype(np.min_scalar_type(max(size))), size))
        self._last = None

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """All frames of a video get the same counts."""
        if self._last is None or self._last[0] != (video, size):
            counts = np.zeros(size, np.int64)
            for own_size, total in self._totals.items():
                points = np.argwhere(total)
                moved = rescale_points(points, own_size, size)
                np.add.at(counts, tuple(moved.T), total[tuple(points.T)])
            for own in self._of_videos.get(video, ()):
                counts -= count_fixations(rescale_points(*own, size), size)
            self._last = (video, size), counts
        return self._last[1]


class TenFrames(NonfixationPool):
    """The fixated pixels of ten other frames, drawn anew for every frame.

    Kept are the fixations of `reservoir` frames that the seed has drawn from all; ten of these are
    drawn.

    Args:
        seed: of the draws.
        reservoir: frames that are kept; data sets of up to so many are kept whole.
    """

    def __init__(self, seed: int = 0, reservoir: int = RESERVOIR) -> None:
        self._seed = seed
        self._reservoir = reservoir
        self._added = 0
        # -draw, video, frame, number, points, size: as a heap, the largest draw goes first. The
        # number is unique, so that points are never compared.
        self._kept: list[tuple[int, str, str, int, np.ndarray, Size]] = []

    def add(
        self, video: str, frames: Sequence[str], points: Sequence[np.ndarray], size: Size
    ) -> None:
        """Keep those frames that are drawn."""
        for frame, found in zip(frames, points, strict=True):
            places = np.asarray(found, np.int32).reshape(-1, 2)
            if ((places < 0) | (places >= size)).any():
                raise DataError(f'{video}, frame {frame}: a fixation lies outside the map {size}')
            self._added += 1
            draw = draw_number(self._seed, 'reservoir', video, frame)
            full = len(self._kept) == self._reservoir
            keep = heapq.heappushpop if full else heapq.heappush
            keep(self._kept, (-draw, video, frame, self._added, places, size))

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """A pixel counts once, however many frames it is fixated in."""
        # Sorted, it is still a heap.
        self._kept.sort()
        rng = np.random.default_rng(draw_number(self._seed, 'ten', video, frame))
        drawn = [self._kept[i] for i in rng.permutation(len(self._kept))[:11]]
        others = [kept for kept in drawn if kept[1:3] != (video, frame)]
        counts = np.zeros(size, np.int64)
        for *_, points, own_size in others[:10]:
            counts[tuple(rescale_points(points, own_size, size).T)] = 1
        return counts


RULES: dict[str, Callable[[int], NonfixationPool]] = {
    'other-videos': lambda seed: OtherVideos(),
    'ten-frames': TenFrames,
}


def nonfixation_pool(rule: str, seed: int = 0) -> NonfixationPool:
    """An empty pool of a rule.

    Args:
        rule: 'other-videos' or 'ten-frames'.
        seed: of the draws.

    Raises:
        ConfigError: another rule.
    """
    check_choice('', 'pool of nonfixations', rule, RULES)
    return RULES[rule](seed)


def why_no_nonfixations(videos: Sequence[VideoFiles], rule: str | None) -> str:
    """Why a data set has no nonfixations under a protocol's rule; '' where it has."""
    with_fixations = [video for video in videos if video.fixations]
    if rule is None:
        return 'the protocol has no shuffled AUC'
    if not videos:
        return 'the data set does not list the files of its videos'
    if rule == 'other-videos' and len(with_fixations) < 2:
        return 'it needs fixations of other videos, and the data set has one video'
    if sum(len(video.fixations) for video in with_fixations) < 2:
        return 'it needs fixations of other frames, and the data set has none'
    return ''


def read_nonfixations(videos: Sequence[VideoFiles], rule: str, seed: int) -> NonfixationPool:
    """Read the fixation files of a data set into a pool, as `nonfixation_pool` makes it."""
    pool = nonfixation_pool(rule, seed)
    for video in videos:
        if not video.fixations:
            continue
        maps = (read_fixation_map(path) for path in video.fixations)
        found = [(np.argwhere(fixated), fixated.shape) for fixated in maps]
        size = found[0][1]
        points = [rescale_points(*own, size) for own in found]
        pool.add(video.name, [Path(frame).stem for frame in video.frames], points, size)
    return pool
