"""What is predicted on: a video, or pictures and arrays, all read in the same way."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from ..datasets.file_list import list_files
from ..datasets.layout import find_video_file
from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES, picture_array, read_image, resize_image
from ..media.video import VideoReader

# Rows and columns that a frame needs at least: below, there is nothing to look at.
MIN_SIDE = 8
# Frames per second of pictures that come without any.
PICTURES_FPS = 25.0
# Frames of more pixels are decoded by all cores.
_LARGE_PIXELS = 1_000_000

Picture: TypeAlias = 'str | Path | np.ndarray | Image.Image'


class Stimulus(ABC):
    """Frames of one video, by number from 0.

    Attributes:
        name: what outputs are called after: a file's stem, a folder's name.
        kind: 'video' or 'pictures'.
        path: of the file or folder; None for arrays.
        size: (rows, columns) of the frames as shown.
        fps: frames per second.
        times: (n,) seconds from the first frame to each.
        names: of the frames: those of the pictures, else 0001, 0002, ...
        pixel_aspect: width of a pixel as shown by its height.
    """

    kind: str
    name: str
    path: Path | None
    size: tuple[int, int]
    fps: float
    times: np.ndarray
    names: Sequence[str]
    pixel_aspect: float = 1.0

    def __len__(self) -> int:
        return len(self.times)

    @abstractmethod
    def frames(
        self, numbers: Sequence[int], size: tuple[int, int] | None = None
    ) -> Iterator[np.ndarray]:
        """Read frames one after another, in memory that does not grow with their number.

        Args:
            numbers: of the frames, ascending.
            size: (rows, columns) to resize to, as for training and testing; None keeps them.

        Yields:
            (H, W, 3) uint8 RGB.

        Raises:
            DataError: a frame that cannot be read, or is of another size than the first.
        """

    def read(self, number: int) -> np.ndarray:
        """One frame (H, W, 3) uint8 RGB as shown."""
        return next(self.frames([number]))


def check_frame(frame: np.ndarray, where: str, first: tuple[int, int] | None = None) -> np.ndarray:
    """A frame (H, W, 3), (H, W, 1) or (H, W) as (H, W, 3) uint8 RGB.

    Raises:
        DataError: another type, shape or size than that of the `first` frame, or a tiny one.
    """
    frame = np.asarray(frame)
    if frame.ndim == 2:
        frame = frame[..., None]
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] not in (1, 3):
        raise DataError(
            f'{where}: expected (H, W, 3) uint8 RGB, got {frame.dtype} of shape {frame.shape}'
        )
    rows, columns, channels = frame.shape
    _check_size((rows, columns), where)
    if first is not None and (rows, columns) != first:
        raise DataError(
            f'{where}: the frame is {rows} x {columns} pixels, the first is {first[0]} x {first[1]}'
        )
    return np.repeat(frame, 3, axis=2) if channels == 1 else frame


def _check_size(size: tuple[int, int], where: str | Path) -> None:
    if min(size) < MIN_SIDE:
        raise DataError(
            f'{where}: frames of {size[0]} x {size[1]} pixels; expected at least {MIN_SIDE} x '
            f'{MIN_SIDE}'
        )


def _numbered(count: int) -> list[str]:
    """0001, 0002, ..., as frames of published data sets are called."""
    return [f'{number:04d}' for number in range(1, count + 1)]


class VideoStimulus(Stimulus):
    """A video file, decoded as it is read.

    Args:
        path: of the file.
        name: see `Stimulus`.
        allow_truncated: take a file that was cut off for what is left of it.

    Attributes:
        info: `VideoInfo` of the file.

    Raises:
        DataError: a file that cannot be read, was cut off, or whose frames are tiny.
    """

    kind = 'video'
    path: Path

    def __init__(
        self, path: str | Path, name: str | None = None, allow_truncated: bool = False
    ) -> None:
        self.path = Path(path)
        self.name = self.path.stem if name is None else name
        self._video = VideoReader(path)
        self.info = info = self._video.info
        self.size = (info.height, info.width)
        _check_size(self.size, path)
        if info.truncated and not allow_truncated:
            raise DataError(f'{path}: the video was cut off, {info.frames} frames of it are left')
        self._video.warn()
        # Small frames come sooner than threads could share them; and what damaged videos give
        # depends on the number of threads.
        large = self.size[0] * self.size[1] > _LARGE_PIXELS and not info.errors
        self._threads = 0 if large else 1
        self.fps, self.times, self.pixel_aspect = info.fps, info.times, info.pixel_aspect
        self.names = _numbered(info.frames)

    def frames(
        self, numbers: Sequence[int], size: tuple[int, int] | None = None
    ) -> Iterator[np.ndarray]:
        """See `Stimulus.frames`; every reading has a decoder of its own."""
        with self._video.copy(self._threads) as video:
            if isinstance(numbers, range) and numbers.step == 1:
                yield from video.frames(numbers.start, numbers.stop, size)
            else:
                yield from (video.read([number], size)[0] for number in numbers)


class PictureStimulus(Stimulus):
    """Pictures, a frame each.

    Args:
        pictures: files, Pillow images, or arrays (H, W, 3), (H, W, 1) or (H, W) uint8.
        name: see `Stimulus`.
        path: the file or folder they come from.
        fps: frames per second; None for 25.

    Raises:
        DataError: no pictures, one that cannot be read, or tiny ones.
    """

    kind = 'pictures'

    def __init__(
        self,
        pictures: Sequence[Picture],
        name: str = 'pictures',
        path: Path | None = None,
        fps: float | None = None,
    ) -> None:
        if not len(pictures):
            raise DataError(f'{path or name}: expected frames, got none')
        self.name, self.path, self._pictures = name, path, pictures
        self.fps = float(fps or PICTURES_FPS)
        self.times = np.arange(len(pictures)) / self.fps
        stems = {Path(file).stem: None for file in pictures if isinstance(file, (str, Path))}
        # Only where every picture has one of its own.
        self.names = list(stems) if len(stems) == len(pictures) else _numbered(len(pictures))
        rows, columns, _ = self._read(0).shape
        self.size = (rows, columns)

    def _read(self, number: int, size: tuple[int, int] | None = None) -> np.ndarray:
        picture, where = self._pictures[number], f'{self.path or self.name}, frame {number + 1}'
        if isinstance(picture, (str, Path)):
            picture, where = read_image(picture), str(picture)
        elif isinstance(picture, Image.Image):
            picture = picture_array(picture, where)
        return check_frame(picture, where, size)

    def frames(
        self, numbers: Sequence[int], size: tuple[int, int] | None = None
    ) -> Iterator[np.ndarray]:
        """See `Stimulus.frames`."""
        for number in numbers:
            frame = self._read(number, self.size)
            yield frame if size is None else resize_image(frame, size)


def _open_path(path: Path, fps: float | None, allow_truncated: bool) -> Stimulus:
    """The video of a file or folder: pictures, or the file of a data set's video."""
    if not path.exists():
        raise DataError(f'{path}: the file does not exist')
    if path.is_dir():
        name = Path(os.path.abspath(path)).name
        inner = path / 'images'
        files = list_files(inner if inner.is_dir() else path, IMAGE_SUFFIXES)
        file = None if files else find_video_file(path)
        if file is not None:
            return VideoStimulus(file, name, allow_truncated)
        if files:
            return PictureStimulus(files, name, path, fps)
        raise DataError(f'{path}: holds no pictures ({", ".join(IMAGE_SUFFIXES)}) and no video.*')
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return PictureStimulus([path], path.stem, path, fps)
    return VideoStimulus(path, allow_truncated=allow_truncated)


