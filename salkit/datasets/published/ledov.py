"""LEDOV (Jiang et al., ECCV 2018): 538 videos, looked at by 32 people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...media.mat_cells import described, read_mat_struct
from ...registry import DATASETS, PUBLISHED
from ...utils.density_options import DensityOptions
from ..base import VideoSaliencyDataset
from ..layout import SPLIT_FOLDERS, subfolders
from ..recorded_truth import RecordedLists, RecordedTruth, Recording
from ..truth_video import TruthVideo
from .base import DensityArguments, PublishedDataset
from .raw_layout import PublishedVideo, video_files

FIXATIONS = 'Data.mat'
# Two degrees wide at half its height, of 40 pixels each, up to 100 pixels from its middle
# (make_gauss_masks4.m of their repository).
RECIPE = DensityArguments(sigma_px=80 / (2 * math.sqrt(2 * math.log(2))), window_px=201)
# What readers of videos may differ by at their ends.
MOST_LOST_FRAMES = 2
# Observer, begin and duration in ms, x and y counted from 1.
COLUMNS = 5
# Their namelist.mat; all others are for training.
VAL = """
    animal_bear05 animal_bird12 animal_cat11 animal_chimpanzee04 animal_giraffe07
    animal_panda07 animal_penguin03 animal_penguin11 animal_polarbear06 animal_wolf02
    human_broadcast05 human_chatting10 human_chatting14 human_dancing09 human_dancing14
    human_gymnastics07 human_gymnastics15 human_handstand05 human_interview05
    human_interview18 human_introduction07 human_performance09 human_speech09 human_talking06
    human_talking09 human_trumpet01 human_violin05 human_walking04 manmade_airplane02
    manmade_car11 manmade_helicopter05 manmade_roadster06 manmade_robot12 manmade_suv05
    manmade_suv15 manmade_truck05
"""
TEST = """
    animal_bear04 animal_bird04 animal_bird11 animal_cat09 animal_chimpanzee05
    animal_giraffe08 animal_panda08 animal_penguin06 animal_penguin14 animal_polarbear07
    animal_wolf07 human_broadcast06 human_chatting11 human_chatting15 human_dancing07
    human_dancing16 human_gymnastics08 human_gymnastics17 human_handstand06 human_interview06
    human_interview20 human_introduction05 human_performance06 human_speech10 human_talking04
    human_talking16 human_talking23 human_trumpet06 human_violin06 human_walking05
    manmade_airplane01 manmade_car06 manmade_car14 manmade_helicopter08 manmade_roadster04
    manmade_robot05 manmade_robot09 manmade_suv02 manmade_suv08 manmade_suv17 manmade_truck06
