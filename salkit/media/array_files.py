"""The arrays in .npy and .npz files, whose headers are believed only as far as the file goes."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Literal, cast

import numpy as np

from ..errors import DataError, SalkitError, reason_of
from ..utils.input_files import FrugalFile, open_input_file, opened_zip
from .images import check_pixels

ARRAY_SUFFIXES = ('.npy', '.npz')
# Eleven hours at 25 frames per second: names and lists of more would fill the memory.
MOST_MAPS = 1_000_000
# numpy's own limit: a longer header takes long to parse.
_HEADER_BYTES = 10_000
_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    # Differs in names of fields alone, which no map has.
    (3, 0): np.lib.format.read_array_header_2_0,
}
# Arrays of a .npz file whose headers are looked at, and which a message names.
_LOOKED_AT = 5
# Deflate cannot pack better.
_MOST_PACKED = 1032


@dataclass(frozen=True)
class ArrayHeader:
    """What comes before the numbers of an array.

    Attributes:
        shape: of the array, without dimensions of length 0.
        fortran_order: whether the first index runs fastest.
        dtype: booleans, integers or floating point numbers.
    """

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes of all numbers."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def order(self) -> Literal['C', 'F']:
        """What numpy calls it."""
        return 'F' if self.fortran_order else 'C'

    def array(self, content: bytes) -> np.ndarray:
        """The array whose numbers are the bytes `content`."""
        return np.frombuffer(content, self.dtype).reshape(self.shape, order=self.order)


@contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """An array file; whatever goes wrong with it in the block is a DataError."""
    with open_input_file(path) as file:
        try:
            yield file
        except SalkitError:
            raise
        except Exception as error:
            # zlib, zipfile, struct, tokenize and numpy raise types of their own.
            raise DataError(
                f'{path}: cannot be read as an array file ({reason_of(error)})'
            ) from error


def read_header(stream: IO[bytes], size: int, where: str | Path) -> ArrayHeader:
    """Read what comes before the numbers, and check it.

    Args:
        stream: at the beginning of an array in .npy format.
        size: bytes of it.
        where: what a message calls it.

    Raises:
        DataError: not numbers, none of them, or more than there are bytes.
    """
    frugal = FrugalFile(stream, 2 * _HEADER_BYTES, f'{where}: its header is too long')
    start = cast(IO[bytes], frugal)
    version = np.lib.format.read_magic(start)
    if version not in _READ_HEADER:
        raise DataError(f'{where}: expected the .npy format 1 to 3, got {version[0]}.{version[1]}')
    read = _READ_HEADER[version]
    header = ArrayHeader(*read(start, max_header_size=_HEADER_BYTES))
    if header.dtype.kind not in 'buif':
        raise DataError(f'{where}: expected numbers, got {header.dtype}')
    if min(header.shape, default=1) < 1:
        raise DataError(f'{where}: expected maps, got an array of shape {header.shape}')
    there = size - stream.tell()
    if header.size > there:
        raise DataError(
            f'{where}: the file ends early: an array of shape {header.shape} has '
            f'{header.size} bytes, {max(there, 0)} are there'
        )
    return header


def member_size(member: zipfile.ZipInfo, where: str | Path) -> int:
    """How many bytes a member of a .npz file has once it is unpacked.

    Raises:
        DataError: packed in another way than numpy does, or more than can be packed in it.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f'{where}: {member.filename} is packed in another way than numpy does')
    if member.file_size > member.compress_size * _MOST_PACKED + 1024:
        raise DataError(
            f'{where}: {member.filename} declares {member.file_size} bytes, packed in '
            f'{member.compress_size}'
        )
    return member.file_size


def read_member(file: zipfile.ZipFile, member: zipfile.ZipInfo, where: str | Path) -> np.ndarray:
    """Read an array, of one map at most, from a .npz file.

    Raises:
        DataError: see `read_header`; too many pixels; damaged bytes.
    """
    with file.open(member) as stream:
        header = read_header(stream, member_size(member, where), where)
        check_pixels(math.prod(header.shape), 1, where)
        content = stream.read(header.size)
        # The checksum is compared at the end.
        if len(content) < header.size or stream.read(1):
            raise DataError(f'{where}: its size is not what its header declares')
    return header.array(content)


