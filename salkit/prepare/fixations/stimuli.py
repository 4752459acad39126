"""What gaze alone does not say: size, length and frame times of the videos that were shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...datasets.file_list import list_files
from ...datasets.layout import VIDEO_STEM
from ...datasets.published.raw_layout import holds, video_files, walk
from ...errors import DataError
from ...media.images import IMAGE_SUFFIXES, read_image
from ...media.video import VideoReader

# <root>/<split>/<video>/images is three folders down.
DEPTH = 3
_MAPS = re.compile('maps|fixation')


@dataclass(frozen=True)
class Stimulus:
    """A shown video.

    Attributes:
        size: (H, W).
        frames: how many; None where only the size is known.
        clock: frames per second or the time of each frame, see `frames_at`; None for images.
    """

    size: tuple[int, int]
    frames: int | None = None
    clock: float | np.ndarray | None = None


class Stimuli:
    """Finds a video by its name: `<name>.<suffix>`, or a folder `<name>` of images or of a video.

    Folders may hold their images themselves, in `images/`, or a file `video.<suffix>`.

    Args:
        root: folder of the videos, of splits of them, or a data set's root.

    Raises:
        DataError: no such folder, or nothing in it that is a video.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).expanduser()
        if not self.root.is_dir():
            raise DataError(f'{root}: the folder of videos does not exist')
        self._paths: dict[str, Path] = {}
        for folder in walk(self.root, DEPTH, _MAPS):
            name = folder.parent.name if folder.name == 'images' else folder.name
            if holds(folder, IMAGE_SUFFIXES):
                self._paths[name] = folder
            for path in video_files(folder):
                self._paths[name if path.stem == VIDEO_STEM else path.stem] = path
        if not self._paths:
            raise DataError(f'{root}: holds no videos and no folders of frames')

    def find(self, name: str) -> Stimulus:
        """The video called `name`; numbers may be written with other leading zeros.

        Raises:
            DataError: there is none, or it cannot be read.
        """
        for known, path in self._paths.items():
            same = name.isdigit() and known.isdigit() and int(known) == int(name)
            if same or known in (name, Path(name).stem):
                return _describe(path)
        raise DataError(f'{self.root}: holds no video {name}')


def _describe(path: Path) -> Stimulus:
    if path.is_dir():
        images = list_files(path, IMAGE_SUFFIXES)
        height, width = read_image(images[0]).shape[:2]
        return Stimulus((height, width), len(images))
    with VideoReader(path) as video:
        info = video.info
        return Stimulus((info.height, info.width), len(video), np.asarray(info.times))
