"""Frames of a video by number."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError, DataError
from ..images import resize_image
from .decoder import FrameDecoder, LostError
from .index import FrameIndex
from .index_cache import load_index, save_index, stamp_of
from .indexing import build_index
from .info import VideoInfo
from .picture import RGBConverter
from .source import reason_of

BACKENDS = ('auto', 'pyav', 'torchcodec')
INDICES = ('auto', 'packets', 'decode')
# Memory for the frames kept after reading, in bytes.
KEPT_BYTES = 128 * 2**20


class VideoReader:
    """A video whose frames can be read in any order, each just as a sequential decode gives it.

    Frames are (H, W, 3) uint8 RGB as shown: turned where a phone's camera says so, their colours
    bit for bit those of PyAV's `frame.to_ndarray(format='rgb24')`. Interlaced frames stay so, an
    alpha channel is ignored, and pixels that are not square are left as they are stored.

    The first opening makes an index of the frames, which is kept in salkit's cache folder. Readers
    may be pickled and used in forked processes: there they open the file again. Threads may share
    one, and take turns.

    Args:
        path: of the video; the first video stream that is no cover picture is read.
        index: 'decode' decodes the whole video for its index, and each frame read later is checked
            against that; 'packets' trusts the packets where codec and container allow it, and
            verifies start and end only, so that damage in the middle is found when it is read;
            'auto' is 'packets' for videos of more than `indexing.DECODED_PIXELS`, else 'decode'.
        backend: 'pyav'; 'torchcodec' where that is installed, refused where its frames are not
            those of PyAV; 'auto' is 'pyav'.
        threads: of the decoder; 0 for one a core. Data loaders have workers instead.
        keep: how many frames to keep after reading, for clips that overlap.
        lowres: let the codec decode at a half, a quarter or an eighth of the size where `size` is
            small enough and the codec can (MPEG-1, -2, -4, MJPEG). Quicker, but other pixels than
            those of resized frames.

    Raises:
        DataError: no such file, not a video, or nothing of it decodes.
        ConfigError: an argument out of range, or a backend that is not installed.
    """

    def __init__(
        self,
        path: str | Path,
        index: str = 'auto',
        backend: str = 'auto',
        threads: int = 1,
        keep: int = 32,
        lowres: bool = False,
    ) -> None:
        for name, value, allowed in (('index', index, INDICES), ('backend', backend, BACKENDS)):
            if value not in allowed:
                raise ConfigError(f'VideoReader: {name} must be one of {allowed}, got {value!r}')
        for name, value in (('threads', threads), ('keep', keep)):
            if value < 0:
                raise ConfigError(f'VideoReader: {name} must not be negative, got {value}')
        if lowres and backend == 'torchcodec':
            raise ConfigError('VideoReader: lowres needs the backend pyav')
        self.path = Path(path)
        self._options: dict[str, Any] = dict(
            index=index, backend=backend, threads=threads, keep=keep, lowres=lowres
        )
        self._prepare()
        # Bad files are found here, not at the first frame.
        self._load_index()

    def _prepare(self) -> None:
        self._lock = threading.RLock()
        self._index: FrameIndex | None = None
        self._stamp: tuple[str, int, int] | None = None
        self._decoder: FrameDecoder | None = None
        self._torchcodec: Any = None
        self._converter: RGBConverter | None = None
        self._kept: OrderedDict[tuple, np.ndarray] = OrderedDict()
        self._kept_bytes = 0
        self.closed = False
        _READERS.add(self)

    # What it is --------------------------------------------------------------------------------

    @property
    def info(self) -> VideoInfo:
        """Size, times and state of the video."""
        return self._load_index().info

    def __len__(self) -> int:
        return self.info.frames

    def __repr__(self) -> str:
        return f'VideoReader({str(self.path)!r})'

    # Reading -----------------------------------------------------------------------------------

    def read(self, indices: Iterable[int], size: tuple[int, int] | None = None) -> np.ndarray:
        """Read frames.

        Each frame is decoded at most once a call, and reading goes on from where it stands when
        the next frames follow.

        Args:
            indices: numbers of frames from 0, in any order, also repeated; negative ones count
                from the end.
            size: (rows, columns) to resize to, as `LoadClip` resizes image files; None keeps the
                frames.

        Returns:
            (n, H, W, 3) uint8 RGB.

        Raises:
            IndexError: no such frame.
            DataError: a frame cannot be decoded any more, or is of another size than the first.
        """
        size = _checked_size(size)
        with self._lock:
            numbers = [self._number(index) for index in indices]
            frames: dict[int, np.ndarray] = {}
            for number in sorted(set(numbers)):
                frames[number] = self._read(number, size)
            info = self.info
            if not numbers:
                return np.empty((0, *(size or (info.height, info.width)), 3), np.uint8)
            return np.stack([frames[number] for number in numbers])

    def __getitem__(self, index: int | slice) -> np.ndarray:
        """One frame (H, W, 3), or (n, H, W, 3) of a slice."""
        if isinstance(index, slice):
            return self.read(range(*index.indices(len(self))))
        return self.read([index])[0]

    def frames(
        self, start: int = 0, stop: int | None = None, size: tuple[int, int] | None = None
    ) -> Iterator[np.ndarray]:
        """Frames one after another, in memory that does not grow with the video.

        Args:
            start: first frame.
            stop: the frame to stop before; None for the end. Both as in a slice.
            size: (rows, columns) to resize to.

        Yields:
            (H, W, 3) uint8 RGB.

        Raises:
            DataError: see `read`.
        """
        size = _checked_size(size)
        for number in range(*slice(start, stop).indices(len(self))):
            with self._lock:
                frame = self._read(number, size, keep=False)
            yield frame

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames()

    def _number(self, index: int) -> int:
        count = len(self)
        number = int(index)
        if not -count <= number < count:
            raise IndexError(f'{self.path}: frame {number} of {count}')
        return number % count

    def _read(self, number: int, size: tuple[int, int] | None, keep: bool = True) -> np.ndarray:
        """A frame that the caller may not change if it is kept."""
        frame = self._kept.get((number, size))
        if frame is not None:
            self._kept.move_to_end((number, size))
            return frame if keep else frame.copy()
        frame = self._decode(number, size)
        info = self.info
        if size is not None:
            frame = resize_image(frame, size)
        elif frame.shape[:2] != (info.height, info.width):
            raise DataError(
                f'{self.path}: frame {number} is {frame.shape[0]} x {frame.shape[1]} pixels, the '
                f'first is {info.height} x {info.width}; give a size to read such videos'
            )
        if keep:
            self._keep((number, size), frame)
        return frame

    def _keep(self, key: tuple, frame: np.ndarray) -> None:
        self._kept[key] = frame
        self._kept_bytes += frame.nbytes
        while len(self._kept) > self._options['keep'] or self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes

    def _decode(self, number: int, size: tuple[int, int] | None) -> np.ndarray:
        """Frame `number` as shown, smaller where `lowres` allows it."""
        if self._options['backend'] == 'torchcodec':
            return self._open_torchcodec()(number)
        try:
            return self._convert(self._open(self._lowres(size)).frame(number))
        except LostError as error:
            self._correct_index(number, error)
        try:
            return self._convert(self._open(self._lowres(size)).frame(number))
        except LostError as error:
            raise DataError(f'{self.path}: decoding does not repeat itself ({error})') from None

    def _convert(self, frame: Any) -> np.ndarray:
        import av

        self._converter = self._converter or RGBConverter()
        try:
            return self._converter(frame)
        except (av.FFmpegError, ValueError) as error:
            raise DataError(
                f'{self.path}: a frame cannot be converted to RGB ({reason_of(error)})'
            ) from error

    # Opening and closing -----------------------------------------------------------------------

    def _load_index(self) -> FrameIndex:
        if self.closed:
            raise ValueError(f'{self.path}: the video was closed')
        with self._lock:
            if self._index is None:
                how = self._options['index']
                self._stamp = stamp_of(self.path)
                index = load_index(self._stamp)
                if index is None or (how == 'decode' and index.source != 'decode'):
                    index = build_index(self.path, how)
                    save_index(self._stamp, index)
                self._index = index
            return self._index

    def _correct_index(self, number: int, error: LostError) -> None:
        """Decode the whole video for an index that turned out wrong."""
        index = self._load_index()
        self.release()
        if index.source == 'packets':
            self._index = build_index(self.path, 'decode')
            save_index(self._stamp, self._index)
            if len(self._index) == len(index):
                return
            raise DataError(
                f'{self.path}: damaged around frame {number} ({error}): its packets told '
                f'{len(index)} frames, {len(self._index)} decode. The index is corrected: open '
                'the video again'
            )

    def _open(self, lowres: int) -> FrameDecoder:
        index = self._load_index()
        if self._decoder is not None and self._decoder.lowres != lowres:
            self._decoder.close()
            self._decoder = None
        if self._decoder is None:
            if stamp_of(self.path) != self._stamp:
                raise DataError(f'{self.path}: the video has changed since it was opened')
            self._decoder = FrameDecoder(self.path, index, self._options['threads'], lowres)
        return self._decoder

    def _open_torchcodec(self) -> Any:
        if self._torchcodec is None:
            from .torchcodec_frames import TorchcodecFrames

            def truth(number: int) -> np.ndarray:
                return self._convert(self._open(0).frame(number))

            self._torchcodec = TorchcodecFrames(self.path, len(self), truth)
        return self._torchcodec

    def _lowres(self, size: tuple[int, int] | None) -> int:
        if size is None or not self._options['lowres']:
            return 0
        info = self.info
        halvings = min(info.height // size[0], info.width // size[1]).bit_length() - 1
        return min(max(halvings, 0), 3)

    def release(self) -> None:
        """Close the file and forget kept frames; the next read opens it again."""
        with self._lock:
            self._kept.clear()
            self._kept_bytes = 0
            self._torchcodec = None
            if self._decoder is not None:
                self._decoder.close()
                self._decoder = None

    def another(self, threads: int | None = None) -> VideoReader:
        """A second reader of the same video, to read elsewhere in it at the same time.

        Args:
            threads: of its decoder; None for as many.

        Raises:
            DataError: see `VideoReader`.
        """
        index = self._load_index()
        reader = object.__new__(type(self))
        reader.__setstate__(self.__getstate__())
        if threads is not None:
            reader._options = dict(reader._options, threads=threads)
        reader._index, reader._stamp = index, self._stamp
        return reader

    def close(self) -> None:
        """Close for good."""
        self.release()
        self.closed = True

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Other processes ---------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return dict(path=self.path, options=self._options, closed=self.closed)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state['path']
        self._options = state['options']
        self._prepare()
        self.closed = state['closed']

    def _after_fork(self) -> None:
        # A thread of the parent may have held the lock.
        self._lock = threading.RLock()
        self._torchcodec = None
        if self._decoder is not None:
            self._decoder.abandon()
            self._decoder = None


def _checked_size(size: tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    if len(size) != 2 or min(size) < 1:
        raise ConfigError(f'VideoReader: size must be (rows, columns), got {size!r}')
    return int(size[0]), int(size[1])


_READERS: weakref.WeakSet[VideoReader] = weakref.WeakSet()


def _after_fork() -> None:
    for reader in list(_READERS):
        reader._after_fork()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
