"""Files that maps are written to, each complete under its final name or not there."""

from __future__ import annotations

import math
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ..errors import ConfigError, DataError
from ..media.maps import as_integers, as_png, write_map
from ..utils.files import whole_file
from ..utils.folders import whole_folder

if TYPE_CHECKING:
    from ..media.video.writer import VideoWriter
    from .maps import SaliencyMaps

# Formats of a video's maps; the first two are files, the others folders.
FORMATS = ('npz', 'mp4', 'png', 'png16', 'dhf1k')
FILE_FORMATS = ('npz', 'mp4')
# Rows and columns of the maps that the DHF1K benchmark takes.
DHF1K_SIZE = (360, 640)
# The name of the one array of an .npz file.
ARRAY = 'saliency_map'


def format_of(path: str | Path, format: str | None = None) -> str:
    """The format to write `path` in: the one given, else what its suffix tells.

    Raises:
        ConfigError: none of `FORMATS`, or a suffix that does not go with it.
    """
    suffix = Path(path).suffix.lower().removeprefix('.')
    if format is None:
        format = suffix if suffix in FILE_FORMATS else 'png'
        if format == 'png' and suffix in ('npy', 'avi', 'mkv', 'mov', 'webm', 'jpg', 'jpeg'):
            raise ConfigError(
                f'{path}: maps are saved as .npz, .mp4 or a folder of pictures, not as .{suffix}'
            )
    if format not in FORMATS:
        raise ConfigError(f'format must be one of {", ".join(FORMATS)}, got {format!r}')
    if format in FILE_FORMATS and suffix != format:
        raise ConfigError(f'{path}: the format {format} wants a name that ends in .{format}')
    return format


class Output(ABC):
    """Takes the maps of a video in order.

    Args:
        path: to write to.
        maps: what will be written; its shape, names and times are looked at.
    """

    def __init__(self, path: Path, maps: SaliencyMaps) -> None:
        self.path = path
        self.maps = maps
        self.written = 0

    def write(self, saliency_map: np.ndarray) -> None:
        """Write the next map, (H, W) float32.

        Raises:
            DataError: one too many, or of another size than the first.
            OSError: a full disk, for one.
        """
        if self.written == len(self.maps):
            raise DataError(f'{self.path}: more than {len(self.maps)} maps')
        if saliency_map.shape != tuple(self.maps.shape[1:]):
            raise DataError(
                f'{self.path}: map {self.written + 1} has the shape {saliency_map.shape}, '
                f'expected {tuple(self.maps.shape[1:])}'
            )
        self._write(saliency_map, self.written)
        self.written += 1

    def check(self) -> None:
        """Raise DataError unless all maps have been written."""
        if self.written != len(self.maps):
            raise DataError(f'{self.path}: {self.written} maps were written, not {len(self.maps)}')

    @abstractmethod
    def _write(self, saliency_map: np.ndarray, place: int) -> None:
        """Write the map at `place`, counted from 0."""


class _ArrayFile(Output):
    def __init__(self, path: Path, maps: SaliencyMaps, stream: Any) -> None:
        super().__init__(path, maps)
        self._stream = stream

    def _write(self, saliency_map: np.ndarray, place: int) -> None:
        self._stream.write(np.ascontiguousarray(saliency_map, '<f4').data)


@contextmanager
def _array_file(path: Path, maps: SaliencyMaps) -> Iterator[Output]:
    """One array (T, H, W) in a .npz file, not packed, of which no part is kept in memory."""
    shape = tuple(int(length) for length in maps.shape)
    # Beyond 2 GiB, its length has another place in the file.
    large = 4 * math.prod(shape) + 1024 > zipfile.ZIP64_LIMIT
    header = dict(descr='<f4', fortran_order=False, shape=shape)
    with whole_file(path) as temporary, ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(temporary, 'w', zipfile.ZIP_STORED))
        stream = stack.enter_context(archive.open(f'{ARRAY}.npy', 'w', force_zip64=large))
        np.lib.format.write_array_header_1_0(stream, header)
        output = _ArrayFile(path, maps, stream)
        yield output
        output.check()