def open_stimulus(
    stimulus: Stimulus | Picture | Sequence[Picture],
    fps: float | None = None,
    allow_truncated: bool = False,
) -> Stimulus:
    """Open whatever holds the frames of a video.

    Args:
        stimulus: the path of a video, of a picture, or of a folder of pictures (or a data set's
            folder of one video); an array (T, H, W, 3) or (H, W, 3) uint8 RGB, or gray without
            the last axis; a list of pictures, as paths, arrays or Pillow images; or a `Stimulus`.
        fps: frames per second of what comes without: pictures and arrays.
        allow_truncated: take a video that was cut off for what is left of it.

    Raises:
        DataError: nothing there, or nothing that can be read.
    """
    if isinstance(stimulus, Stimulus):
        return stimulus
    if isinstance(stimulus, (str, Path)):
        return _open_path(Path(stimulus), fps, allow_truncated)
    if isinstance(stimulus, Image.Image):
        return PictureStimulus([stimulus], 'picture', fps=fps)
    if isinstance(stimulus, (list, tuple)):
        return PictureStimulus(stimulus, fps=fps)
    if not hasattr(stimulus, '__array__'):
        raise DataError(
            f'expected a path, an array or a list of pictures, got {type(stimulus).__name__}'
        )
    return PictureStimulus(_frames_of(np.asarray(stimulus)), 'array', fps=fps)


def _frames_of(array: np.ndarray) -> list[np.ndarray]:
    """The frames in an array; DataError where the axes may mean something else."""
    shape, hint = array.shape, ''
    ends_in_channels = array.ndim > 2 and shape[-1] <= 4
    if array.ndim == 3 and shape[0] == 3 and not ends_in_channels:
        hint = (
            '; for one picture with the channels first, give array.transpose(1, 2, 0); for three '
            'gray frames, array[..., None]'
        )
    elif array.ndim == 4 and not ends_in_channels:
        hint = '; where the channels come before the rows, give array.transpose(0, 2, 3, 1)'
    if array.ndim not in (2, 3, 4) or hint:
        raise DataError(
            f'expected an array (T, H, W, 3) or (H, W, 3), or gray (T, H, W) or (H, W), got shape '
            f'{shape}{hint}'
        )
    is_frame = array.ndim == 2 or (array.ndim == 3 and ends_in_channels)
    return list(array[None] if is_frame else array)