def check_array(array: np.ndarray, where: str) -> np.ndarray:
    """One map (H, W) of an array file, other dimensions of length 1 taken off.

    Raises:
        DataError: not one map, or not of numbers.
    """
    if array.dtype.kind not in 'buif':
        raise DataError(f'{where}: expected numbers, got {array.dtype}')
    shape = array.shape
    array = array.reshape(_map_shape(shape))
    if array.ndim != 2 or array.size == 0:
        raise DataError(f'{where}: expected a map (H, W), got an array of shape {shape}')
    array = np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _map_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape (H, W) of an array of one map, its other dimensions of length 1 taken off.

    Returns:
        Another number of dimensions where it is no map.
    """
    longer = _longer(shape)
    if len(shape) > 2 and len(longer) == 2:
        return longer
    if len(shape) == 3 and 1 in (shape[0], shape[2]):
        return shape[1:] if shape[0] == 1 else shape[:2]
    return shape


def _longer(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions of more than 1; none where not the last two of them are side by side."""
    places = [place for place, length in enumerate(shape) if length > 1]
    if places[-1:] != [place + 1 for place in places[-2:-1]]:
        return ()
    return tuple(shape[place] for place in places)


def video_shape(shape: tuple[int, ...], where: str | Path) -> tuple[int, int, int]:
    """The shape (T, H, W) of an array of maps, other dimensions of length 1 taken off.

    One map is a video of one frame.

    Raises:
        DataError: not the maps of a video, or too many.
    """
    longer, found = _longer(shape), shape
    if len(shape) == 2 or (len(shape) == 3 and len(longer) == 2 and shape[2] == 1):
        found = (1, *shape[:2])
    elif len(shape) > 3 and len(longer) == 3:
        found = longer
    elif len(shape) > 3 and len(longer) == 2:
        found = (1, *longer)
    if len(found) != 3 or found[0] > MOST_MAPS:
        raise DataError(
            f'{where}: expected the maps of a video (T, H, W), {MOST_MAPS} at most, got an array '
            f'of shape {shape}'
        )
    frames, rows, columns = found
    check_pixels(rows, columns, where)
    return frames, rows, columns


def check_members(file: zipfile.ZipFile, path: str | Path) -> None:
    """Look at the first arrays of a .npz file of several, an array a frame.

    Raises:
        DataError: one of them is no map.
    """
    shapes, fit = _described(file)
    if not fit:
        raise DataError(
            f'{path}: expected one array (T, H, W), or an array (H, W) for each frame, found '
            f'{shapes}'
        )


def _described(file: zipfile.ZipFile) -> tuple[str, bool]:
    """Names and shapes of the first arrays of a .npz file, and whether each is one map."""
    members = file.infolist()
    shapes, fit = [], True
    for member in members[:_LOOKED_AT]:
        name = member.filename.removesuffix('.npy')
        try:
            with file.open(member) as stream:
                shape = read_header(stream, member_size(member, name), name).shape
        except DataError as error:
            shapes.append(str(error))
            fit = False
            continue
        shapes.append(f'{name} {shape}')
        fit &= len(_map_shape(shape)) == 2
    return f'{len(members)}: {", ".join(shapes)}{", ..." * (len(members) > _LOOKED_AT)}', fit


def load_array(path: str | Path, mapped: bool = False) -> np.ndarray:
    """The array in a .npy file, or the only one in a .npz file.

    Args:
        path: the file.
        mapped: map a .npy file into memory, to be read where it is looked at; else it holds one map
            at most.

    Raises:
        DataError: a file that is no such file, would need pickle, is larger than a map may be, or
            holds several arrays.
    """
    with opened(path) as stream:
        if str(path).lower().endswith('.npz'):
            with opened_zip(stream, path) as file:
                members = file.infolist()
                if len(members) == 1:
                    return read_member(file, members[0], path)
                raise DataError(f'{path}: expected one array (H, W), found {_described(file)[0]}')
        size = stream.seek(0, 2)
        stream.seek(0)
        header = read_header(stream, size, path)
        if mapped:
            return np.memmap(stream, header.dtype, 'r', stream.tell(), header.shape, header.order)
        check_pixels(math.prod(header.shape), 1, path)
        return header.array(stream.read(header.size))