class _Pictures(Output):
    """A folder with a PNG file for each frame, named as the frame is."""

    bits = 8

    def _write(self, saliency_map: np.ndarray, place: int) -> None:
        format = 'png16' if self.bits == 16 else 'png'
        write_map(saliency_map, self.path / f'{self.maps.names[place]}.png', format)


class _DeepPictures(_Pictures):
    bits = 16


class _Submission(Output):
    """A folder as the DHF1K benchmark takes it: each map's maximum is white."""

    def _write(self, saliency_map: np.ndarray, place: int) -> None:
        if saliency_map.shape != DHF1K_SIZE:
            shrinks = saliency_map.shape[0] > DHF1K_SIZE[0]
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            saliency_map = cv2.resize(saliency_map, DHF1K_SIZE[::-1], interpolation=how)
        peak = float(saliency_map.max())
        if peak > 0:
            saliency_map = saliency_map / peak
        path = self.path / f'{int(self.maps.frames[place]) + 1:04d}.png'
        path.write_bytes(as_png(as_integers(saliency_map)))


class _GreyVideo(Output):
    def __init__(self, path: Path, maps: SaliencyMaps, writer: VideoWriter) -> None:
        super().__init__(path, maps)
        self._writer = writer

    def _write(self, saliency_map: np.ndarray, place: int) -> None:
        times = self.maps.times
        self._writer.write(as_integers(saliency_map), float(times[place] - times[0]))


@contextmanager
def _grey_video(path: Path, maps: SaliencyMaps) -> Iterator[Output]:
    """An H.264 video whose frames are shown when those of the stimulus are."""
    from ..media.video.writer import VideoWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, tuple(maps.shape[1:]), maps.fps, gray=True) as writer:
        output = _GreyVideo(path, maps, writer)
        yield output
        output.check()


_FOLDERS = dict(png=_Pictures, png16=_DeepPictures, dhf1k=_Submission)


@contextmanager
def _folder(path: Path, maps: SaliencyMaps, format: str) -> Iterator[Output]:
    with whole_folder(path) as made:
        output = _FOLDERS[format](made, maps)
        yield output
        output.check()


@contextmanager
def open_output(path: str | Path, format: str | None, maps: SaliencyMaps) -> Iterator[Output]:
    """Write the maps of a video, `output.write(saliency_map)` for each of them, in order.

    A file or folder that is there is replaced when the block ends well; after an error it is as it
    was.

    Args:
        path: of the file, or of the folder for 'png', 'png16' and 'dhf1k'.
        format: 'npz': one float32 array `saliency_map` (T, H, W), not packed; 'mp4': a grey
            video; 'png', 'png16': a file for each frame, named as the frame is, the map in [0, 1]
            times 255 or 65535; 'dhf1k': 0001.png and so on, 640 x 360, 8 bits, each map scaled to
            its maximum, as that benchmark takes them. None: what the path tells.
        maps: what is to be written.

    Raises:
        ConfigError: no such format, or a path that does not go with it.
        DataError: more or fewer maps than `maps` has.
        OSError: it cannot be written.
    """
    path, format = Path(path), format_of(path, format)
    if format in FILE_FORMATS and path.is_dir():
        raise ConfigError(f'{path}: expected a file to write, this is a folder')
    if format not in FILE_FORMATS and path.exists() and not path.is_dir():
        raise ConfigError(f'{path}: expected a folder to write, this is a file')
    if format == 'npz':
        opened = _array_file(path, maps)
    elif format == 'mp4':
        opened = _grey_video(path, maps)
    else:
        opened = _folder(path, maps, format)
    with opened as output:
        yield output


def save_maps(maps: SaliencyMaps, outputs: list[tuple[Path, str]], on_frame: Any = None) -> None:
    """Write maps to several outputs while going through them once.

    Args:
        maps: what is to be written.
        outputs: paths and formats, as for `open_output`.
        on_frame: called with 1 after each frame.
    """
    finished = iter(maps)
    try:
        with ExitStack() as stack:
            opened = [stack.enter_context(open_output(*output, maps)) for output in outputs]
            for saliency_map in finished:
                for output in opened:
                    output.write(saliency_map)
                if on_frame is not None:
                    on_frame(1)
    finally:
        finished.close()
