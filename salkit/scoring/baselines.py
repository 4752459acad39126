"""Predictions that need no model: a Gaussian in the middle, the mean density of the other videos.

A model is worth its weights by what it has over these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from ..datasets.layout import VideoRecord
from ..errors import ConfigError, DataError
from ..media.images import image_size
from ..media.maps import MAP_FORMATS, read_density_map, resize_map, write_map_file
from ..utils.files import link_or_copy, write_json
from ..utils.folders import whole_folder
from ..utils.input_files import read_input_json
from ..utils.text import check_choice

if TYPE_CHECKING:
    from ..datasets import VideoSaliencyDataset

# Of the frame's height for rows, of its width for columns.
CENTER_SIGMA = 0.2
SETTINGS_FILE = 'baseline.json'


def center_map(size: tuple[int, int], sigma: float = CENTER_SIGMA) -> np.ndarray:
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


# Mean density ------------------------------------------------------------------------------------


def resize_density(density: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a density map (rows, columns) to `size`, and make it sum to 1."""
    resized = resize_map(density, size)
    return resized / resized.sum()


def video_density(video: VideoRecord) -> np.ndarray | None:
    """Mean over a video's frames of their density maps, each made to sum to 1.

    Returns:
        (rows, columns) of the first, float64 that sums to 1; None where every map is zero.
    """
    total, used = np.zeros(frame_size(video)), 0
    for path in video.densities:
        density = resize_map(read_density_map(path).astype(np.float64), total.shape)
        if density.any():
            total += density / density.sum()
            used += 1
    return total / used if used else None


def frame_size(video: VideoRecord) -> tuple[int, int]:
    """Rows and columns of a video's density maps, and so of its frames."""
    return image_size(video.densities[0])


def _add_up(
    videos: Sequence[VideoRecord], sizes: Iterable[tuple[int, int]], progress: bool = False
) -> tuple[dict[tuple[int, int], np.ndarray], int]:
    """The sum over videos of their mean density, by size, and how many have one."""
    totals, used = {size: np.zeros(size) for size in sizes}, 0
    for video in tqdm(videos, desc='reading densities', unit='video', disable=not progress):
        density = video_density(video)
        if density is not None:
            used += 1
            for size, total in totals.items():
                total += resize_density(density, size)
    return totals, used


def mean_density_map(
    videos: Sequence[VideoRecord], size: tuple[int, int] | None = None
) -> np.ndarray:
    """Mean over videos of their mean density.

    It is the best that can be said of where people look without seeing the video.

    Args:
        videos: every one weighs the same, whatever its length.
        size: rows and columns; those of the first video by default.

    Returns:
        (rows, columns) float64 that sums to 1.

    Raises:
        DataError: no video has a density map that is not zero.
    """
    totals, used = _add_up(videos, [size or frame_size(videos[0])])
    if not used:
        raise DataError('no video has a density map that is not zero')
    (total,) = totals.values()
    return total / total.sum()


class LeaveOneOutMeans:
    """For each video of a set, the mean density map of all others at this video's size.

    Memory holds one map for each size of frame that occurs in the set, however many videos
    there are; the density maps are read twice.

    Args:
        videos: the set, at least 2.
        progress: whether to show a bar while they are read.

    Raises:
        DataError: fewer than 2 videos.
    """

    def __init__(self, videos: Sequence[VideoRecord], progress: bool = False) -> None:
        if len(videos) < 2:
            raise DataError(
                'the mean baseline leaves one video out, so it needs at least 2 videos, got '
                f'{len(videos)}'
            )
        self._videos, self._progress = videos, progress

    @cached_property
    def _sums(self) -> tuple[dict[tuple[int, int], np.ndarray], int]:
        return _add_up(self._videos, map(frame_size, self._videos), self._progress)

    def without(self, video: VideoRecord) -> np.ndarray:
        """Mean over the other videos at the size of `video`: (rows, columns), sums to 1.

        Raises:
            DataError: no other video has a density map that is not zero.
        """
        own = video_density(video)
        totals, used = self._sums
        if used - (own is not None) < 1:
            raise DataError(f'{video.name}: no other video has a density map that is not zero')
        total = totals[frame_size(video)]
        # Where only this video has density, rounding may leave less than nothing.
        others = total if own is None else np.maximum(total - own / own.sum(), 0)
        return others / others.sum()


