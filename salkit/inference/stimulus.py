"""What is predicted on: a video, pictures or an array, all read in the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.file_list import FileList, list_files
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


def _numbered(count: int) -> list[str]:
    """0001, 0002, ..., as frames of published data sets are called."""
    return [f'{number:04d}' for number in range(1, count + 1)]


class Stimulus(ABC):
    """Frames of one video, by number from 0.

    Attributes:
        name: what outputs are called after: a file's stem, a folder's name.
        kind: 'video', 'pictures' or 'array'.
        path: of the file or folder; None for arrays.
        size: (rows, columns) of the frames as shown.
        fps: frames per second.
        times: (n,) seconds from the first frame to each.
        names: of the frames: those of the pictures, else 0001, 0002, ...
    """

    kind: str
    name: str = 'stimulus'
    path: Path | None = None
    size: tuple[int, int]
    fps: float = PICTURES_FPS
    times: np.ndarray
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.times)

    @abstractmethod
    def _read(self, number: int) -> np.ndarray:
        """Frame `number` as stored, (H, W, 3) uint8 RGB."""

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
        for number in numbers:
            frame = self._read(number)
            if frame.shape[:2] != self.size:
                raise DataError(
                    f'{self.where(number)}: the frame is {frame.shape[0]} x {frame.shape[1]} '
                    f'pixels, the first is {self.size[0]} x {self.size[1]}'
                )
            yield frame if size is None else resize_image(frame, size)

    def read(self, number: int) -> np.ndarray:
        """One frame (H, W, 3) uint8 RGB as shown."""
        return next(self.frames([number]))

    def where(self, number: int) -> str:
        """What a message calls a frame."""
        return f'{self.path or self.name}, frame {number + 1}'

    def _check_size(self) -> None:
        if min(self.size) < MIN_SIDE:
            raise DataError(
                f'{self.path or self.name}: frames of {self.size[0]} x {self.size[1]} pixels; '
                f'expected at least {MIN_SIDE} x {MIN_SIDE}'
            )

    def _set_even_times(self, count: int, fps: float | None) -> None:
        self.fps = float(fps or PICTURES_FPS)
        if not 0 < self.fps < 1e4:
            raise DataError(f'{self.path or self.name}: frames per second: got {fps}')
        self.times = np.arange(count) / self.fps


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

    def __init__(
        self, path: str | Path, name: str | None = None, allow_truncated: bool = False
    ) -> None:
        self.path = Path(path)
        self.name = self.path.stem if name is None else name
        self._video = VideoReader(path)
        self.info = self._video.info
        self.size = (self.info.height, self.info.width)
        self._check_size()
        if self.info.truncated and not allow_truncated:
            raise DataError(
                f'{path}: the video was cut off, {self.info.frames} frames of it are left'
            )
        # Small frames come sooner than threads could share them; and what damaged videos give
        # depends on the number of threads.
        large = self.size[0] * self.size[1] > _LARGE_PIXELS and not self.info.errors
        self._threads = 0 if large else 1
        self.fps = self.info.fps
        self.times = self.info.times
        self.names = _numbered(self.info.frames)

    def _open(self) -> VideoReader:
        return self._video.copy(self._threads)

    def _read(self, number: int) -> np.ndarray:
        with self._open() as video:
            return video[number]

    def frames(
        self, numbers: Sequence[int], size: tuple[int, int] | None = None
    ) -> Iterator[np.ndarray]:
        """See `Stimulus.frames`; every reading has a decoder of its own."""
        with self._open() as video:
            if isinstance(numbers, range) and numbers.step == 1:
                yield from video.frames(numbers.start, numbers.stop, size)
            else:
                for number in numbers:
                    yield video.read([number], size)[0]


class PictureStimulus(Stimulus):
    """Pictures, a frame each.

    Args:
        frames: files, or arrays (H, W, 3) or (H, W) uint8.
        name: see `Stimulus`.
        path: the folder they come from.
        fps: frames per second.

    Raises:
        DataError: no pictures, one that cannot be read, or tiny ones.
    """

    kind = 'pictures'

    def __init__(
        self,
        frames: Sequence[Any],
        name: str = 'pictures',
        path: Path | None = None,
        fps: float | None = None,
    ) -> None:
        self.name, self.path = name, path
        if not len(frames):
            raise DataError(f'{path or name}: expected pictures, got none')
        self._frames = frames
        self._set_even_times(len(frames), fps)
        files = [isinstance(frame, (str, Path)) for frame in (frames[0], frames[-1])]
        if isinstance(frames, FileList):
            self.names = frames.stems()
        elif all(files) and len({Path(str(f)).stem for f in frames}) == len(frames):
            self.names = [Path(str(f)).stem for f in frames]
        else:
            self.names = _numbered(len(frames))
        self.size = self._read(0).shape[:2]
        self._check_size()

    def where(self, number: int) -> str:
        """The picture's path, where it has one."""
        frame = self._frames[number]
        return str(frame) if isinstance(frame, (str, Path)) else super().where(number)

    def _read(self, number: int) -> np.ndarray:
        frame = self._frames[number]
        if isinstance(frame, (str, Path)):
            return read_image(frame)
        if hasattr(frame, 'getexif'):
            return picture_array(frame)
        return _as_frames(frame, self.where(number), picture=True)[0]


