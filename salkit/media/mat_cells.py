"""Cells and structs in a .mat file, with the matrices and texts in them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..utils.text import listed
from .mat_elements import (
    CLASS,
    COMPLEX,
    MATRIX,
    UNREADABLE,
    element_at,
    find_variable,
    head_of,
    numbers_at,
    unreadable,
)
from .mat_hdf5 import is_hdf5, read_hdf5_struct

# Lists of fixations of a data set stay far below, in the file and as they are unpacked.
_MOST_PACKED, _MOST_BYTES = 2**26, 2**27
_MOST_ARRAYS = 500_000
_DEEPEST = 16
_CELL, _STRUCT, _TEXT = 1, 2, 4
_UTF8, _UTF16 = 16, 17
_LONGEST_NAME = 64


def read_mat_cells(path: str | Path, name: str) -> np.ndarray:
    """Read a cell array, or an array of structs.

    Args:
        path: of a .mat file.
        name: of the variable.

    Returns:
        Its values in its shape, as objects. A cell array is such an array, too; a struct is a dict,
        an array of structs an array of dicts; a text is a str, a matrix an array of numbers.

    Raises:
        DataError: no .mat file of version 5, no such variable, or one that holds something else
            than these.
    """
    variable = find_variable(path, [name], _MOST_PACKED, 'a cell array or a struct')
    try:
        content = variable.unpacked(_MOST_BYTES)
        values = _Reader(variable.order).value(content)
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    if isinstance(values, dict):
        values = _filled([values], (1, 1))
    if isinstance(values, np.ndarray) and values.dtype == object:
        return values
    raise DataError(
        f'{path}: the variable {name} is {described(values)}, expected a cell array or a struct'
    )


def read_mat_struct(path: str | Path, name: str) -> dict[str, object]:
    """Read one struct.

    Args:
        path: of a .mat file, also of version 7.3.
        name: of the variable.

    Returns:
        Its values, as `read_mat_cells` has them; of version 7.3, its matrices alone.

    Raises:
        DataError: as `read_mat_cells`, or several structs, or cells.
    """
    if is_hdf5(path):
        return read_hdf5_struct(path, name, _MOST_PACKED, _MOST_BYTES)
    values = read_mat_cells(path, name)
    if values.size != 1 or not isinstance(values.flat[0], dict):
        raise DataError(f'{path}: the variable {name} is {described(values)}, expected one struct')
    return values.flat[0]


def described(value: object) -> str:
    """What a message calls a value in a .mat file."""
    if isinstance(value, dict):
        return f'a struct with {listed(value)}'
    if isinstance(value, np.ndarray):
        what = 'a cell array' if value.dtype == object else 'a matrix'
        return f'{what} of {" x ".join(map(str, value.shape))}'
    return f'the text {value!r}'


def _filled(values: list, shape: tuple[int, ...]) -> np.ndarray:
    """An array of objects; NumPy would make one array of several."""
    array = np.empty(len(values), object)
    for index, value in enumerate(values):
        array[index] = value
    return array.reshape(shape, order='F')


class _Reader:
    """Reads arrays that lie in each other, as many as a file may have.

    Args:
        order: of the bytes in a number.
    """

    def __init__(self, order: str) -> None:
        self._order = order
        self._count = 0

    def value(self, content: memoryview, depth: int = 0) -> object:
        """The array whose element has this content."""
        self._count += 1
        if self._count > _MOST_ARRAYS or depth > _DEEPEST:
            raise self._too_many()
        if not len(content):
            # An empty cell may be written so.
            return np.zeros((0, 0))
        flags, shape, _, place = head_of(content, self._order)
        if min(shape, default=-1) < 0:
            raise ValueError(f'expected the shape of an array, got {shape}')
        kind, size = flags & CLASS, math.prod(shape)
        if kind == _CELL:
            return _filled(self._arrays(content, place, size, depth), shape)
        if kind == _STRUCT:
            return self._structs(content, place, shape, depth)
        if kind == _TEXT:
            return self._text(content, place, size)
        if flags & COMPLEX or not 6 <= kind <= 15:
            raise ValueError(f'an array of class {kind} in it is no matrix of real numbers')
        values, _ = numbers_at(content, place, self._order) if size else (np.zeros(0), 0)
        return values.reshape(shape, order='F')

    def _too_many(self) -> ValueError:
        return ValueError(f'expected at most {_MOST_ARRAYS:,} arrays, {_DEEPEST} in each other')

    def _arrays(self, content: memoryview, place: int, size: int, depth: int) -> list[object]:
        """The arrays that follow each other from a place on."""
        # Each takes the eight bytes of its tag, at least.
        if self._count + size > _MOST_ARRAYS:
            raise self._too_many()
        if 8 * size > len(content) - place:
            raise ValueError(f'{size} arrays go beyond what is there')
        arrays = []
        for _ in range(size):
            kind, element, place = element_at(content, place, self._order)
            if kind != MATRIX:
                raise ValueError(f'expected an array, got an element of type {kind}')
            arrays.append(self.value(element, depth + 1))
        return arrays

    def _structs(
        self, content: memoryview, place: int, shape: tuple[int, ...], depth: int
    ) -> object:
        length, place = numbers_at(content, place, self._order)
        names, place = numbers_at(content, place, self._order)
        width = int(length[0])
        if not 0 < width <= _LONGEST_NAME or len(names) % width:
            raise ValueError(f'{len(names)} characters are no names of fields, {width} each')
        text = bytes(names)
        fields = [
            text[at : at + width].split(b'\0')[0].decode('latin-1')
            for at in range(0, len(text), width)
        ]
        count = math.prod(shape)
        values = iter(self._arrays(content, place, count * len(fields), depth))
        structs = [{field: next(values) for field in fields} for _ in range(count)]
        return structs[0] if count == 1 else _filled(structs, shape)

    def _text(self, content: memoryview, place: int, size: int) -> str:
        """Text in one row, or several one after the other."""
        if not size:
            return ''
        kind, element, _ = element_at(content, place, self._order)
        if kind == _UTF8:
            return bytes(element).decode('utf-8')
        if kind == _UTF16:
            return bytes(element).decode('utf-16-le' if self._order == '<' else 'utf-16-be')
        numbers, _ = numbers_at(content, place, self._order)
        return ''.join(map(chr, numbers.tolist()))
