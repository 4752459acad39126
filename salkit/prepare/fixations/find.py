"""Finds fixations in the layouts that they come in."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from ...datasets.file_list import list_files
from ...errors import ConfigError, DataError
from ...media.images import IMAGE_SUFFIXES
from .gaze_csv import read_gaze_csv
from .screen import fixation_points
from .sources import FixationVideo, ListVideo, MapVideo, PointVideo
from .stimuli import Stimuli, Stimulus

Item = TypeVar('Item')
# <root>/<split>/<video> is two folders down; AViMoS has one more above.
DEPTH = 3
LIST_NAME = 'fixations.json'
EXPECTED = (
    'expected a folder of fixation maps (images or .mat), <root>/[<split>/]<video>/fixation/, '
    f'{LIST_NAME} files (AViMoS), or a gaze CSV file'
)


@dataclass(frozen=True)
class GazeReading:
    """How gaze is to be read, where its files do not say it.

    Attributes:
        size: (H, W) of the videos.
        fps: their frames per second.
        videos: folder that the videos themselves are in; they tell their sizes, frames and times.
        screen: see `to_video_pixels`.
        normalized: see `to_video_pixels`.
        first_frame: see `read_gaze_csv`.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    videos: str | Path | None = None
    screen: tuple[int, int] | None = None
    normalized: bool = False
    first_frame: int = 1

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
                'gaze does not tell how large the videos are: give --size HxW (rows x columns) '
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
    path: str | Path,
    reading: GazeReading | None = None,
    progress: Callable[[list[Item]], Iterable[Item]] = lambda items: items,
) -> Found:
    """Find all fixations in `path`, see `EXPECTED`.

    Args:
        path: file or folder.
        reading: for gaze.
        progress: wraps the list of videos whose stimuli are looked up.

    Raises:
        ConfigError: an option that does not go with what is there, or one that is lacking.
        DataError: nothing in a known layout, or a file that cannot be read.
    """
    path, reading = Path(path).expanduser(), reading or GazeReading()
    suffix = path.suffix.lower()
    if path.is_dir():
        return _in_folder(path, reading, progress)
    if not path.is_file() or suffix not in ('.json', '.csv', '.tsv', '.txt'):
        raise DataError(f'{path}: {EXPECTED if path.exists() else "does not exist"}')
    return _lists([path], reading, progress) if suffix == '.json' else _csv(path, reading, progress)


def _in_folder(
    root: Path, reading: GazeReading, progress: Callable[[list[Path]], Iterable[Path]]
) -> Found:
    """What a folder holds: maps of one video, of a data set, or lists of fixations."""
    maps = _maps_in(root)
    folders_with_maps, lists = [], []
    for folder, folders, files in os.walk(root, followlinks=True):
        if maps:
            break
        inside = Path(folder)
        if LIST_NAME in files:
            lists.append(inside / LIST_NAME)
        if 'fixation' in folders:
            folders_with_maps.append(inside)
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        if len(inside.relative_to(root).parts) >= DEPTH:
            folders.clear()
    if lists and not folders_with_maps:
        return _lists(lists, reading, progress)
    reading.check_used('fixation maps', ())
    if maps:
        return Found([MapVideo(root.name, tuple(maps))], 'folder')
    videos = []
    for video in folders_with_maps:
        maps = _maps_in(video / 'fixation')
        if not maps:
            raise DataError(f'{video / "fixation"}: holds no fixation maps (images, or .mat files)')
        videos.append(MapVideo(video.relative_to(root).as_posix(), tuple(maps)))
    if not videos:
        raise DataError(f'{root}: holds no fixations; {EXPECTED}')
    return Found(videos, 'maps')


def _maps_in(folder: Path) -> Sequence[str]:
    """The images in a folder, else the .mat files in it or in `maps` below it."""
    for place, suffixes in (
        (folder, IMAGE_SUFFIXES),
        (folder, ('.mat',)),
        (folder / 'maps', ('.mat',)),
    ):
        if place.is_dir() and (files := list_files(place, suffixes)):
            return files
    return ()


def _lists(
    files: list[Path], reading: GazeReading, progress: Callable[[list[Path]], Iterable[Path]]
) -> Found:
    reading.check_used(f'{LIST_NAME} files', ('size', 'videos'))
    names = {file: file.parent.name for file in files}
    videos = [
        ListVideo(names[file], reading.stimulus(names[file]).size, file) for file in progress(files)
    ]
    return Found(videos, 'gaze')


def _csv(
    path: Path, reading: GazeReading, progress: Callable[[list[Item]], Iterable[Item]]
) -> Found:
    videos, lost, total = [], 0, 0
    for gaze in progress(list(read_gaze_csv(path, reading.first_frame).values())):
        shown = reading.stimulus(gaze.video)
        points, left_out = fixation_points(
            gaze, shown.size, shown.frames, shown.clock, reading.screen, reading.normalized
        )
        lost, total = lost + left_out, total + len(gaze.points)
        videos.append(PointVideo(Path(gaze.video).stem, shown.size, points))
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
