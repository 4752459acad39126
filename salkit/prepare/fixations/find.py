"""Finds fixations in the layouts that they come in."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from ...datasets.published import NO_SPLIT, PublishedVideo, dataset_at, published_datasets
from ...datasets.published.raw_layout import holds
from ...datasets.recorded_truth import RecordedTruth
from ...datasets.truth_video import TruthVideo
from ...errors import ConfigError, DataError
from ...functional.fixations import count_fixations
from ...media.images import IMAGE_SUFFIXES
from ...media.maps import read_fixation_map
from ...media.video import stimulus_name
from ...utils.input_files import check_input_file
from ...utils.text import listed
from .gaze import read_gaze_csv, zeros_warning
from .screen import MOST_BESIDE, fixation_points
from .stimuli import GazeOnVideos

Item = TypeVar('Item')
EXPECTED = (
    'expected a folder of fixation maps (images or .mat), <root>/[<split>/]<video>/fixation/, '
    'fixations.json files (AViMoS), or a gaze CSV file'
)


@dataclass(frozen=True)
class FixationVideo:
    """Fixations on every frame of a video.

    Attributes:
        name: of the video, a path below the data set's root such as `val/0601`.
        source: maps or lists of a data set; or points (n, 2) y and x of each frame.
        size: (H, W) of the frames, for lists and points.
        pixel_aspect: width of their pixels as shown by the height, likewise.
    """

    name: str
    source: TruthVideo | list[np.ndarray]
    size: tuple[int, int] = (0, 0)
    pixel_aspect: float = 1.0

    @property
    def is_map(self) -> bool:
        """Whether fixations are stored as maps, so that none need be written."""
        return isinstance(self.source, TruthVideo) and not self.source.is_list

    @cached_property
    def stems(self) -> Sequence[str]:
        """What the files of each frame are called, without their endings."""
        if isinstance(self.source, RecordedTruth):
            return self.source.frames.names
        points = self.source if isinstance(self.source, list) else self.source.point_lists()
        if isinstance(self.source, TruthVideo) and points is None:
            return self.source.frames.names
        return [f'{number + 1:04d}' for number in range(len(points or ()))]

    @cached_property
    def digest(self) -> str:
        """Changes when the fixations do."""
        if isinstance(self.source, TruthVideo):
            return self.source.fingerprint()
        digest = hashlib.sha256(repr((self.size, len(self.source))).encode())
        for each in self.source:
            digest.update(len(each).to_bytes(8, 'little') + np.ascontiguousarray(each).tobytes())
        return digest.hexdigest()

    def read(self) -> Iterator[np.ndarray]:
        """How many fixations are on each pixel (H, W), frame by frame; in a map, one at most.

        Raises:
            DataError: a file that cannot be read, or a fixation outside of the frame.
        """
        points: Iterable[np.ndarray]
        if isinstance(self.source, list):
            points = self.source
        # Read by the process that needs them: all of a data set would fill the memory.
        elif (lists := self.source.point_lists()) is not None:
            points = (lists.at(index, self.size) for index in range(len(lists)))
        else:
            frames = self.source.frames
            return (read_fixation_map(frames.where(index)) for index in range(len(frames)))
        return (count_fixations(each, self.size) for each in points)


@dataclass
class Found:
    """Fixations of videos.

    Attributes:
        videos: in natural order.
        kind: 'folder' (of one video's maps), 'maps' (of a data set), or 'gaze'.
        notes: what a user should know of how they were read.
        warnings: what may be wrong with them.
    """

    videos: Sequence[FixationVideo]
    kind: str
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def find_fixations(
    path: str | Path, reading: GazeOnVideos | None = None, progress: bool = False
) -> Found:
    """Find all fixations in `path`, see `EXPECTED`.

    Args:
        path: file or folder.
        reading: for gaze.
        progress: whether to show a bar while sizes and lengths of videos are looked up.

    Raises:
        ConfigError: an option that does not go with what is there, or one that is lacking.
        DataError: nothing in a known layout, or a file that cannot be read.
    """
    path, reading = Path(path).expanduser(), reading or GazeOnVideos()
    suffix = path.suffix.lower()
    if path.is_file() and suffix in ('.csv', '.tsv', '.txt'):
        return _in_csv(path, reading, progress)
    if path.is_file() and suffix == '.json':
        videos = [PublishedVideo(path.parent.name, NO_SPLIT, path.parent, fixations=path)]
        return _in_lists(videos, reading, progress)
    if not path.is_dir():
        check_input_file(path)
        raise DataError(f'{path}: {EXPECTED}')
    has_mats = holds(path / 'maps', ('.mat',))
    if has_mats or holds(path, (*IMAGE_SUFFIXES, '.mat')):
        mats = path / 'maps' if has_mats else path
        videos, kind = (
            [PublishedVideo(path.name, NO_SPLIT, path, fixations=path, mats=mats)],
            'folder',
        )
    else:
        videos, kind = _with_fixations(path), 'maps'
    if not videos:
        raise DataError(f'{path}: holds no fixations; {EXPECTED}')
    if any(video.fixations and video.fixations.is_file() for video in videos):
        return _in_lists(videos, reading, progress)
    if reading != GazeOnVideos():
        raise ConfigError(f'{path}: holds fixation maps, which need no options of gaze')
    found = []
    for video in videos:
        truth = replace(video, densities=None).truth()
        if truth.fixations is None:
            where = video.fixations or video.mats
            raise DataError(f'{where}: holds no fixation maps (images, or .mat files)')
        found.append(FixationVideo(video.folder.relative_to(path).as_posix(), truth))
    return Found(found, kind)


def _with_fixations(root: Path) -> list[PublishedVideo]:
    """The videos of the data set in `root` that have fixations."""
    for dataset in (dataset_at(root), *published_datasets().values()):
        videos = [video for video in dataset.find_videos(root) if video.fixations or video.mats]
        if videos:
            return videos
    return []


def _in_lists(videos: list[PublishedVideo], reading: GazeOnVideos, progress: bool) -> Found:
    found = []
    for video in _looking(videos, progress):
        truth = replace(video, densities=None).truth()
        # A list does not say how large the frames are; a recording knows what was shown.
        known = truth.shown if isinstance(truth, RecordedTruth) else reading.look_up(video.name)
        found.append(FixationVideo(video.name, truth, known.size, known.pixel_aspect))
    return Found(found, 'gaze')


def _in_csv(path: Path, reading: GazeOnVideos, progress: bool) -> Found:
    gaze = read_gaze_csv(path, reading)
    there = [each for each in gaze.values() if reading.has(each.video)]
    videos, lost, total = [], 0, 0
    for each in _looking(there or list(gaze.values()), progress):
        shown = reading.look_up(each.video)
        points, left_out = fixation_points(
            each, shown.size, shown.frames, shown.clock, reading, shown.pixel_aspect
        )
        lost, total = lost + left_out, total + len(each.points)
        name = stimulus_name(each.video)
        videos.append(FixationVideo(name, points, shown.size, shown.pixel_aspect))
    if len({video.name for video in videos}) < len(videos):
        raise DataError(f'{path}: two videos have one name, apart from folders and endings')
    notes, warnings = [], zeros_warning(there)
    if reading.videos is None:
        notes.append(
            'a video ends with its last gaze; --videos DIR takes the number of frames from them'
        )
    elif absent := sorted(gaze.keys() - {each.video for each in there}):
        notes.append(f'gaze was left out that is on no video in {reading.videos}: {listed(absent)}')
    if lost:
        line = f'{lost} of {total} samples were left out: the eye lost, or not on the video'
        (warnings if lost > MOST_BESIDE * total else notes).append(line)
    return Found(videos, 'gaze', notes, warnings)


def _looking(videos: Collection[Item], progress: bool) -> Iterable[Item]:
    return tqdm(videos, desc='looking', unit='video', disable=not progress)
