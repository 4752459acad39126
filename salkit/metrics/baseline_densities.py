"""Where people look without a word of what they see: the middle, or where they looked elsewhere.

Information gain is counted from such a density, and as predictions they are what a model has to
beat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from tqdm import tqdm

from ..datasets.layout import VideoRecord
from ..errors import ConfigError, DataError
from ..media.images import image_size
from ..media.maps import read_density_map, resize_map

Size = tuple[int, int]
# Of the frame's height for rows, of its width for columns.
CENTER_SIGMA = 0.2


def center_map(size: Size, sigma: float = CENTER_SIGMA) -> np.ndarray:
    """A Gaussian around the middle of the frame, stretched to its shape.

    Args:
        size: rows and columns.
        sigma: standard deviation as a share of the height (down) and of the width (across).

    Returns:
        size, float64, at most 1.

    Raises:
        ConfigError: a sigma that is not positive.
    """
    if not sigma > 0:
        raise ConfigError(f'sigma must be above 0, got {sigma}')
    profiles = [
        np.exp(-0.5 * ((np.arange(length) - (length - 1) / 2) / (sigma * length)) ** 2)
        for length in size
    ]
    return np.outer(*profiles)


def resize_density(density: np.ndarray, size: Size) -> np.ndarray:
    """Resize a density map (rows, columns) to `size`, and make it sum to 1."""
    resized = resize_map(density, size)
    return resized / resized.sum()


def mean_density(maps: Iterable[np.ndarray]) -> np.ndarray | None:
    """Mean over the frames of a video of their density maps, each made to sum to 1.

    Returns:
        (rows, columns) of the first, float64 that sums to 1; None where every map is zero.
    """
    total, used = np.zeros((0, 0)), 0
    for density in maps:
        if not total.size:
            total = np.zeros(density.shape)
        resized = resize_map(density.astype(np.float64), total.shape)
        if resized.any():
            total += resized / resized.sum()
            used += 1
    return total / used if used else None


def video_density(video: VideoRecord) -> np.ndarray | None:
    """`mean_density` of a video's files."""
    return mean_density(map(read_density_map, video.densities))


def frame_size(video: VideoRecord) -> Size:
    """Rows and columns of a video's density maps, and so of its frames."""
    return image_size(video.densities[0])


class MeanOfVideos:
    """The mean over videos of their mean density, or over all but one; each weighs the same.

    Memory holds one map for each size, however many videos there are. Sums are exact, so that the
    order of the videos does not matter.

    Args:
        videos: how many will be added at most.
        sizes: rows and columns that the mean will be asked for at.
    """

    def __init__(self, videos: int, sizes: Iterable[Size]) -> None:
        # Densities are at most 1: in such units, the sum of so many is below 2^62.
        self._one = 2.0 ** (62 - videos.bit_length())
        self._totals = {size: np.zeros(size, np.int64) for size in sizes}
        self._count = 0

    def _in_units(self, density: np.ndarray, size: Size) -> np.ndarray:
        return np.rint(resize_density(density, size) * self._one).astype(np.int64)

    def add(self, density: np.ndarray | None) -> None:
        """Take in what `mean_density` gives."""
        if density is not None:
            self._count += 1
            for size, total in self._totals.items():
                total += self._in_units(density, size)

    def at(self, size: Size, without: np.ndarray | None = None) -> np.ndarray | None:
        """The mean at a size, (*size) float64 that sums to 1.

        Args:
            size: rows and columns.
            without: what was added for the video to leave out; None for the mean of all.

        Returns:
            None where nothing is left.
        """
        if self._count < (1 if without is None else 2):
            return None
        total = self._totals[size]
        if without is not None:
            total = total - self._in_units(without, size)
        mean = total.astype(np.float64)
        return mean / mean.sum()


def mean_density_map(
    videos: Sequence[VideoRecord], size: Size | None = None, progress: bool = False
) -> np.ndarray:
    """Mean over videos of their mean density.

    It is the best that can be said of where people look without seeing the video.

    Args:
        videos: every one weighs the same, whatever its length.
        size: rows and columns; those of the first video by default.
        progress: whether to show a bar.

    Returns:
        (rows, columns) float64 that sums to 1.

    Raises:
        DataError: no video has a density map that is not zero.
    """
    size = size or frame_size(videos[0])
    mean = read_means(videos, [size], progress).at(size)
    if mean is None:
        raise DataError('no video has a density map that is not zero')
    return mean


def read_means(
    videos: Sequence[VideoRecord], sizes: Iterable[Size], progress: bool = False
) -> MeanOfVideos:
    """The sum of the densities of videos, at some sizes, with or without a bar."""
    means = MeanOfVideos(len(videos), sizes)
    for video in tqdm(videos, desc='reading densities', unit='video', disable=not progress):
        means.add(video_density(video))
    return means


def check_others(videos: int) -> None:
    """Raise DataError for a set too small to leave one video out."""
    if videos < 2:
        raise DataError(
            f'the mean baseline leaves one video out, so it needs at least 2 videos, got {videos}'
        )


def without_video(means: MeanOfVideos, name: str, own: np.ndarray | None, size: Size) -> np.ndarray:
    """The mean of the other videos at a size, see `MeanOfVideos.at`.

    Args:
        means: of the whole set.
        name: of the video to leave out.
        own: its density; None where all its maps are zero.
        size: rows and columns of its frames.

    Raises:
        DataError: no other video has a density map that is not zero.
    """
    mean = means.at(size, own)
    if mean is None:
        raise DataError(f'{name}: no other video has a density map that is not zero')
    return mean


class LeaveOneOutMeans:
    """For each video of a set, the mean density map of all others at this video's size.

    The density maps are read twice.

    Args:
        videos: the set, at least 2.
        progress: whether to show a bar while they are read.

    Raises:
        DataError: fewer than 2 videos.
    """

    def __init__(self, videos: Sequence[VideoRecord], progress: bool = False) -> None:
        check_others(len(videos))
        self._videos, self._progress = videos, progress

    @cached_property
    def _means(self) -> MeanOfVideos:
        return read_means(self._videos, map(frame_size, self._videos), self._progress)

    def without(self, video: VideoRecord) -> np.ndarray:
        """Mean over the other videos at the size of `video`: (rows, columns), sums to 1.

        Raises:
            DataError: no other video has a density map that is not zero.
        """
        return without_video(self._means, video.name, video_density(video), frame_size(video))
