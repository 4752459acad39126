"""What gaze alone does not say: size, length and frame times of the videos that were shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from ...datasets.file_list import list_files
from ...datasets.layout import VIDEO_STEM
from ...datasets.published.raw_layout import holds, video_files, walk
from ...errors import ConfigError, DataError
from ...media.images import IMAGE_SUFFIXES, read_image
from ...media.video import VideoReader

# <root>/<split>/<video>/images is three folders down.
DEPTH = 3
_MAPS = re.compile('maps|fixation')


@dataclass(frozen=True)
class ShownVideo:
    """A shown video.

    Attributes:
        size: (H, W).
        frames: how many; None where only the size is known.
        clock: frames per second or the time of each frame, see `frames_at`; None for images.
    """

    size: tuple[int, int]
    frames: int | None = None
    clock: float | np.ndarray | None = None


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
    def _paths(self) -> dict[str, Path]:
        """The videos in `videos` by name."""
        root = Path(self.videos or '').expanduser()
        if not root.is_dir():
            raise DataError(f'{root}: the folder of videos does not exist')
        paths: dict[str, Path] = {}
        for folder in walk(root, DEPTH, _MAPS):
            name = folder.parent.name if folder.name == 'images' else folder.name
            if holds(folder, IMAGE_SUFFIXES):
                paths[name] = folder
            for path in video_files(folder):
                paths[name if path.stem == VIDEO_STEM else path.stem] = path
        return paths

    def shown(self, name: str) -> ShownVideo:
        """What is known of a video; numbers may be written with other leading zeros.

        Raises:
            ConfigError: nothing is.
            DataError: the video is not there, or cannot be read.
        """
        if self.videos is None:
            if self.size is None:
                raise ConfigError(
                    'gaze does not say how large the videos are: give --size HxW (rows x columns) '
                    'or --videos'
                )
            return ShownVideo(self.size, None, self.fps)
        for known, path in self._paths.items():
            same = name.isdecimal() and known.isdecimal() and int(known) == int(name)
            if same or known in (name, Path(name).stem):
                return self._describe(path)
        raise DataError(f'{self.videos}: holds no video {name}')

    def _describe(self, path: Path) -> ShownVideo:
        if path.is_dir():
            images = list_files(path, IMAGE_SUFFIXES)
            height, width = read_image(images[0]).shape[:2]
            return ShownVideo((height, width), len(images), self.fps)
        with VideoReader(path) as video:
            info = video.info
            clock = np.asarray(info.times) if self.fps is None else self.fps
            return ShownVideo((info.height, info.width), len(video), clock)