# Writing -----------------------------------------------------------------------------------------


def write_videos(
    dataset: VideoSaliencyDataset,
    out: Path,
    settings: Mapping[str, object],
    write: Callable[[VideoRecord], None],
    finished: Path,
    progress: bool,
) -> int:
    """Write the videos of a data set that are not there yet.

    Args:
        dataset: whose videos these are.
        out: folder; `baseline.json` in it says what its maps are.
        settings: all that they depend on beside the data set.
        write: writes a video.
        finished: folder that holds something of the name of each finished video.
        progress: whether to show a bar.

    Returns:
        The number of videos written.

    Raises:
        DataError: the folder holds a baseline with other settings.
    """
    videos = dataset.videos
    settings = {**settings, **dataset.metainfo}
    # The mean of the others is another one when the set has changed.
    settings['frames_per_video'] = {video.name: len(video.frames) for video in videos}
    # Another set may have the same names.
    settings['data_root'] = str(dataset.data_root.absolute())
    if (out / SETTINGS_FILE).exists():
        earlier = read_input_json(out / SETTINGS_FILE)
        known = earlier if isinstance(earlier, dict) else {}
        # Version 0.2.0 did not say the root.
        known = {'data_root': settings['data_root'], **known}
        different = sorted(k for k in settings if known.get(k) != settings[k])
        if different:
            raise DataError(
                f'{out}: holds another baseline (other {", ".join(different)}); choose another '
                'folder or remove it'
            )
    write_json(settings, out / SETTINGS_FILE)
    todo = [video for video in videos if not (finished / video.name).exists()]
    done = len(videos) - len(todo)
    bar = tqdm(total=len(videos), initial=done, desc='writing', unit='video', disable=not progress)
    with bar:
        for video in todo:
            write(video)
            bar.update()
    return len(todo)


def write_baseline(
    kind: str,
    dataset: VideoSaliencyDataset,
    out: str | Path,
    format: str = 'png16',
    sigma: float | None = None,
    progress: bool = False,
) -> int:
    """Write the predictions of a baseline, `<out>/<video>/<frame>.<png or npy>`, at most 1.

    Videos that are there already are left as they are.

    Args:
        kind: 'center', see `center_map`, or 'mean', see `LeaveOneOutMeans`.
        dataset: whose every frame is predicted.
        out: folder, made where it does not exist.
        format: 'npy' (float32), 'png16' or 'png' (8 bit, which moves AUC and KL).
        sigma: of the Gaussian in the middle, see `center_map`.
        progress: whether to show a bar.

    Returns:
        The number of videos written now.

    Raises:
        ConfigError: an unknown kind or format, or a sigma where none is used.
        DataError: densities that cannot be read, or a folder with another baseline.
    """
    out = Path(out)
    check_choice('', 'format', format, MAP_FORMATS)
    check_choice('', 'baseline', kind, ('center', 'mean'))
    if kind == 'mean' and sigma is not None:
        raise ConfigError('the mean baseline has no sigma')
    spread = CENTER_SIGMA if sigma is None else sigma
    # Before anything is written.
    center_map((1, 1), spread)
    means = LeaveOneOutMeans(dataset.videos, progress) if kind == 'mean' else None
    settings = dict(baseline=kind, format=format, sigma=None if means else spread)

    def write(video: VideoRecord) -> None:
        predicted = means.without(video) if means else center_map(frame_size(video), spread)
        first, *others = [Path(frame).stem for frame in video.frames]
        with whole_folder(out / video.name) as folder:
            write_map_file(predicted / predicted.max(), folder / first, format)
            (path,) = folder.iterdir()
            # One file with many names, where links exist.
            for other in others:
                link_or_copy(path, folder / f'{other}{path.suffix}')

    return write_videos(dataset, out, settings, write, finished=out, progress=progress)
