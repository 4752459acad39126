"""Frames of a video by number."""

from __future__ import annotations

import copy
import os
import threading
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from av import VideoFrame

from ...errors import ConfigError, DataError, DataWarning, reason_of
from ...utils.text import check_choice
from ..images import checked_size, resize_image
from .decoder import FrameDecoder, LostError
from .frame_index import FrameIndex, VideoInfo, load_index, save_index, stamp_of
from .index_build import build_index
from .picture import FrameConverter

INDICES = ('auto', 'packets', 'decode')
# Files that `open_video` keeps open in a process.
OPEN_VIDEOS = 8


class VideoReader:
    """A video whose frames can be read in any order, each just as a sequential decode gives it.

    Frames are (H, W, 3) uint8 RGB as shown: turned where a phone's camera says so, their colours
    bit for bit those of PyAV's `frame.to_ndarray(format='rgb24')`. Interlaced frames stay so, an
    alpha channel is ignored, and pixels that are not square are left as they are stored. Frames of
    another size than the first are scaled to that.

    The first opening makes an index of the frames, which is kept in salkit's cache folder. Readers
    may be pickled and used in forked processes: there they open the file again. Threads may share
    one, and take turns.

    Args:
        path: of the video; of several video streams, the default one or else the largest is read,
            and cover pictures are none.
        index: 'decode' decodes the whole video for its index, and each frame read later is checked
            against that; 'packets' trusts the packets where codec and container allow it, and
            verifies start and end only, so that damage in the middle is found when it is read;
            'auto' is 'packets' for videos of more than `index_build.DECODED_PIXELS`, else 'decode'.
        threads: of the decoder; 0 for one a core. Data loaders have workers instead.

    Raises:
        DataError: no such file, not a video, or nothing of it decodes.
        ConfigError: an argument out of range.
    """

    def __init__(self, path: str | Path, index: str = 'auto', threads: int = 1) -> None:
        check_choice('VideoReader', 'index', index, INDICES)
        if threads < 0:
            raise ConfigError(f'VideoReader: threads must be at least 0, got {threads}')
        self.path = Path(path)
        self._how, self._threads = index, threads
        self._prepare()
        # Bad files are found here, not at the first frame.
        self._load_index()

    def _prepare(self) -> None:
        self._lock = threading.RLock()
        self._index: FrameIndex | None = None
        self._stamp = ('', 0, 0)
        self._decoder: FrameDecoder | None = None
        self._converter = FrameConverter()
        _readers.add(self)

    # What it is --------------------------------------------------------------------------------

    @property
    def info(self) -> VideoInfo:
        """Size, times and state of the video."""
        return self._load_index().info

    def __len__(self) -> int:
        return self.info.frames

    def warn(self) -> None:
        """Warn of what `VideoInfo.warnings` says; for whoever needs times or all frames."""
        for line in self.info.warnings:
            warnings.warn(f'{self.path}: {line}', DataWarning, stacklevel=3)

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
            DataError: a frame cannot be decoded any more.
        """
        size = None if size is None else checked_size('VideoReader', size)
        with self._lock:
            numbers = [self._number(index) for index in indices]
            frames = {number: self._read(number, size) for number in sorted(set(numbers))}
        if not numbers:
            return np.empty((0, *(size or (self.info.height, self.info.width)), 3), np.uint8)
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
        size = None if size is None else checked_size('VideoReader', size)
        for number in range(*slice(start, stop).indices(len(self))):
            with self._lock:
                frame = self._read(number, size)
            yield frame

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames()

    def _number(self, index: int) -> int:
        count = len(self)
        number = int(index)
        if not -count <= number < count:
            raise IndexError(f'{self.path}: frame {number} of {count}')
        return number % count

    def _read(self, number: int, size: tuple[int, int] | None) -> np.ndarray:
        frame, info = self._decode(number), self.info
        return resize_image(frame, size or (info.height, info.width))

    def _decode(self, number: int) -> np.ndarray:
        """Frame `number` as shown."""
        try:
            return self._convert(self._open().frame(number))
        except LostError as error:
            self._correct_index(number, error)
        try:
            return self._convert(self._open().frame(number))
        except LostError as error:
            raise DataError(f'{self.path}: decoding does not repeat itself ({error})') from None

    def _convert(self, frame: VideoFrame) -> np.ndarray:
        try:
            return self._converter.rgb(frame)
        except (av.FFmpegError, ValueError) as error:
            raise DataError(
                f'{self.path}: a frame cannot be converted to RGB ({reason_of(error)})'
            ) from error

    # Opening and closing -----------------------------------------------------------------------

    def _load_index(self) -> FrameIndex:
        with self._lock:
            if self._index is None:
                self._stamp = stamp_of(self.path)
                index = load_index(self._stamp)
                if index is None or (self._how == 'decode' and index.source != 'decode'):
                    index = build_index(self.path, self._how)
                    save_index(self._stamp, index)
                self._index = index
            return self._index

    def _correct_index(self, number: int, error: LostError) -> None:
        """Decode the whole video for an index that turned out wrong."""
        index = self._load_index()
        self.close()
        if index.source == 'packets':
            self._index = build_index(self.path, 'decode')
            save_index(self._stamp, self._index)
            if len(self._index) == len(index):
                return
            raise DataError(
                f'{self.path}: damaged around frame {number} ({error}): its packets hold '
                f'{len(index)} frames, {len(self._index)} decode. The index is corrected: open '
                'the video again'
            )

    def _open(self) -> FrameDecoder:
        index = self._load_index()
        if self._decoder is None:
            if stamp_of(self.path) != self._stamp:
                raise DataError(f'{self.path}: the video has changed since it was opened')
            self._decoder = FrameDecoder(self.path, index, self._threads)
        return self._decoder

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        with self._lock:
            if self._decoder is not None:
                self._decoder.close()
                self._decoder = None

    def copy(self, threads: int) -> VideoReader:
        """A second reader of the same video, to read elsewhere in it at the same time."""
        reader = copy.copy(self)
        reader._threads = threads
        reader._index, reader._stamp = self._load_index(), self._stamp
        return reader

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Other processes ---------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, object]:
        names = ('path', '_how', '_threads')
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, object]) -> None:
        self._prepare()
        vars(self).update(state)

    def _after_fork(self) -> None:
        self._lock = threading.RLock()
        if self._decoder is not None:
            self._decoder.abandon()
            self._decoder = None


def open_video(path: str | Path) -> VideoReader:
    """A reader of a video, shared by all that ask for it in this process.

    The file of the one that was longest not asked for is closed when there are more than
    `OPEN_VIDEOS`; it opens again when that reader is read.

    Args:
        path: of the video.

    Raises:
        DataError: see `VideoReader`; also after the file was changed, if it is no video any more.
    """
    stamp = stamp_of(path)
    with _lock:
        reader = _open.pop(stamp, None)
        _open[stamp] = reader = VideoReader(path) if reader is None else reader
        if len(_open) > OPEN_VIDEOS:
            _open.popitem(last=False)[1].close()
    return reader


_lock = threading.Lock()
_open: OrderedDict[tuple[str, int, int], VideoReader] = OrderedDict()
_readers: weakref.WeakSet[VideoReader] = weakref.WeakSet()


def _after_fork() -> None:
    # A thread of the parent may have held a lock.
    global _lock
    _lock = threading.Lock()
    for reader in list(_readers):
        reader._after_fork()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
