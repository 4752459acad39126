"""Files that maps are written to, each complete under its final name or not there."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import cv2
import numpy as np

from ..errors import ConfigError
from ..media.maps import MAP_SUFFIXES, as_integers, as_png, write_map
from ..media.video import VIDEO_SUFFIXES, VideoWriter
from ..utils.files import whole_file
from ..utils.folders import whole_folder
from ..utils.text import check_choice

# Rows and columns of the maps that the DHF1K benchmark takes.
DHF1K_SIZE = (360, 640)
# The name of the one array of an .npz file.
ARRAY = 'saliency_map'
# Called with 1 after each frame; an error that it raises ends the work.
OnFrame: TypeAlias = Callable[[int], object]
# Ground truth of a frame, by its number in the stimulus: fixation_map and density_map or None.
Truth: TypeAlias = Callable[[int], tuple[np.ndarray | None, np.ndarray | None]]
# Writes the map (H, W) float32 at a place, counted from 0.
Write: TypeAlias = Callable[[np.ndarray, int], object]


class MapSequence(Protocol):
    """What writers need: maps (H, W) float32 in [0, 1] of some frames of a stimulus.

    Attributes:
        shape: (T, H, W).
        frames: numbers (from 0) of the stimulus' frames that have a map.
        names: of these frames.
        times: (T,) of these frames, seconds from the stimulus' first.
        fps: frames per second of these.
    """

    shape: tuple[int, int, int]
    frames: Sequence[int]
    names: Sequence[str]
    times: np.ndarray
    fps: float

    def __len__(self) -> int: ...

    def __iter__(self) -> Generator[np.ndarray, None, None]: ...

    def __getitem__(self, index: int, /) -> np.ndarray: ...


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
def _gray_video(path: Path, maps: MapSequence) -> Iterator[Write]:
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
            shrinks = values.shape[0] > DHF1K_SIZE[0]
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            values = cv2.resize(values, DHF1K_SIZE[::-1], interpolation=how)
            values = values / (values.max() or 1)
            name = f'{int(maps.frames[place]) + 1:04d}.png'
            (folder / name).write_bytes(as_png(as_integers(values)))

        yield write


_OPEN: dict[str, Callable[[Path, MapSequence], AbstractContextManager[Write]]] = {
    'npz': _array_file,
    'mp4': _gray_video,
    'png': partial(_pictures, format='png'),
    'png16': partial(_pictures, format='png16'),
    'dhf1k': _submission,
}
# Formats of a video's maps; the first two are files, the others folders.
FORMATS = tuple(_OPEN)
FILE_FORMATS = FORMATS[:2]


def format_of(path: str | Path, format: str | None = None) -> str:
    """The format to write `path` in: the one given, else the one of its suffix.

    Raises:
        ConfigError: none of `FORMATS`, or a path that does not go with it.
    """
    path = Path(path)
    suffix = path.suffix.lower().removeprefix('.')
    if format is None:
        format = suffix if suffix in FILE_FORMATS else 'png'
        if f'.{suffix}' in (*VIDEO_SUFFIXES, *MAP_SUFFIXES) and suffix not in FILE_FORMATS:
            raise ConfigError(
                f'{path}: maps are saved as .npz, .mp4 or a folder of pictures, not as .{suffix}'
            )
    check_choice('', 'format', format, FORMATS)
    if format in FILE_FORMATS and suffix != format:
        raise ConfigError(f'{path}: the format {format} wants a name that ends in .{format}')
    if path.exists() and path.is_dir() == (format in FILE_FORMATS):
        wanted, there = ('file', 'folder') if format in FILE_FORMATS else ('folder', 'file')
        raise ConfigError(f'{path}: expected a {wanted} to write, this is a {there}')
    return format


def save_maps(
    maps: MapSequence,
    outputs: Sequence[tuple[Path, str | None]],
    on_frame: OnFrame | None = None,
) -> None:
    """Write maps to several outputs while going through them once.

    A file or folder that is there is replaced at the end; after an error it is as it was.

    Args:
        maps: what is to be written.
        outputs: path and format of each. 'npz': one float32 array `saliency_map` (T, H, W), not
            packed; 'mp4': a gray video; 'png', 'png16': a folder with a file for each frame, named
            as the frame is, the map in [0, 1] times 255 or 65535; 'dhf1k': a folder with 0001.png
            and so on, 640 x 360, 8 bits, each map scaled to its maximum, as that benchmark takes
            them. None: that of the path's suffix.
        on_frame: called with 1 after each frame.

    Raises:
        ConfigError: no such format, or a path that does not go with it.
        OSError: it cannot be written.
    """
    with closing(iter(maps)) as finished, ExitStack() as stack:
        opened = [
            stack.enter_context(_OPEN[format_of(path, format)](path, maps))
            for path, format in outputs
        ]
        for place, saliency_map in zip(range(len(maps)), finished, strict=True):
            for write in opened:
                write(saliency_map, place)
            if on_frame is not None:
                on_frame(1)
