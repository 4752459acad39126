"""Finds fixations in the layouts that they come in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from tqdm import tqdm

from ...datasets.published import NO_SPLIT, PublishedVideo, dataset_at, published_datasets
from ...datasets.published.raw_layout import holds
from ...errors import ConfigError, DataError
from ...media.images import IMAGE_SUFFIXES
from .gaze_csv import read_gaze_csv
from .screen import fixation_points
from .sources import FixationVideo, given_fixations, stored_fixations
from .stimuli import Stimuli, Stimulus

Item = TypeVar('Item')
EXPECTED = (
    'expected a folder of fixation maps (images or .mat), <root>/[<split>/]<video>/fixation/, '
    'fixations.json files (AViMoS), or a gaze CSV file'
)


@dataclass(frozen=True)
class GazeReading:
    """How gaze is to be read, where its files do not say it.

    Attributes:
        size: (H, W) of the videos.
        fps: their frames per second.
        videos: folder of the videos or their frames, whose sizes, lengths and times are taken.
        screen: see `to_video_pixels`.
        normalized: gaze is a share of the video's (with a screen, the screen's) width, height.
        first_frame: what the file calls a video's first frame.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    videos: str | Path | None = None
    screen: tuple[int, int] | None = None
    normalized: bool = False
    first_frame: Literal[0, 1] = 1

    @cached_property
    def _stimuli(self) -> Stimuli | None:
        return None if self.videos is None else Stimuli(self.videos)

    def stimulus(self, name: str) -> Stimulus:
        """What is known of a video.

        Raises:
            ConfigError: nothing is.
            DataError: the video is not there, or of another size.
        """
        if self._stimuli is not None:
            found = self._stimuli.find(name)
            if self.size not in (None, found.size):
                raise DataError(
                    f'{name}: expected a video of {self.size} rows and columns, got {found.size}'
                )
            return Stimulus(found.size, found.frames, found.clock if self.fps is None else self.fps)
        if self.size is None:
            raise ConfigError(
                'gaze does not say how large the videos are: give --size HxW (rows x columns) '
                'or --videos'
            )
        return Stimulus(self.size, None, self.fps)

    def check_used(self, what: str, used: Iterable[str]) -> None:
        """Raise ConfigError where an option is given that `what` has no use for."""
        default = GazeReading()
        for name in vars(default):
            if getattr(self, name) != getattr(default, name) and name not in used:
                option = name.replace('_', '-')
                raise ConfigError(
                    f'--{option} says how to read gaze, and {what} need no such thing'
                )


@dataclass
class Found:
    """Fixations of videos.

    Attributes:
        videos: in natural order.
        kind: 'folder' (of one video's maps), 'maps' (of a data set), or 'gaze'.
        notes: what a user should know of how they were read.
    """

    videos: Sequence[FixationVideo]
    kind: str
    notes: list[str] = field(default_factory=list)


def find_fixations(
    path: str | Path, reading: GazeReading | None = None, progress: bool = False
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
    path, reading = Path(path).expanduser(), reading or GazeReading()
    suffix = path.suffix.lower()
    if path.is_file() and suffix in ('.csv', '.tsv', '.txt'):
        return _in_csv(path, reading, progress)
    if path.is_file() and suffix == '.json':
        videos = [PublishedVideo(path.parent.name, NO_SPLIT, path.parent, fixations=path)]
        return _in_lists(videos, reading, progress)
    if not path.is_dir():
        raise DataError(f'{path}: {EXPECTED if path.exists() else "does not exist"}')
    if holds(path, (*IMAGE_SUFFIXES, '.mat')) or holds(path / 'maps', ('.mat',)):
        reading.check_used('fixation maps', ())
        video = PublishedVideo(path.name, NO_SPLIT, path, fixations=path, mats=_mats(path))
        return Found([stored_fixations(path.name, video.truth())], 'folder')
    videos = _with_fixations(path)
    if not videos:
        raise DataError(f'{path}: holds no fixations; {EXPECTED}')
    if any(video.fixations and video.fixations.is_file() for video in videos):
        return _in_lists(videos, reading, progress)
    reading.check_used('fixation maps', ())
    found = []
    for video in videos:
        truth = replace(video, densities=None).truth()
        if truth.fixations is None:
            where = video.fixations or video.mats
            raise DataError(f'{where}: holds no fixation maps (images, or .mat files)')
        found.append(stored_fixations(video.folder.relative_to(path).as_posix(), truth))
    return Found(found, 'maps')


def _mats(folder: Path) -> Path:
    return folder / 'maps' if holds(folder / 'maps', ('.mat',)) else folder


def _with_fixations(root: Path) -> list[PublishedVideo]:
    """The videos of the data set in `root` that have fixations."""
    for dataset in (dataset_at(root), *published_datasets().values()):
        videos = [video for video in dataset.find_videos(root) if video.fixations or video.mats]
        if videos:
            return videos
    return []


def _in_lists(videos: list[PublishedVideo], reading: GazeReading, progress: bool) -> Found:
    reading.check_used('lists of fixations', ('size', 'videos'))
    found = []
    for video in _looking(videos, progress):
        size = reading.stimulus(video.name).size
        found.append(stored_fixations(video.name, replace(video, densities=None).truth(), size))
    return Found(found, 'gaze')


def _in_csv(path: Path, reading: GazeReading, progress: bool) -> Found:
    videos, lost, total = [], 0, 0
    for gaze in _looking(read_gaze_csv(path, reading.first_frame).values(), progress):
        shown = reading.stimulus(gaze.video)
        points, left_out = fixation_points(
            gaze, shown.size, shown.frames, shown.clock, reading.screen, reading.normalized
        )
        lost, total = lost + left_out, total + len(gaze.points)
        videos.append(given_fixations(Path(gaze.video).stem, shown.size, points))
    if len({video.name for video in videos}) < len(videos):
        raise DataError(f'{path}: two videos have one name, apart from folders and endings')
    notes = []
    if reading.videos is None:
        notes.append(
            'a video ends with its last gaze; --videos DIR takes the number of frames from them'
        )
    if lost:
        notes.append(f'{lost} of {total} samples were left out: the eye lost, or not on the video')
    return Found(videos, 'gaze', notes)


def _looking(videos: Collection[Item], progress: bool) -> Iterable[Item]:
    return tqdm(videos, desc='looking', unit='video', disable=not progress)
