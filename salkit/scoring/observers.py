"""The ceiling: gaze predicted from that of other observers."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.layout import VideoRecord
from ..errors import ConfigError, DataError
from ..functional.density import gaussian_density
from ..functional.fixations import count_fixations
from ..media.gaze_csv import read_gaze_rows
from ..media.maps import MAP_FORMATS, write_map_file
from ..metrics.baseline_densities import frame_size
from ..utils.files import natural_key, sha256_of
from ..utils.text import check_choice
from .baselines import write_videos

if TYPE_CHECKING:
    from ..datasets import VideoSaliencyDataset

# Of the frame's longer side: one degree of visual angle where that side spans 30 degrees.
OBSERVER_SIGMA = 1 / 30
# By frame (its file's stem) and observer, (N, 2) rows and columns of pixels from 0.
Points = dict[str, dict[str, np.ndarray]]


def read_observers_csv(path: str | Path) -> dict[str, Points]:
    """Read fixations by observer from a CSV file with the columns video,frame,observer,row,col.

    Args:
        path: the file, see `read_gaze_rows`; `frame` is the frame's file name without its ending,
            `row` and `col` are pixels of the frame, counted from 0.

    Returns:
        Fixation points by video.

    Raises:
        DataError: a missing file or column, or a value that is not a number.
    """
    found: dict[str, dict[str, dict[str, list[tuple[float, float]]]]] = {}
    for row in read_gaze_rows(path, ('frame', 'observer')):
        if math.isnan(row.y + row.x):
            raise DataError(f'{row.where}: expected the pixel of a fixation, got {row.y}, {row.x}')
        if not re.fullmatch(r'[\w.-]*\w[\w.-]*', row.observer):
            raise DataError(
                f'{row.where}: an observer is named by letters, digits, "_", "-" and ".", not '
                f'{row.observer!r}'
            )
        seen = found.setdefault(row.video, {}).setdefault(row.frame or '', {})
        seen.setdefault(row.observer, []).append((row.y, row.x))
    return {
        video: {
            frame: {observer: np.floor(points).astype(int) for observer, points in seen.items()}
            for frame, seen in frames.items()
        }
        for video, frames in found.items()
    }


def _check_points(video: VideoRecord, points: Points, size: tuple[int, int]) -> None:
    """Raise DataError unless the points belong to the video's frames."""
    unknown = points.keys() - {Path(frame).stem for frame in video.frames}
    if unknown:
        raise DataError(f'{video.name}: fixations on a frame that it has not, {min(unknown)}')
    for frame, seen in points.items():
        for observer, places in seen.items():
            if (places < 0).any() or (places >= size).any():
                raise DataError(
                    f'{video.name}: observer {observer} has a fixation outside of frame {frame}, '
                    f'which is {size[0]} x {size[1]} pixels'
                )
    if all(len(seen) < 2 for seen in points.values()):
        raise DataError(f'{video.name}: no frame has fixations of two observers')


def _density(points: np.ndarray, size: tuple[int, int], sigma_px: float) -> np.ndarray:
    """A Gaussian (rows, columns) around every point; beyond 4 sigma it counts as 0."""
    window = 2 * int(np.ceil(4 * sigma_px)) + 1
    return gaussian_density(count_fixations(points, size), sigma_px, window)


def _predicted(video: VideoRecord, points: Points, half: bool) -> dict[str, set[str]]:
    """The observers that are predicted together from all others, by what that is called."""
    names = sorted({observer for seen in points.values() for observer in seen}, key=natural_key)
    if half:
        return {video.name: set(names[1::2])}
    return {f'{video.name}@{observer}': {observer} for observer in names}


def _write_video(
    video: VideoRecord, points: Points, sigma: float, out: Path, format: str, half: bool
) -> None:
    """Write predictions and ground truth of the frames of a video that two observers looked at."""
    size, groups = frame_size(video), _predicted(video, points, half)
    for frame in video.frames:
        stem = Path(frame).stem
        seen = points.get(stem, {})
        if len(seen) < 2:
            continue
        blurred = {o: _density(found, size, sigma * max(size)) for o, found in seen.items()}
        total = sum(blurred.values())
        for name, group in groups.items():
            predicted = group & seen.keys()
            if not predicted or predicted == seen.keys():
                continue
            density = np.sum([blurred[observer] for observer in sorted(predicted)], axis=0)
            truth = out / 'ground_truth' / name
            fixations = np.zeros(size)
            for observer in predicted:
                fixations[tuple(seen[observer].T)] = 1
            # Rounding may leave less than nothing where only these looked.
            others = np.maximum(total - density, 0)
            write_map_file(others / others.max(), out / 'predictions' / name / stem, format)
            write_map_file(density / density.max(), truth / 'maps' / stem, 'png')
            write_map_file(fixations, truth / 'fixation' / stem, 'png')


def write_inter_observer(
    dataset: VideoSaliencyDataset,
    out: str | Path,
    observers_csv: str | Path,
    format: str = 'png16',
    sigma: float | None = None,
    progress: bool = False,
    half: bool = False,
) -> int:
    """Predict each observer's fixations from those of all others (leave one observer out).

    What one observer looked at is scored against a prediction from the rest, so every pair of a
    video and an observer becomes a video of its own, `<video>@<observer>`: predictions in
    `<out>/predictions/`, and in `<out>/ground_truth/` the observer's own fixations and density.
    Both densities are the points blurred by `sigma`. Frames that only one observer has fixations on
    are left out. Finished videos are left as they are.

    With `half`, the second, fourth, ... observer of a video are predicted together from the first,
    third, ..., and a video stays one, of the same name.

    Args:
        dataset: whose frames are predicted.
        out: folder, made where it does not exist.
        observers_csv: see `read_observers_csv`.
        format: of the predictions, 'npy' (float32), 'png16' or 'png'.
        sigma: standard deviation of the blur as a share of the frame's longer side; None for 1/30.
        progress: whether to show a bar.
        half: predict a half of the observers from the other one.

    Returns:
        The number of videos of the data set written now.

    Raises:
        ConfigError: an unknown format, or a sigma that is not positive.
        DataError: no frame with fixations of 2 observers, or points that belong to no frame.
    """
    out = Path(out)
    sigma = OBSERVER_SIGMA if sigma is None else sigma
    if not sigma > 0:
        raise ConfigError(f'sigma must be above 0, got {sigma}')
    check_choice('', 'format', format, MAP_FORMATS)
    points = read_observers_csv(observers_csv)
    # Before anything is written: a set without observers should leave no folder behind.
    for video in dataset.videos:
        _check_points(video, points.get(video.name, {}), frame_size(video))
    digest = sha256_of(observers_csv)
    kind = 'half-of-observers' if half else 'inter-observer'
    settings = dict(baseline=kind, format=format, sigma=sigma, observers_sha256=digest)
    # The maps alone do not tell whether a video's last ones are written.
    finished = out / 'finished'

    def write(video: VideoRecord) -> None:
        _write_video(video, points[video.name], sigma, out, format, half)
        finished.mkdir(exist_ok=True)
        (finished / video.name).touch()

    return write_videos(dataset, out, settings, write, finished, progress)
