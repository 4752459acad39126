"""Predictions that need no model: a Gaussian in the middle, the mean density of the other videos.

A model is worth its weights by what it has over these.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from ..datasets.layout import VideoRecord
from ..errors import ConfigError, DataError
from ..media.images import read_image
from ..media.maps import MAP_FORMATS, resize_map, write_map_file
from ..prepare.stimulus import link_or_copy
from ..utils.files import whole_file, write_json
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
        (rows, columns) float64 that sums to 1; None where every map is zero.

    Raises:
        DataError: maps of different sizes.
    """
    total, used = np.zeros(frame_size(video)), 0
    for path in video.densities:
        density = read_image(path, 'unchanged').astype(np.float64)
        if density.shape != total.shape:
            raise DataError(
                f'{path}: the map is {density.shape[0]} x {density.shape[1]} pixels, the ones '
                f'before it are {total.shape[0]} x {total.shape[1]}'
            )
        if density.any():
            total += density / density.sum()
            used += 1
    return total / used if used else None


def frame_size(video: VideoRecord) -> tuple[int, int]:
    """Rows and columns of a video's density maps, and so of its frames."""
    return read_image(video.densities[0], 'unchanged').shape


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
        check_others(videos)
        self._totals, self._videos = _add_up(videos, map(frame_size, videos), progress)

    def without(self, video: VideoRecord) -> np.ndarray:
        """Mean over the other videos at the size of `video`: (rows, columns), sums to 1.

        Raises:
            DataError: no other video has a density map that is not zero.
        """
        own = video_density(video)
        if self._videos - (own is not None) < 1:
            raise DataError(f'{video.name}: no other video has a density map that is not zero')
        total = self._totals[frame_size(video)]
        # Where only this video has density, rounding may leave less than nothing.
        others = total if own is None else np.maximum(total - own / own.sum(), 0)
        return others / others.sum()


def check_others(videos: Sequence[VideoRecord]) -> None:
    """Raise DataError unless there is a video to leave out and another one."""
    if len(videos) < 2:
        raise DataError(
            'the mean baseline leaves one video out, so it needs at least 2 videos, got '
            f'{len(videos)}'
        )


# Writing -----------------------------------------------------------------------------------------


def claim_folder(out: Path, settings: dict[str, object]) -> None:
    """Note in `out` what its maps are, or make sure that they are the same as noted.

    Raises:
        DataError: the folder holds a baseline with other settings.
    """
    path = out / SETTINGS_FILE
    if path.exists():
        try:
            earlier = json.loads(path.read_text(encoding='utf-8'))
        except ValueError:
            earlier = {}
        if earlier != json.loads(json.dumps(settings)):
            different = sorted(k for k in settings if earlier.get(k) != settings[k])
            raise DataError(
                f'{out}: holds another baseline (other {", ".join(different) or "settings"}); '
                'choose another folder or remove it'
            )
        return
    write_json(settings, path)


def map_path(out: Path, video: str, stem: str, format: str) -> Path:
    """Where the map of a frame is written."""
    return out / video / f'{stem}.{"npy" if format == "npy" else "png"}'


def with_progress(todo: Sequence[VideoRecord], total: int, progress: bool) -> Iterator[VideoRecord]:
    """The videos in `todo`, counted on a bar that starts with the others, which are finished."""
    done = total - len(todo)
    with tqdm(total=total, initial=done, desc='writing', unit='video', disable=not progress) as bar:
        for video in todo:
            yield video
            bar.update()


def _write_for_all_frames(
    saliency_map: np.ndarray, video: VideoRecord, out: Path, format: str
) -> None:
    """Write one map for every frame of a video: one file with many names, where links exist."""
    folder = out / video.name
    folder.mkdir(parents=True, exist_ok=True)
    paths = [map_path(out, video.name, Path(f).stem, format) for f in video.frames]
    first, *others = paths
    write_map_file(saliency_map / saliency_map.max(), first.with_suffix(''), format)
    for path in others:
        with whole_file(path) as temporary:
            temporary.unlink(missing_ok=True)
            link_or_copy(first, temporary)


def write_baseline(
    kind: str,
    dataset: VideoSaliencyDataset,
    out: str | Path,
    format: str = 'png16',
    sigma: float | None = None,
    progress: bool = False,
) -> int:
    """Write the predictions of a baseline, `<out>/<video>/<frame>.<png or npy>`, at most 1.

    Videos that are complete in `out` are left as they are.

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
    out, videos = Path(out), dataset.videos
    check_choice('', 'format', format, MAP_FORMATS)
    check_choice('', 'baseline', kind, ('center', 'mean'))
    if kind == 'mean' and sigma is not None:
        raise ConfigError('the mean baseline has no sigma')
    spread = CENTER_SIGMA if sigma is None else sigma
    # Before anything is written.
    center_map((1, 1), spread)
    settings = dict(baseline=kind, **dataset.metainfo, format=format)
    settings['sigma'] = spread if kind == 'center' else None
    # The mean of the others is another one when the set has changed.
    settings['frames_per_video'] = {video.name: len(video.frames) for video in videos}
    if kind == 'mean':
        check_others(videos)
    claim_folder(out, settings)

    def is_finished(video: VideoRecord) -> bool:
        paths = (map_path(out, video.name, Path(f).stem, format) for f in video.frames)
        return all(path.exists() for path in paths)

    todo = [video for video in videos if not is_finished(video)]
    means = LeaveOneOutMeans(videos, progress) if kind == 'mean' and todo else None
    for video in with_progress(todo, len(videos), progress):
        if means is None:
            saliency_map = center_map(frame_size(video), spread)
        else:
            saliency_map = means.without(video)
        _write_for_all_frames(saliency_map, video, out, format)
    return len(todo)
