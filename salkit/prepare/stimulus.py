"""The frames of a video: a file to decode, or a folder of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ..datasets.file_list import list_files
from ..datasets.layout import VIDEO_STEM
from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES, read_image
from ..media.video import VideoReader
from .linking import keep_video, link_or_copy
from .options import PrepareOptions

# Each higher level takes longer than the one before and saves less: 6 makes files 15 % smaller
# than 1 and takes three times as long.
PNG_LEVEL = 1


class Stimulus(ABC):
    """The frames of one video.

    Attributes:
        path: the file or folder.
        is_file: whether it is a video file.
        size: (rows, columns) of its frames.
        times: seconds at which each frame is shown, where that is known, else None.
        names: stems of the frames' files, None where they have none.
        note: what to know where the number of frames is not as expected.
    """

    is_file = False
    times: np.ndarray | None = None
    names: Sequence[str] | None = None
    note = ''

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """(rows, columns)."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of frames."""

    @abstractmethod
    def write(
        self, folder: Path, names: Sequence[str], options: PrepareOptions, advance: Callable
    ) -> None:
        """Make `images` in `folder`, as many frames as there are `names`.

        Args:
            folder: of the video.
            names: stems of the frames' files.
            options: how.
            advance: called once a frame.
        """

    @abstractmethod
    def write_sample(self, folder: Path, options: PrepareOptions, count: int) -> int:
        """Make `images` in `folder` of at most `count` frames, and give their number."""


class FrameFolder(Stimulus):
    """Images, linked as they are."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._files = list_files(path, IMAGE_SUFFIXES)
        self.names = self._files.stems()
        if not self.names:
            raise DataError(f'{path}: holds no {", ".join(IMAGE_SUFFIXES)} files')

    def __len__(self) -> int:
        return len(self._files)

    @property
    def size(self) -> tuple[int, int]:
        """Of the first frame."""
        return read_image(self._files[0]).shape[:2]

    def write(
        self, folder: Path, names: Sequence[str], options: PrepareOptions, advance: Callable
    ) -> None:
        """Link them under their own names."""
        (folder / 'images').mkdir(parents=True)
        for path in self._files[: len(names)]:
            link_or_copy(path, folder / 'images' / Path(path).name, options.copy)
            advance()

    def write_sample(self, folder: Path, options: PrepareOptions, count: int) -> int:
        """The first."""
        count = min(count, len(self))
        self.write(folder, self.names[:count], options, lambda: None)
        return count


class VideoFile(Stimulus):
    """A file, every frame of which is decoded once."""

    is_file = True

    def __init__(self, path: Path, reader: VideoReader) -> None:
        super().__init__(path)
        self._reader = reader
        self.times = reader.info.times
        if reader.info.truncated:
            self.note = 'the file is cut off'
        elif reader.info.errors:
            self.note = f'{reader.info.errors} packets of the file do not decode'

    def __len__(self) -> int:
        return len(self._reader)

    @property
    def size(self) -> tuple[int, int]:
        """As shown."""
        return self._reader.info.height, self._reader.info.width

    def write(
        self, folder: Path, names: Sequence[str], options: PrepareOptions, advance: Callable
    ) -> None:
        """Extract them."""
        (folder / 'images').mkdir(parents=True)
        frames = self._reader.frames(stop=len(names))
        written = 0
        for name, frame in zip(names, frames, strict=False):
            _save(frame, folder / 'images' / f'{name}.{options.format}', options)
            written += 1
            advance()
        if written < len(names):
            raise DataError(f'{self.path}: decoding ended after {written} of {len(names)} frames')

    def write_sample(self, folder: Path, options: PrepareOptions, count: int) -> int:
        """From all over the video: many begin in black."""
        (folder / 'images').mkdir(parents=True)
        if options.keep_video:
            return 0
        places = {int((i + 0.5) * len(self) / count) for i in range(count)}
        for place in sorted(places):
            _save(self._reader[place], folder / 'images' / f'{place:06d}.{options.format}', options)
        return len(places)

    def keep(self, folder: Path, options: PrepareOptions, advance: Callable) -> None:
        """Make `video.<suffix>` in `folder` instead of `images`."""
        folder.mkdir(parents=True, exist_ok=True)
        keep_video(self.path, kept_path(folder, self.path), options.copy)
        advance(len(self))


def kept_path(folder: Path, video: Path) -> Path:
    """Where a video that is kept as it is lies in its folder."""
    return folder / f'{VIDEO_STEM}{video.suffix.lower()}'


def _save(frame: np.ndarray, path: Path, options: PrepareOptions) -> None:
    image = Image.fromarray(frame)
    if options.format == 'png':
        image.save(path, compress_level=PNG_LEVEL)
    else:
        image.save(path, quality=options.quality)


@contextmanager
def open_stimulus(path: Path, options: PrepareOptions) -> Iterator[Stimulus]:
    """The frames of a file or folder.

    Args:
        path: of either.
        options: what becomes of them.

    Raises:
        DataError: not a video, or no images.
    """
    if path.is_dir():
        yield FrameFolder(path)
        return
    # Before all frames are written, decoding them once to count them costs little.
    with VideoReader(path, index='auto' if options.keep_video else 'decode') as reader:
        yield VideoFile(path, reader)
