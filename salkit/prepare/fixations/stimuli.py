"""What gaze alone does not say: size, length and frame times of the videos that were shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...datasets.file_list import list_files
from ...datasets.layout import VIDEO_STEM
from ...datasets.published.raw_layout import holds, video_files, walk
from ...errors import ConfigError, DataError
from ...media.images import IMAGE_SUFFIXES, image_size
from ...media.video import VideoReader, stimulus_name
from ..options import GazeReading

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
        pixel_aspect: width of a pixel as shown by its height; 1 where only the size is known.
    """

    size: tuple[int, int]
    frames: int | None = None
    clock: float | np.ndarray | None = None
    pixel_aspect: float = 1.0


@dataclass(frozen=True, kw_only=True)
class GazeOnVideos(GazeReading):
    """How gaze is to be read, and the videos that it is on.

    Attributes:
        size: (H, W) of the videos.
        videos: folder of the videos or their frames, whose sizes, lengths and times are taken.
    """

    size: tuple[int, int] | None = None
    videos: str | Path | None = None

    @cached_property
    def _paths(self) -> list[tuple[str, Path]]:
        """The videos in `videos`, each after its name."""
        root = Path(self.videos or '').expanduser()
        if not root.is_dir():
            raise DataError(f'{root}: the folder of videos does not exist')
        paths: list[tuple[str, Path]] = []
        for folder in walk(root, DEPTH, _MAPS):
            name = folder.parent.name if folder.name == 'images' else folder.name
            if holds(folder, IMAGE_SUFFIXES):
                paths.append((name, folder))
            for path in video_files(folder):
                paths.append((name if path.stem == VIDEO_STEM else path.stem, path))
        return paths

    def look_up(self, name: str) -> ShownVideo:
        """What is known of a video; numbers may be written with other leading zeros.

        Raises:
            ConfigError: nothing is.
            DataError: the video is not there, cannot be read, or there are two of its name.
        """
        if self.videos is None:
            if self.size is None:
                raise ConfigError(
                    'gaze does not say how large the videos are: give --size WIDTHxHEIGHT or '
                    '--videos'
                )
            return ShownVideo(self.size, None, self.fps)
        path = self._path_of(name)
        if path is None:
            raise DataError(f'{self.videos}: holds no video {name}')
        return self._describe(path)

    def has(self, name: str) -> bool:
        """Whether the video is there, as far as that is known."""
        return self.videos is None or self._path_of(name) is not None

    def _path_of(self, name: str) -> Path | None:
        stem = stimulus_name(name)
        found = [path for known, path in self._paths if known in (name, stem)]
        if not found and stem.isdecimal():
            numbered = ((known, path) for known, path in self._paths if known.isdecimal())
            found = [path for known, path in numbered if int(known) == int(stem)]
        # Frames may lie beside the video that they are from.
        found = [path for path in found if path.is_file()] or found
        if len(found) > 1:
            raise DataError(f'{name}: expected one video of this name, got {found[0]}, {found[1]}')
        return found[0] if found else None

    def _describe(self, path: Path) -> ShownVideo:
        if path.is_dir():
            images = list_files(path, IMAGE_SUFFIXES)
            if not len(images):
                raise DataError(f'{path}: holds no frames ({", ".join(IMAGE_SUFFIXES)})')
            return ShownVideo(image_size(images[0]), len(images), self.fps)
        with VideoReader(path) as video:
            info = video.info
            video.warn()
            clock = np.asarray(info.times) if self.fps is None else self.fps
            size = info.height, info.width
            return ShownVideo(size, len(video), clock, info.pixel_aspect)
