"""The frames of a video: a file to decode, a folder of images, or a still picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ..datasets.file_list import list_files
from ..datasets.layout import VIDEO_STEM
from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES, read_image
from ..media.video import VideoReader
from ..utils.files import link_or_copy
from ..utils.input_files import check_input_file
from ..utils.parallel import check_stopped
from .options import PrepareOptions

# Each higher level takes longer than the one before and saves less: 6 makes files 15 % smaller
# than 1 and takes three times as long.
PNG_LEVEL = 1


def link_all(sources: Sequence[str], folder: Path, copy: bool) -> None:
    """Link or copy files into a new folder, under their own names."""
    folder.mkdir(parents=True)
    for source in sources:
        check_stopped()
        link_or_copy(check_input_file(source), folder / Path(source).name, copy)


class Stimulus(ABC):
    """The frames of one video.

    Attributes:
        path: the file or folder.
        names: stems of the frames' files, None where they have none.
        size: (rows, columns) of its frames.
        times: seconds at which each frame is shown, where that is known, else None.
        note: what to know where the number of frames is not as expected.
    """

    path: Path
    names: Sequence[str] | None = None
    size: tuple[int, int]
    times: np.ndarray | None = None
    note = ''

    @abstractmethod
    def __len__(self) -> int:
        """Number of frames."""

    @abstractmethod
    def write(self, folder: Path, names: Sequence[str], options: PrepareOptions) -> None:
        """Make `images` in the folder of a video, one a frame in `names`."""

    def keep(self, folder: Path, options: PrepareOptions) -> str | None:
        """Make `video.<suffix>` in `folder` instead of `images`.

        Returns:
            Name of the file; None where there is no video to keep.
        """
        return None


class Pictures(Stimulus):
    """Images, linked as they are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = list_files(path, IMAGE_SUFFIXES)
        if not self._files:
            raise DataError(f'{path}: holds no {", ".join(IMAGE_SUFFIXES)} files')
        self.names = self._files.stems()
        rows, columns = read_image(self._files[0]).shape[:2]
        self.size = rows, columns

    def __len__(self) -> int:
        return len(self._files)

    def write(self, folder: Path, names: Sequence[str], options: PrepareOptions) -> None:
        """Link them under their own names."""
        link_all(self._files[: len(names)], folder / 'images', options.copy)


class VideoFile(Stimulus):
    """A file, every frame of which is decoded once."""

    def __init__(self, path: Path, reader: VideoReader) -> None:
        self.path = path
        self._reader = reader
        self.size = reader.info.height, reader.info.width
        self.times = np.asarray(reader.info.times)
        if reader.info.truncated:
            self.note = 'the file is cut off'
        elif reader.info.errors:
            self.note = f'{reader.info.errors} packets of the file do not decode'

    def __len__(self) -> int:
        return len(self._reader)

    def write(self, folder: Path, names: Sequence[str], options: PrepareOptions) -> None:
        """Extract them."""
        (folder / 'images').mkdir()
        written = 0
        for name, frame in zip(names, self._reader.frames(stop=len(names)), strict=False):
            check_stopped()
            # Of the two, each format takes its own.
            Image.fromarray(frame).save(
                folder / 'images' / f'{name}.{options.format}',
                compress_level=PNG_LEVEL,
                quality=options.quality,
            )
            written += 1
        if written < len(names):
            raise DataError(f'{self.path}: decoding ended after {written} of {len(names)} frames')

    def keep(self, folder: Path, options: PrepareOptions) -> str | None:
        """A symbolic link to the file, else a hard link, else a copy."""
        target = folder / f'{VIDEO_STEM}{self.path.suffix.lower()}'
        if not options.copy:
            try:
                target.symlink_to(self.path.absolute())
                return target.name
            except OSError:
                # Windows lets not everybody make them, and some network file systems have none.
                pass
        link_or_copy(self.path, target, options.copy)
        return target.name


@contextmanager
def open_stimulus(path: Path, options: PrepareOptions) -> Iterator[Stimulus]:
    """The frames of a video file, a folder of images, or an image.

    Raises:
        DataError: not a video, or no images.
    """
    if path.is_dir() or path.name.lower().endswith(IMAGE_SUFFIXES):
        yield Pictures(path)
        return
    # Before all frames are written, decoding them once to count them costs little.
    with VideoReader(path, index='auto' if options.keep_video else 'decode') as reader:
        yield VideoFile(path, reader)
