"""One matrix of numbers in a .mat file of version 5, as MATLAB, Octave and scipy write it.

scipy's own reader ends the process over some damaged files; here, every size is compared with the
bytes that are there. The format: MAT-File Format, The MathWorks.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError, reason_of
from ..utils.input_files import open_input_file
from .images import MOST_PIXELS, check_pixels

_HEADER = 128
_ORDERS = {b'IM': '<', b'MI': '>'}
_MATRIX, _COMPRESSED = 14, 15
# How numbers are stored, by the type of an element.
_NUMBERS = dict(zip((1, 2, 3, 4, 5, 6, 7, 9, 12, 13), 'bBhHiIfdqQ', strict=True))
# What else a variable may be, by the class of its array; 6 to 15 are numbers.
_OTHERS = {1: 'a cell array', 2: 'a struct', 3: 'an object', 4: 'text', 5: 'a sparse matrix'}
_COMPLEX = 0x800
# Of a packed variable, what is unpacked to learn its name and shape.
_HEAD = 4096
# Before the one that is looked for.
_MOST_OTHERS = 1000
_MOST_BYTES = 8 * MOST_PIXELS + 2**20
_UNREADABLE = (struct.error, zlib.error, ValueError, LookupError, MemoryError)


class _Variable(NamedTuple):
    """What comes before the numbers; `content` is that of its element, still packed if it was."""

    name: str
    flags: int
    shape: tuple[int, ...]
    is_packed: bool
    content: memoryview


def _element(content: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """Type and content of the element at a place, and the place of the next one."""
    kind, size = struct.unpack_from(f'{order}II', content, at)
    begin = at + 8
    end = begin + size
    if kind >> 16:
        # Up to four bytes lie in the place of their number.
        kind, size, begin, end = kind & 0xFFFF, kind >> 16, at + 4, begin
    elif kind != _COMPRESSED:
        end += -end % 8
    if begin + size > min(end, len(content)):
        raise ValueError(f'an element of {size} bytes goes beyond what is there')
    return kind, content[begin : begin + size], end


def _numbers(content: memoryview, at: int, order: str) -> tuple[np.ndarray, int]:
    """The numbers (n,) in the element at a place, and the place of the next one."""
    kind, element, end = _element(content, at, order)
    return np.frombuffer(element, order + _NUMBERS[kind]), end


def _variables(content: memoryview, order: str) -> Iterator[_Variable]:
    at = _HEADER
    while at < len(content):
        kind, element, at = _element(content, at, order)
        head, is_packed = element, kind == _COMPRESSED
        if is_packed:
            head = memoryview(zlib.decompressobj().decompress(element, _HEAD))
            kind, head = struct.unpack_from(f'{order}I', head)[0], head[8:]
        if kind != _MATRIX:
            raise ValueError(f'expected a variable, got an element of type {kind}')
        flags, place = _numbers(head, 0, order)
        shape, place = _numbers(head, place, order)
        name, _ = _numbers(head, place, order)
        sides = tuple(map(int, shape))
        yield _Variable(bytes(name).decode('latin-1'), int(flags[0]), sides, is_packed, element)


def _values(variable: _Variable, order: str) -> np.ndarray:
    content = variable.content
    if variable.is_packed:
        packed = zlib.decompressobj()
        most = 8 * math.prod(variable.shape) + _HEAD
        content = memoryview(packed.decompress(content, most))
        # The checksum is compared at the end.
        if not packed.eof:
            raise ValueError('a packed variable goes beyond what is there')
        content = content[8:]
    place = 0
    for _ in range(3):
        *_, place = _element(content, place, order)
    values, _ = _numbers(content, place, order)
    return values.reshape(variable.shape, order='F')


def read_mat_variable(path: str | Path, name: str) -> np.ndarray:
    """Read a matrix of numbers.

    Args:
        path: of a .mat file.
        name: of the variable.

    Returns:
        (H, W), in the type that its numbers are stored in, which may be smaller than its own.

    Raises:
        DataError: no .mat file of version 5, no such variable, or one that is no matrix of real
            numbers.
    """
    with open_input_file(path, most_bytes=_MOST_BYTES) as file:
        content = memoryview(file.read())
    order, version = _ORDERS.get(bytes(content[126:128])), bytes(content[124:126])
    if order is None or sorted(version) != [0, 1]:
        is_new = order is not None and sorted(version) == [0, 2]
        found = 'version 7.3; save it with -v7' if is_new else 'none'
        raise DataError(
            f'{path}: cannot be read as a .mat file (expected one of version 5 to 7, got {found})'
        )
    others = []
    try:
        for variable in _variables(content, order):
            if variable.name == name:
                _check_matrix(variable, path)
                return _values(variable, order)
            others.append(variable.name)
            if len(others) > _MOST_OTHERS:
                raise ValueError(f'more than {_MOST_OTHERS} variables')
    except _UNREADABLE as error:
        raise DataError(f'{path}: cannot be read as a .mat file ({reason_of(error)})') from error
    raise DataError(
        f'{path}: expected a variable {name} with a matrix of numbers, found '
        f'{", ".join(others[:5]) or "none"}'
    )


def _check_matrix(variable: _Variable, path: str | Path) -> None:
    kind, shape = variable.flags & 0xFF, variable.shape
    found = _OTHERS.get(kind) or ('' if 6 <= kind <= 15 else 'of an unknown class')
    if variable.flags & _COMPLEX:
        found = found or 'of complex numbers'
    if len(shape) != 2 or min(shape) < 1:
        found = found or f'an array of shape {shape}'
    if found:
        raise DataError(
            f'{path}: the variable {variable.name} is {found}, expected a full matrix of numbers'
        )
    check_pixels(shape[0], shape[1], path)