"""
_SPLIT_OF = dict.fromkeys(VAL.split(), 'val') | dict.fromkeys(TEST.split(), 'test')


class _LEDOV(PublishedDataset):
    def is_at(self, root: Path) -> bool:
        """Whether there is `<video>/Data.mat`."""
        return any((sub / FIXATIONS).is_file() for sub in subfolders(root)[:50])

    def find_videos(self, root: Path) -> list[PublishedVideo]:
        """`<video>/<video>.mp4` and `<video>/Data.mat`; nothing in these is read."""
        found = []
        for folder in subfolders(root):
            name, fixations = folder.name, folder / FIXATIONS
            files = [path for path in video_files(folder) if path.stem == name]
            if not files and not fixations.is_file():
                continue
            found.append(
                _Video(
                    name,
                    _SPLIT_OF.get(name, 'train'),
                    folder,
                    files[0] if files else folder / f'{name}.mp4',
                    fixations=fixations if files and fixations.is_file() else None,
                )
            )
        return sorted(found, key=lambda video: list(SPLIT_FOLDERS).index(video.split))


@dataclass(frozen=True)
class _Video(PublishedVideo):
    @property
    def needs_densities(self) -> bool:
        """Its file tells the size."""
        return False

    def truth(self, prefer_mat: bool = False) -> TruthVideo:
        """Its ground truth, which is made of the fixations."""
        if self.stimulus is None or self.fixations is None:
            return super().truth(prefer_mat)
        return _Truth(self.name, self.stimulus, self.fixations)


class _Truth(RecordedTruth):
    """Ground truth of a video, whose fixations are read when they are first asked for.

    Args:
        name: of the video.
        stimulus: the video file.
        path: of its `Data.mat`.
    """

    def __init__(self, name: str, stimulus: Path, path: Path) -> None:
        super(RecordedTruth, self).__init__(name, None, None)
        self.stimulus, self.path = stimulus, path
        self.density = DensityOptions(**RECIPE)

    @cached_property
    def _read(self) -> tuple[Recording, tuple[int, int, int]]:
        return read_recording(self.path)

    @property
    def recording(self) -> Recording:  # type: ignore[override]  # Read when it is needed.
        """The fixations."""
        return self._read[0]

    def read_lists(self) -> RecordedLists:
        """The fixations of each frame.

        Raises:
            DataError: the frames are not as many, or as large, as those that the fixations are on.
        """
        lists, shape = super().read_lists(), self._read[1]
        is_other_count = abs(len(lists) - shape[0]) > MOST_LOST_FRAMES
        if is_other_count or self.shown.size != shape[1:]:
            found = '{} frames of {} x {} pixels'.format(len(lists), *self.shown.size)
            expected = '{} of {} x {}'.format(*shape)
            raise DataError(f'{self.stimulus}: {found}, {self.path} has fixations on {expected}')
        return lists


def read_recording(path: Path) -> tuple[Recording, tuple[int, int, int]]:
    """Read the fixations on a video, those that the authors' demo.m takes.

    It leaves out those that are not within the frame, and of each observer those before the first
    that is away from the middle of the frame, across and down: at the beginning, eyes are still
    where a cross was. A fixation is on every frame of which it sees a part.

    Returns:
        The fixations, and the shape (T, H, W) of the video that they are on.

    Raises:
        DataError: a file of another layout.
    """
    data = read_mat_struct(path, 'Data')
    width, height = _numbers(data, 'VideoSize', path, 2, whole=True)
    (count,) = _numbers(data, 'VideoFrames', path, 1, whole=True)
    (fps,) = _numbers(data, 'VideoFrameRate', path, 1)
    rows = data.get('fixdata')
    if not isinstance(rows, np.ndarray) or rows.dtype == object or rows.ndim != 2:
        raise DataError(
            f'{path}: expected Data.fixdata, rows of observer, begin, duration, x and y, got '
            f'{described(rows) if rows is not None else described(data)}'
        )
    if rows.size and rows.shape[1] != COLUMNS:
        raise DataError(f'{path}: expected {COLUMNS} columns in Data.fixdata, got {rows.shape[1]}')
    rows = rows.reshape(-1, COLUMNS).astype(np.float64)
    rows = rows[_taken(rows, width, height)]
    if not np.isfinite(rows).all():
        raise DataError(f'{path}: Data.fixdata has a fixation without a time')
    begins, ends = rows[:, 1], rows[:, 1] + rows[:, 2]
    frame_ms = 1000 / fps
    first = np.maximum(np.ceil(begins / frame_ms), 1) - 1
    stop = np.minimum(np.ceil(ends / frame_ms), count)
    recording = Recording(
        # They index matrices by these numbers, from 1.
        rows[:, [4, 3]] - 1,
        rows[:, 0].astype(np.int64),
        str(path),
        begins / 1000,
        rows[:, 2] / 1000,
        np.stack([first, stop], 1).astype(np.int64),
    )
    return recording, (int(count), int(height), int(width))


def _numbers(
    data: dict[str, object], key: str, path: Path, count: int, whole: bool = False
) -> list[float]:
    """The numbers above 0 in a field."""
    values = data.get(key)
    found = values.ravel() if isinstance(values, np.ndarray) else np.zeros(0)
    is_right = found.dtype != object and len(found) == count
    is_right = is_right and np.isfinite(found).all() and (found > 0).all()
    if not is_right or (whole and (found % 1).any()):
        kind = 'whole number' if whole else 'number'
        what = f'a {kind}' if count == 1 else f'{count} {kind}s'
        raise DataError(f'{path}: expected {what} above 0 in Data.{key}, got {values!r}')
    return found.astype(float).tolist()


def _taken(rows: np.ndarray, width: float, height: float) -> np.ndarray:
    """Which fixations (n,) bool count."""
    begins, x, y = rows[:, 1], rows[:, 3], rows[:, 4]
    inside = (x > 0) & (x < width) & (y > 0) & (y < height)
    # As MATLAB rounds.
    margin = math.floor(height / 20 + 0.5)
    away = (np.abs(x - width / 2) > margin) & (np.abs(y - height / 2) > margin) & inside
    # Another observer begins where time goes back.
    run = np.cumsum(np.append(False, begins[1:] < begins[:-1])[: len(rows)])
    seen = np.cumsum(away)
    before = np.append(0, seen)[np.searchsorted(run, run)]
    return inside & (seen > before)


PUBLISHED.add(
    _LEDOV(
        'ledov',
        'LEDOV',
        dataset_type='LEDOVDataset',
        counts={'train': (461, None), 'val': (36, None), 'test': (41, None)},
        video_names=r'(animal|human|manmade)_[A-Za-z]+\d\d',
        recipes={'ledov': RECIPE},
        layout=f'<video>/<video>.mp4 and <video>/{FIXATIONS}',
    )
)


@DATASETS.register_module()
class LEDOVDataset(VideoSaliencyDataset):
    """LEDOV (Jiang et al. 2018): `<root>/train|val|test/<video>`.

    461 videos for training, 36 for validation and 41 for testing.
    """

    single_split_serves_all = False
