"""Finds fixations in the layouts that they come in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...datasets.layout import list_files
from ...errors import ConfigError, DataError
from ...media.images import IMAGE_SUFFIXES
from .export import VIDEO_SIZE, count_frames, find_recordings
from .gaze_csv import fixation_points, read_gaze_csv
from .sources import ExportVideo, FixationVideo, ListVideo, MapVideo, PointVideo, files_in
from .stimuli import Stimuli, Stimulus

# <root>/<split>/<video> is two folders down; AViMoS has one more above.
DEPTH = 3
# What each kind is called.
READ = {
    'folder': 'fixation maps',
    'maps': 'fixation maps',
    'avimos': 'fixations.json files',
    'export': 'files of exportdata',
    'csv': 'CSV files',
}
EXPECTED = (
    'expected a folder of fixation maps (images or .mat), <root>/[<split>/]<video>/fixation/, '
    'fixations.json files (AViMoS), P01/P01_Trail001.txt files (DHF1K), or a gaze CSV file'
)


@dataclass(frozen=True)
class Reading:
    """How gaze is to be read, where its files do not say it.

    Attributes:
        size: (H, W) of the videos.
        fps: their frames per second.
        videos: folder that the videos themselves are in; tells the size, the frames and their
            times instead.
        screen: see `to_video_pixels`.
        normalized: see `to_video_pixels`.
        first_frame: see `read_gaze_csv`.
        outer_product: see `export.frame_points`.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    videos: str | Path | None = None
    screen: tuple[int, int] | None = None
    normalized: bool = False
    first_frame: int = 1
    outer_product: bool = False

    @cached_property
    def _stimuli(self) -> Stimuli:
        return Stimuli(self.videos)

    def stimulus(self, name: str, size: tuple[int, int] | None = None) -> Stimulus:
        """What is known of a video; `size` is that of its data set.

        Raises:
            ConfigError: nothing is.
            DataError: the video is not there.
        """
        if self.videos is None:
            if self.size is None and size is None:
                raise ConfigError(
                    'gaze does not tell how large the videos are: give --size HxW (rows x columns) '
                    'or --videos'
                )
            return Stimulus(self.size or size, None, self.fps)
        found = self._stimuli.find(name)
        if self.size not in (None, found.size):
            raise DataError(f'{name}: the video is {found.size}, not {self.size} rows and columns')
        return Stimulus(found.size, found.frames, found.clock if self.fps is None else self.fps)


@dataclass
class Found:
    """Fixations of videos.

    Attributes:
        videos: in natural order.
        kind: 'folder' (of one video's maps), 'maps' (of a data set), or 'gaze'.
        notes: what a user should know of how they were read.
    """

    videos: list[FixationVideo]
    kind: str
    notes: list[str]


def find_fixations(
    path: str | Path,
    reading: Reading | None = None,
    progress: Callable[[list], list] = lambda videos: videos,
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
    path, reading = Path(path).expanduser(), reading or Reading()
    if path.is_dir():
        kind, files = _look_into(path)
    elif path.suffix.lower() in ('.json', '.csv', '.tsv', '.txt') and path.is_file():
        kind, files = ('avimos' if path.suffix.lower() == '.json' else 'csv'), [path]
    else:
        raise DataError(f'{path}: {EXPECTED if path.exists() else "does not exist"}')
    _check_options(kind, reading)
    if kind == 'folder':
        return Found([MapVideo(path.name, tuple(_maps_of(path)))], kind, [])
    if kind == 'maps':
        videos = [
            MapVideo(video.relative_to(path).as_posix(), tuple(_maps_of(video / 'fixation')))
            for video in files
        ]
        return Found(videos, kind, [])
    if kind == 'export':
        return _exported(path, reading, progress)
    if kind == 'csv':
        return _csv(path, reading, progress)
    videos = [
        ListVideo(file.parent.name, reading.stimulus(file.parent.name).size, file)
        for file in progress(files)
    ]
    return Found(videos, 'gaze', [])


def _look_into(root: Path) -> tuple[str, list[Path]]:
    """What a folder holds, and the videos' folders or files."""
    if files_in(root, (*IMAGE_SUFFIXES, '.mat')) or files_in(root / 'maps', ('.mat',)):
        return 'folder', []
    with_maps, lists = [], []
    for folder, folders, files in os.walk(root, followlinks=True):
        inside = Path(folder)
        if 'fixations.json' in files:
            lists.append(inside / 'fixations.json')
        if any('_trail' in name.lower() and name.endswith('.txt') for name in files):
            return 'export', []
        if 'fixation' in folders:
            with_maps.append(inside)
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        if len(inside.relative_to(root).parts) >= DEPTH:
            folders.clear()
    if with_maps:
        return 'maps', with_maps
    if lists:
        return 'avimos', lists
    raise DataError(f'{root}: holds no fixations; {EXPECTED}')


def _check_options(kind: str, reading: Reading) -> None:
    if reading.outer_product and kind != 'export':
        raise ConfigError('--outer-product goes with the raw gaze of DHF1K (exportdata) only')
    given = {
        '--size': reading.size,
        '--fps': reading.fps,
        '--videos': reading.videos,
        '--screen': reading.screen,
        '--normalized': reading.normalized or None,
        '--first-frame': reading.first_frame if reading.first_frame != 1 else None,
    }
    taken = {'avimos': ('--size', '--videos'), 'export': ('--size', '--videos'), 'csv': given}
    unused = [n for n in given if given[n] is not None and n not in taken.get(kind, ())]
    if unused:
        raise ConfigError(f'{unused[0]} says how to read gaze, and {READ[kind]} need no such thing')


def _maps_of(folder: Path) -> list[str]:
    """The images in a folder, else the .mat files in it or in `maps` below it."""
    places = ((folder, IMAGE_SUFFIXES), (folder, ('.mat',)), (folder / 'maps', ('.mat',)))
    for place, suffixes in places:
        if files_in(place, suffixes):
            return list(list_files(place, suffixes))
    raise DataError(f'{folder}: holds no fixation maps (images, or .mat files)')


def _exported(path: Path, reading: Reading, progress: Callable[[list], list]) -> Found:
    videos = []
    for number, files in progress(list(find_recordings(path).items())):
        name = f'{number:04d}'
        shown = reading.stimulus(name, VIDEO_SIZE)
        frames = shown.frames if shown.frames is not None else count_frames(files)
        videos.append(ExportVideo(name, shown.size, frames, tuple(files), reading.outer_product))
    return Found(videos, 'gaze', _frames_note(reading))


def _csv(path: Path, reading: Reading, progress: Callable[[list], list]) -> Found:
    videos, lost, total = [], 0, 0
    gaze = read_gaze_csv(path, reading.first_frame)
    for each in progress(list(gaze.values())):
        shown = reading.stimulus(each.video)
        points, left_out = fixation_points(
            each, shown.size, shown.frames, shown.clock, reading.screen, reading.normalized
        )
        lost, total = lost + left_out, total + len(each.points)
        videos.append(PointVideo(Path(each.video).stem, shown.size, points))
    if len({video.name for video in videos}) < len(videos):
        raise DataError(f'{path}: two videos have one name, apart from folders and endings')
    notes = _frames_note(reading)
    if lost:
        notes.append(f'{lost} of {total} samples were left out: the eye lost, or not on the video')
    return Found(videos, 'gaze', notes)


def _frames_note(reading: Reading) -> list[str]:
    if reading.videos is not None:
        return []
    return ['a video ends with its last gaze; --videos DIR takes the number of frames from them']
