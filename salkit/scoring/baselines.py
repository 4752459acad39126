"""Predictions that need no model: a Gaussian in the middle, the mean density of the other videos.

A model is worth its weights by what it has over these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from ..datasets.layout import VideoRecord
from ..errors import ConfigError, DataError
from ..media.maps import MAP_FORMATS, write_map, write_map_file
from ..metrics.baseline_densities import (
    CENTER_SIGMA,
    LeaveOneOutMeans,
    center_map,
    frame_size,
    mean_density_map,
)
from ..utils.files import link_or_copy, whole_file, write_json
from ..utils.folders import whole_folder
from ..utils.input_files import read_input_json
from ..utils.text import check_choice

if TYPE_CHECKING:
    from ..datasets import VideoSaliencyDataset

SETTINGS_FILE = 'baseline.json'


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


def write_mean_density(dataset: VideoSaliencyDataset, out: Path, progress: bool = False) -> None:
    """Write the mean density of a whole data set as one .npy file, float32 that sums to 1.

    Of the training set, it is a baseline to count the information gain on others from.

    Raises:
        DataError: densities that cannot be read, or are all zero.
    """
    density = mean_density_map(dataset.videos, progress=progress)
    with whole_file(out) as temporary:
        write_map(density, temporary, 'npy')
