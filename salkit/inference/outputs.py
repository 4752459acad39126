"""Files that maps are written to, each complete under its final name or not there."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from ..errors import ConfigError, DataError
from ..media.maps import as_integers, as_png, write_map
from ..media.video import VideoWriter
from ..utils.files import whole_file
from ..utils.folders import whole_folder
from ..utils.text import check_choice
from .map_sequence import MapSequence, OnFrame

# Formats of a video's maps; the first two are files, the others folders.
FORMATS = ('npz', 'mp4', 'png', 'png16', 'dhf1k')
FILE_FORMATS = ('npz', 'mp4')
# Rows and columns of the maps that the DHF1K benchmark takes.
DHF1K_SIZE = (360, 640)
# The name of the one array of an .npz file.
ARRAY = 'saliency_map'
# Suffixes of files that somebody may expect; a folder is not called so.
_OTHER_SUFFIXES = ('npy', 'avi', 'mkv', 'mov', 'webm', 'jpg', 'jpeg')

# Writes the map (H, W) float32 at a place, counted from 0.
Write: TypeAlias = Callable[[np.ndarray, int], object]


def format_of(path: str | Path, format: str | None = None) -> str:
    """The format to write `path` in: the one given, else the one of its suffix.

    Raises:
        ConfigError: none of `FORMATS`, or a suffix that does not go with it.
    """
    suffix = Path(path).suffix.lower().removeprefix('.')
    if format is None:
        format = suffix if suffix in FILE_FORMATS else 'png'
        if suffix in _OTHER_SUFFIXES:
            raise ConfigError(
                f'{path}: maps are saved as .npz, .mp4 or a folder of pictures, not as .{suffix}'
            )
    check_choice('', 'format', format, FORMATS)
    if format in FILE_FORMATS and suffix != format:
        raise ConfigError(f'{path}: the format {format} wants a name that ends in .{format}')
    return format


class Output:
    """Takes the maps of a video in order.

    Args:
        path: that is written to.
        maps: what will be written; its shape is looked at.
        write: writes one of them.
    """

    def __init__(self, path: Path, maps: MapSequence, write: Write) -> None:
        self.path = path
        self.maps = maps
        self.written = 0
        self._write = write

    def write(self, saliency_map: np.ndarray) -> None:
        """Write the next map, (H, W) float32.

        Raises:
            DataError: one too many, or of another size than the first.
            OSError: a full disk, for one.
        """
        if self.written == len(self.maps):
            raise DataError(f'{self.path}: more than {len(self.maps)} maps')
        if saliency_map.shape != self.maps.shape[1:]:
            raise DataError(
                f'{self.path}: map {self.written + 1} has the shape {saliency_map.shape}, '
                f'expected {self.maps.shape[1:]}'
            )
        self._write(saliency_map, self.written)
        self.written += 1

    def check(self) -> None:
        """Raise DataError unless all maps have been written."""
        if self.written != len(self.maps):
            raise DataError(f'{self.path}: {self.written} maps were written, not {len(self.maps)}')


# Each opens one kind of file or folder and gives the function that writes a map.


@contextmanager
def _array_file(path: Path, maps: MapSequence) -> Iterator[Write]:
    """One array (T, H, W) in a .npz file, not packed, of which no part is kept in memory."""
    # Beyond 2 GiB, its length has another place in the file.
    large = 4 * math.prod(maps.shape) + 1024 > zipfile.ZIP64_LIMIT
    header = dict(descr='<f4', fortran_order=False, shape=maps.shape)
    with (
        whole_file(path) as temporary,
        zipfile.ZipFile(temporary, 'w', zipfile.ZIP_STORED) as archive,
        archive.open(f'{ARRAY}.npy', 'w', force_zip64=large) as stream,
    ):
        np.lib.format.write_array_header_1_0(stream, header)
        yield lambda values, _: stream.write(np.ascontiguousarray(values, '<f4').data)


@contextmanager
def _grey_video(path: Path, maps: MapSequence) -> Iterator[Write]:
    """An H.264 video whose frames are shown when those of the stimulus are."""
    times = maps.times - maps.times[0]
    with VideoWriter(path, maps.shape[1:], maps.fps, gray=True) as video:
        yield lambda values, place: video.write(as_integers(values), float(times[place]))


@contextmanager
def _pictures(path: Path, maps: MapSequence, format: str) -> Iterator[Write]:
    """A folder with a PNG file for each frame, named as the frame is."""
    with whole_folder(path) as folder:
        yield lambda values, place: write_map(values, folder / f'{maps.names[place]}.png', format)


@contextmanager
def _submission(path: Path, maps: MapSequence) -> Iterator[Write]:
    """A folder as the DHF1K benchmark takes it: each map's maximum is white."""
    with whole_folder(path) as folder:

        def write(values: np.ndarray, place: int) -> None:
            if values.shape != DHF1K_SIZE:
                shrinks = values.shape[0] > DHF1K_SIZE[0]
                how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
                values = cv2.resize(values, DHF1K_SIZE[::-1], interpolation=how)
            peak = float(values.max())
            values = values / peak if peak > 0 else values
            name = f'{int(maps.frames[place]) + 1:04d}.png'
            (folder / name).write_bytes(as_png(as_integers(values)))

        yield write


@contextmanager
def open_output(path: str | Path, format: str | None, maps: MapSequence) -> Iterator[Output]:
    """Write the maps of a video, `output.write(saliency_map)` for each of them, in order.

    A file or folder that is there is replaced when the block ends well; after an error it is as it
    was.

    Args:
        path: of the file, or of the folder for 'png', 'png16' and 'dhf1k'.
        format: 'npz': one float32 array `saliency_map` (T, H, W), not packed; 'mp4': a grey
            video; 'png', 'png16': a file for each frame, named as the frame is, the map in [0, 1]
            times 255 or 65535; 'dhf1k': 0001.png and so on, 640 x 360, 8 bits, each map scaled to
            its maximum, as that benchmark takes them. None: that of the path's suffix.
        maps: what is to be written.

    Raises:
        ConfigError: no such format, or a path that does not go with it.
        DataError: more or fewer maps than `maps` has.
        OSError: it cannot be written.
    """
    path, format = Path(path), format_of(path, format)
    if path.exists() and path.is_dir() == (format in FILE_FORMATS):
        wanted, there = ('file', 'folder') if format in FILE_FORMATS else ('folder', 'file')
        raise ConfigError(f'{path}: expected a {wanted} to write, this is a {there}')
    if format == 'npz':
        opened = _array_file(path, maps)
    elif format == 'mp4':
        opened = _grey_video(path, maps)
    elif format == 'dhf1k':
        opened = _submission(path, maps)
    else:
        opened = _pictures(path, maps, format)
    with opened as write:
        output = Output(path, maps, write)
        yield output
        output.check()


def save_maps(
    maps: MapSequence, outputs: Sequence[tuple[Path, str]], on_frame: OnFrame | None = None
) -> None:
    """Write maps to several outputs while going through them once.

    Args:
        maps: what is to be written.
        outputs: paths and formats, as for `open_output`.
        on_frame: called with 1 after each frame.
    """
    with closing(iter(maps)) as finished, ExitStack() as stack:
        opened = [stack.enter_context(open_output(*output, maps)) for output in outputs]
        for saliency_map in finished:
            for output in opened:
                output.write(saliency_map)
            if on_frame is not None:
                on_frame(1)
