"""The ceiling: each observer's gaze predicted from that of all others."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.file_list import list_files
from ..datasets.layout import VideoRecord, subfolders
from ..errors import ConfigError, DataError
from ..functional.density import gaussian_density
from ..functional.fixations import count_fixations
from ..media.images import IMAGE_SUFFIXES
from ..media.maps import MAP_FORMATS, read_fixation_map, write_map_file
from ..prepare.fixations.gaze_csv import read_gaze_rows
from ..utils.files import sha256_of
from ..utils.text import check_choice
from .baselines import claim_folder, frame_size, with_progress

if TYPE_CHECKING:
    from ..datasets import VideoSaliencyDataset

# Of the frame's longer side: one degree of visual angle where that side spans 30 degrees.
OBSERVER_SIGMA = 1 / 30
COLUMNS = ('video', 'frame', 'observer', 'row', 'col')
# By frame (its file's stem) and observer, (N, 2) rows and columns of pixels from 0.
Points = dict[str, dict[str, np.ndarray]]


def _check_id(observer: str, where: str) -> str:
    if not re.fullmatch(r'[\w.-]*\w[\w.-]*', observer):
        raise DataError(
            f'{where}: an observer is named by letters, digits, "_", "-" and ".", not {observer!r}'
        )
    return observer


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
        seen = found.setdefault(row.video, {}).setdefault(row.frame or '', {})
        seen.setdefault(_check_id(row.observer, row.where), []).append((row.y, row.x))
    return {
        video: {
            frame: {observer: np.floor(points).astype(int) for observer, points in seen.items()}
            for frame, seen in frames.items()
        }
        for video, frames in found.items()
    }


def _observer_folders(video: VideoRecord) -> list[Path]:
    folder = video.folder / 'fixation' / 'observers'
    return subfolders(folder) if folder.is_dir() else []


def read_observers_folder(video: VideoRecord) -> Points:
    """Read fixation maps by observer: `<video>/fixation/observers/<observer>/<frame>.png`.

    Returns:
        Fixation points; empty where there is no such folder. A frame without a file is one that
        the observer has no fixation on.
    """
    found: Points = defaultdict(dict)
    for observer in _observer_folders(video):
        _check_id(observer.name, str(observer))
        for path in list_files(observer, (*IMAGE_SUFFIXES, '.mat')):
            points = np.argwhere(read_fixation_map(path))
            if len(points):
                found[Path(path).stem][observer.name] = points
    return dict(found)


def _observers_of(video: VideoRecord, points: dict[str, Points] | None) -> list[str]:
    """Names of the video's observers, sorted; DataError where there are fewer than 2."""
    if points is None:
        observers = {folder.name for folder in _observer_folders(video)}
    else:
        observers = {o for seen in points.get(video.name, {}).values() for o in seen}
    if not observers:
        raise DataError(
            f'{video.name}: no fixations by observer; they are read from a CSV file with the '
            f'columns {",".join(COLUMNS)} (--observers), or from '
            '<video>/fixation/observers/<observer>/<frame>.png'
        )
    if len(observers) < 2:
        raise DataError(
            f'{video.name}: fixations of one observer only, {min(observers)}: nobody is left to '
            'predict them from'
        )
    return sorted(observers)


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


def _write_video(video: VideoRecord, points: Points, sigma: float, out: Path, format: str) -> None:
    """Write predictions and ground truth of the frames of a video that two observers looked at."""
    size = frame_size(video)
    _check_points(video, points, size)
    for frame in video.frames:
        stem = Path(frame).stem
        seen = points.get(stem, {})
        if len(seen) < 2:
            continue
        blurred = {o: _density(found, size, sigma * max(size)) for o, found in seen.items()}
        total = sum(blurred.values())
        for observer, density in blurred.items():
            name = f'{video.name}@{observer}'
            truth = out / 'ground_truth' / name
            fixations = np.zeros(size)
            fixations[tuple(seen[observer].T)] = 1
            # Rounding may leave less than nothing where only this observer looked.
            others = np.maximum(total - density, 0)
            write_map_file(others / others.max(), out / 'predictions' / name / stem, format)
            write_map_file(density / density.max(), truth / 'maps' / stem, 'png')
            write_map_file(fixations, truth / 'fixation' / stem, 'png')
            image = truth / 'images' / Path(frame).name
            image.parent.mkdir(exist_ok=True)
            if not image.is_symlink():
                image.symlink_to(Path(frame).resolve())


def write_inter_observer(
    dataset: VideoSaliencyDataset,
    out: str | Path,
    observers_csv: str | Path | None = None,
    format: str = 'png16',
    sigma: float | None = None,
    progress: bool = False,
) -> int:
    """Predict each observer's fixations from those of all others (leave one observer out).

    What one observer looked at is scored against a prediction from the rest, so every pair of a
    video and an observer becomes a video of its own, `<video>@<observer>`: predictions in
    `<out>/predictions/`, and in `<out>/ground_truth/` the observer's own fixations and density,
    in the layout of a data set. Both densities are the points blurred by `sigma`. Frames that only
    one observer has fixations on are left out. Videos that are complete are left as they are.

    Args:
        dataset: whose frames are predicted.
        out: folder, made where it does not exist.
        observers_csv: see `read_observers_csv`; by default `read_observers_folder` is used.
        format: of the predictions, 'npy' (float32), 'png16' or 'png'.
        sigma: standard deviation of the blur as a share of the frame's longer side; None for 1/30.
        progress: whether to show a bar.

    Returns:
        The number of videos of the data set written now.

    Raises:
        ConfigError: an unknown format, or a sigma that is not positive.
        DataError: no fixations by observer, fewer than 2 observers, or points that belong to no
            frame.
    """
    out = Path(out)
    sigma = OBSERVER_SIGMA if sigma is None else sigma
    if not sigma > 0:
        raise ConfigError(f'sigma must be above 0, got {sigma}')
    check_choice('', 'format', format, MAP_FORMATS)
    # Before anything is written: a set without observers should leave no folder behind.
    points = None if observers_csv is None else read_observers_csv(observers_csv)
    digest = None if observers_csv is None else sha256_of(observers_csv)
    observers = {video.name: _observers_of(video, points) for video in dataset.videos}
    if points is not None:
        for video in dataset.videos:
            _check_points(video, points[video.name], frame_size(video))
    settings = dict(
        baseline='inter-observer',
        **dataset.metainfo,
        format=format,
        sigma=sigma,
        observers=observers,
        observers_sha256=digest,
        frames_per_video={video.name: len(video.frames) for video in dataset.videos},
    )
    claim_folder(out, settings)

    # The maps alone do not tell whether a video's last ones are written.
    marks = {video.name: out / 'finished' / video.name for video in dataset.videos}
    todo = [video for video in dataset.videos if not marks[video.name].exists()]
    for video in with_progress(todo, len(dataset.videos), progress):
        found = read_observers_folder(video) if points is None else points[video.name]
        _write_video(video, found, sigma, out, format)
        marks[video.name].parent.mkdir(exist_ok=True)
        marks[video.name].touch()
    return len(todo)
