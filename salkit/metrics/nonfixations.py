"""Where people looked in other frames: the negatives of shuffled AUC."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from ..errors import DataError
from ..functional import count_fixations
from ..media.maps import read_fixation_map
from ..utils.rng import draw_number
from ..utils.text import check_choice

Size = tuple[int, int]
# Frames that are kept of those that ten are drawn from.
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


class _Others(NonfixationPool):
    """All fixations of the other stimuli, rescaled to the frame, each counting.

    Kept are a map of counts for each size that frames have and the points of each stimulus.
    """

    def __init__(self) -> None:
        self._totals: dict[Size, np.ndarray] = {}
        self._of_stimuli: dict[tuple[str, ...], list[tuple[np.ndarray, Size]]] = defaultdict(list)
        self._last: tuple[tuple[tuple[str, ...], Size], np.ndarray] | None = None

    def _add(self, stimulus: tuple[str, ...], points: np.ndarray, size: Size) -> None:
        counts = count_fixations(points, size)
        self._totals[size] = self._totals.get(size, 0) + counts
        # Of the smallest type, as there may be millions.
        self._of_stimuli[stimulus].append((points.astype(np.min_scalar_type(max(size))), size))
        self._last = None

    def _all_but(self, stimulus: tuple[str, ...], size: Size) -> np.ndarray:
        if self._last is None or self._last[0] != (stimulus, size):
            counts = np.zeros(size, np.int64)
            for own_size, total in self._totals.items():
                points = np.argwhere(total)
                moved = rescale_points(points, own_size, size)
                np.add.at(counts, tuple(moved.T), total[tuple(points.T)])
            for own in self._of_stimuli.get(stimulus, ()):
                counts -= count_fixations(rescale_points(*own, size), size)
            self._last = (stimulus, size), counts
        return self._last[1]


class OtherVideos(_Others):
    """All fixations of the other videos; frames of a video are not told apart."""

    def add(
        self, video: str, frames: Sequence[str], points: Sequence[np.ndarray], size: Size
    ) -> None:
        """Take in some frames of a video."""
        self._add((video,), np.concatenate([np.asarray(p).reshape(-1, 2) for p in points]), size)

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """All frames of a video get the same counts."""
        return self._all_but((video,), size)


class OtherFrames(_Others):
    """All fixations of the other frames, those of the same video too."""

    def add(
        self, video: str, frames: Sequence[str], points: Sequence[np.ndarray], size: Size
    ) -> None:
        """Take in some frames of a video."""
        for frame, found in zip(frames, points, strict=True):
            self._add((video, frame), np.asarray(found).reshape(-1, 2), size)

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """The counts of all frames less those of this one."""
        return self._all_but((video, frame), size)


class SameVideo(NonfixationPool):
    """All fixations of the frame's own video, those of the frame itself too.

    Kept are points, not maps, which would be a GiB for a thousand videos.
    """

    def __init__(self) -> None:
        self._points: dict[str, list[tuple[np.ndarray, Size]]] = defaultdict(list)
        self._last: tuple[tuple[str, Size], np.ndarray] | None = None

    def add(
        self, video: str, frames: Sequence[str], points: Sequence[np.ndarray], size: Size
    ) -> None:
        """Take in some frames of a video."""
        together = np.concatenate([np.asarray(each).reshape(-1, 2) for each in points])
        # It looks at where they are.
        count_fixations(together, size)
        self._points[video].append((together.astype(np.min_scalar_type(max(size))), size))
        self._last = None

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """All frames of a video get the same counts."""
        if self._last is None or self._last[0] != (video, size):
            found = [rescale_points(*own, size) for own in self._points.get(video, ())]
            points = np.concatenate([np.zeros((0, 2), np.int64), *found])
            self._last = (video, size), count_fixations(points, size)
        return self._last[1]


class _Kept(NamedTuple):
    """The fixations of a frame. The largest draw comes first; points are never compared."""

    order: int
    video: str
    frame: str
    number: int
    points: np.ndarray
    size: Size


class _Drawn(NonfixationPool):
    """The fixated pixels of ten frames, drawn anew for every frame; a pixel counts once.

    Kept are the fixations of a reservoir of frames, which the seed has drawn from all.

    Args:
        seed: of the draws.
        reservoir: frames that are kept of each group that frames are drawn from; groups of up to
            so many are kept whole.
    """

    def __init__(self, seed: int = 0, reservoir: int = RESERVOIR) -> None:
        self._seed = seed
        self._reservoir = reservoir
        self._groups: dict[str, list[_Kept]] = defaultdict(list)
        self._added = 0

    @abstractmethod
    def _group(self, video: str) -> str:
        """What the frames of a video are drawn together with."""

    @abstractmethod
    def _draw(self, rng: np.random.Generator) -> Iterator[_Kept]:
        """Ten frames, or all where there are fewer."""

    def add(
        self, video: str, frames: Sequence[str], points: Sequence[np.ndarray], size: Size
    ) -> None:
        """Keep those frames that are drawn."""
        kept = self._groups[self._group(video)]
        for frame, found in zip(frames, points, strict=True):
            places = np.asarray(found, np.int32).reshape(-1, 2)
            if ((places < 0) | (places >= size)).any():
                raise DataError(f'{video}, frame {frame}: a fixation lies outside the map {size}')
            self._added += 1
            draw = draw_number(self._seed, 'reservoir', video, frame)
            keep = heapq.heappushpop if len(kept) == self._reservoir else heapq.heappush
            keep(kept, _Kept(-draw, video, frame, self._added, places, size))

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """The frame itself may be among those that are drawn."""
        rng = np.random.default_rng(draw_number(self._seed, 'ten', video, frame))
        counts = np.zeros(size, np.int64)
        for kept in self._draw(rng):
            counts[tuple(self._moved(kept.points, kept.size, size).T)] = 1
        return counts

    def _moved(self, points: np.ndarray, before: Size, after: Size) -> np.ndarray:
        return rescale_points(points, before, after)


class TenFrames(_Drawn):
    """The fixated pixels of ten frames of the whole set, as the code shipped with DHF1K draws them.

    It rescales what was found in frames of another size with the ratios of rows and columns
    exchanged, and drops what falls outside; so does this.
    """

    def _group(self, video: str) -> str:
        return ''

    def _draw(self, rng: np.random.Generator) -> Iterator[_Kept]:
        # Sorted, it is still a heap.
        frames = self._groups['']
        frames.sort()
        return (frames[i] for i in rng.permutation(len(frames))[:10])

    def _moved(self, points: np.ndarray, before: Size, after: Size) -> np.ndarray:
        if before == after:
            return points
        # Pixels are counted from 1 there; halves are rounded up.
        exchanged = np.divide(after, before)[::-1]
        moved = np.floor((points + 1) * exchanged + 0.5).astype(np.int64) - 1
        return moved[((moved >= 0) & (moved < after)).all(1)]


class TenVideos(_Drawn):
    """The fixated pixels of ten videos, of one frame each, as the code of UNISAL draws them.

    It means to resize their maps by nearest neighbor, and does so bilinearly: fixations of smaller
    frames grow, many of larger ones are lost. So does this.
    """

    def __init__(self, seed: int = 0, reservoir: int = RESERVOIR // 20) -> None:
        super().__init__(seed, reservoir)

    def _group(self, video: str) -> str:
        return video

    def _draw(self, rng: np.random.Generator) -> Iterator[_Kept]:
        videos = sorted(self._groups)
        for place in rng.permutation(len(videos))[:10]:
            frames = self._groups[videos[place]]
            frames.sort()
            yield frames[rng.integers(len(frames))]

    def _moved(self, points: np.ndarray, before: Size, after: Size) -> np.ndarray:
        if before == after:
            return points
        fixated = np.zeros(before, np.uint8)
        fixated[tuple(points.T)] = 1
        return np.argwhere(cv2.resize(fixated, after[::-1], interpolation=cv2.INTER_LINEAR))


RULES: dict[str, Callable[[int], NonfixationPool]] = {
    'other-videos': lambda seed: OtherVideos(),
    'other-frames': lambda seed: OtherFrames(),
    'same-video': lambda seed: SameVideo(),
    'ten-frames': TenFrames,
    'ten-videos': TenVideos,
}


def nonfixation_pool(rule: str, seed: int = 0) -> NonfixationPool:
    """An empty pool of a rule.

    Args:
        rule: one of `RULES`.
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