class ArrayStimulus(Stimulus):
    """An array of frames.

    Args:
        array: (T, H, W, 3) uint8 RGB, or (T, H, W) grey; (H, W, 3) or (H, W) is one frame.
        fps: frames per second.
        name: see `Stimulus`.

    Raises:
        DataError: another shape or type, no frames, or tiny ones.
    """

    kind = 'array'

    def __init__(self, array: Any, fps: float | None = None, name: str = 'array') -> None:
        self.name = name
        self._array = _as_frames(array, name)
        if not len(self._array):
            raise DataError(f'{name}: expected frames, got an array of shape {self._array.shape}')
        self._set_even_times(len(self._array), fps)
        self.names = _numbered(len(self._array))
        self.size = self._array.shape[1:3]
        self._check_size()

    def _read(self, number: int) -> np.ndarray:
        frame = self._array[number]
        return np.repeat(frame, 3, axis=-1) if frame.shape[-1] == 1 else frame


def _as_frames(array: Any, where: str, picture: bool = False) -> np.ndarray:
    """(T, H, W, 3 or 1) uint8 from any of the shapes that are understood."""
    array = np.asarray(array)
    expected = '(H, W, 3)' if picture else '(T, H, W, 3) or (H, W, 3)'
    if array.dtype != np.uint8:
        raise DataError(f'{where}: expected {expected} uint8 RGB, got {array.dtype}')
    if array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 3):
        array = array[None]
    if array.ndim == 3 and not picture:
        array = array[..., None]
    elif array.ndim == 3 and len(array) == 1:
        array = np.repeat(array[..., None], 3, axis=-1)
    if array.ndim != 4 or array.shape[-1] not in (1, 3) or (picture and len(array) != 1):
        raise DataError(f'{where}: expected {expected} uint8 RGB, got shape {array.shape}')
    return array


def _open_folder(path: Path, fps: float | None, allow_truncated: bool) -> Stimulus:
    """The video of a folder: its pictures, or those or the file of a data set's video."""
    inner = path / 'images'
    folder = inner if inner.is_dir() else path
    frames = list_files(folder, IMAGE_SUFFIXES)
    if frames:
        return PictureStimulus(frames, path.name, path, fps)
    file = find_video_file(path)
    if file is not None:
        return VideoStimulus(file, path.name, allow_truncated)
    raise DataError(f'{path}: holds no pictures ({", ".join(IMAGE_SUFFIXES)}) and no video.*')


def open_stimulus(
    stimulus: Any, fps: float | None = None, allow_truncated: bool = False
) -> Stimulus:
    """Open whatever holds the frames of a video.

    Args:
        stimulus: the path of a video, of a picture, or of a folder of pictures (or a data set's
            folder of one video); an array (T, H, W, 3) or (H, W, 3) uint8 RGB, or grey without
            the last axis; a list of pictures, as paths, arrays or Pillow images; or a `Stimulus`.
        fps: frames per second of what does not tell: pictures and arrays.
        allow_truncated: take a video that was cut off for what is left of it.

    Raises:
        DataError: nothing there, or nothing that can be read.
    """
    if isinstance(stimulus, Stimulus):
        return stimulus
    if isinstance(stimulus, (str, Path)):
        path = Path(stimulus)
        if path.is_dir():
            return _open_folder(
                path.resolve() if path.name in ('', '..') else path, fps, allow_truncated
            )
        if not path.exists():
            raise DataError(f'{path}: the file does not exist')
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return PictureStimulus([path], path.stem, path, fps)
        return VideoStimulus(path, allow_truncated=allow_truncated)
    if isinstance(stimulus, (list, tuple)):
        return PictureStimulus(stimulus, fps=fps)
    if hasattr(stimulus, 'getexif'):
        return PictureStimulus([stimulus], 'picture', fps=fps)
    if isinstance(stimulus, np.ndarray) or hasattr(stimulus, '__array__'):
        return ArrayStimulus(stimulus, fps)
    raise DataError(
        f'expected a path, an array or a list of pictures, got {type(stimulus).__name__}'
    )
