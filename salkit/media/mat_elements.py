"""The variables in a .mat file of version 5, as MATLAB, Octave and scipy write it, and their parts.

scipy's own reader ends the process over some damaged files; here, every size is compared with the
bytes that are there. The format: MAT-File Format, The MathWorks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError, reason_of
from ..utils.input_files import open_input_file

_HEADER = 128
_ORDERS = {b'IM': '<', b'MI': '>'}
MATRIX, COMPRESSED = 14, 15
# How numbers are stored, by the type of an element.
NUMBERS = dict(zip((1, 2, 3, 4, 5, 6, 7, 9, 12, 13), 'bBhHiIfdqQ', strict=True))
# Flags of an array: its class, and whether its numbers are complex.
CLASS, COMPLEX = 0xFF, 0x800
# Of a packed variable, what is unpacked to learn its name and shape.
HEAD = 4096
# Before the one that is looked for.
_MOST_OTHERS = 1000
UNREADABLE = (struct.error, zlib.error, ValueError, LookupError, MemoryError, OverflowError)


class Variable(NamedTuple):
    """What comes before the values; `content` is that of its element, still packed if it was."""

    name: str
    flags: int
    shape: tuple[int, ...]
    is_packed: bool
    content: memoryview
    order: str

    def unpacked(self, most_bytes: int) -> memoryview:
        """The content of its element.

        Raises:
            ValueError: more than `most_bytes` of it, or less than it should be.
        """
        if not self.is_packed:
            return self.content
        packed = zlib.decompressobj()
        content = memoryview(packed.decompress(self.content, most_bytes))
        # The checksum is compared at the end.
        if not packed.eof:
            raise ValueError('a packed variable goes beyond what is there')
        return content[8:]


def element_at(content: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """Type and content of the element at a place, and the place of the next one."""
    kind, size = struct.unpack_from(f'{order}II', content, at)
    begin = at + 8
    end = begin + size
    if kind >> 16:
        # Up to four bytes lie in the place of their number.
        kind, size, begin, end = kind & 0xFFFF, kind >> 16, at + 4, begin
    elif kind != COMPRESSED:
        end += -end % 8
    if begin + size > min(end, len(content)):
        raise ValueError(f'an element of {size} bytes goes beyond what is there')
    return kind, content[begin : begin + size], end


def numbers_at(content: memoryview, at: int, order: str) -> tuple[np.ndarray, int]:
    """The numbers (n,) in the element at a place, and the place of the next one."""
    kind, element, end = element_at(content, at, order)
    return np.frombuffer(element, order + NUMBERS[kind]), end


def head_of(content: memoryview, order: str) -> tuple[int, tuple[int, ...], str, int]:
    """Flags, shape and name of an array, and the place of what comes after them."""
    flags, place = numbers_at(content, 0, order)
    shape, place = numbers_at(content, place, order)
    name, place = numbers_at(content, place, order)
    return int(flags[0]), tuple(map(int, shape)), bytes(name).decode('latin-1'), place


def _variables(content: memoryview, order: str) -> Iterator[Variable]:
    at = _HEADER
    while at < len(content):
        kind, element, at = element_at(content, at, order)
        head, is_packed = element, kind == COMPRESSED
        if is_packed:
            head = memoryview(zlib.decompressobj().decompress(element, HEAD))
            kind, head = struct.unpack_from(f'{order}I', head)[0], head[8:]
        if kind != MATRIX:
            raise ValueError(f'expected a variable, got an element of type {kind}')
        flags, shape, name, _ = head_of(head, order)
        yield Variable(name, flags, shape, is_packed, element, order)


def find_variable(path: str | Path, names: Sequence[str], most_bytes: int, what: str) -> Variable:
    """Find a variable in a file.

    Args:
        path: of a .mat file.
        names: that the variable may have.
        most_bytes: how large the file may be.
        what: the variable should be, for the message where there is none.

    Raises:
        DataError: no .mat file of version 5, or no such variable.
    """
    with open_input_file(path, most_bytes=most_bytes) as file:
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
            if variable.name in names:
                return variable
            others.append(variable.name)
            if len(others) > _MOST_OTHERS:
                raise ValueError(f'more than {_MOST_OTHERS} variables')
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    raise DataError(
        f'{path}: expected a variable {" or ".join(names)} with {what}, found '
        f'{", ".join(others[:5]) or "none"}'
    )


def unreadable(path: str | Path, error: Exception) -> DataError:
    """The error for a file that is damaged."""
    return DataError(f'{path}: cannot be read as a .mat file ({reason_of(error)})')
