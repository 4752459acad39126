"""One matrix of numbers in a .mat file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..errors import DataError
from .images import MOST_PIXELS, check_pixels
from .mat_elements import (
    CLASS,
    COMPLEX,
    HEAD,
    UNREADABLE,
    Variable,
    element_at,
    find_variable,
    numbers_at,
    unreadable,
)

# What else a variable may be, by the class of its array; 6 to 15 are numbers.
_OTHERS = {1: 'a cell array', 2: 'a struct', 3: 'an object', 4: 'text', 5: 'a sparse matrix'}
_MOST_BYTES = 8 * MOST_PIXELS + 2**20


def read_mat_variable(path: str | Path, *names: str) -> np.ndarray:
    """Read a matrix of numbers.

    Args:
        path: of a .mat file.
        *names: that the variable may have; the first in the file is taken.

    Returns:
        (H, W), in the type that its numbers are stored in, which may be smaller than its own.

    Raises:
        DataError: no .mat file of version 5, no such variable, or one that is no matrix of real
            numbers.
    """
    variable = find_variable(path, names, _MOST_BYTES, 'a matrix of numbers')
    _check_matrix(variable, path)
    try:
        return _values(variable)
    except UNREADABLE as error:
        raise unreadable(path, error) from error


def _values(variable: Variable) -> np.ndarray:
    content, place = variable.unpacked(8 * math.prod(variable.shape) + HEAD), 0
    for _ in range(3):
        *_, place = element_at(content, place, variable.order)
    values, _ = numbers_at(content, place, variable.order)
    return values.reshape(variable.shape, order='F')


def _check_matrix(variable: Variable, path: str | Path) -> None:
    kind, shape = variable.flags & CLASS, variable.shape
    found = _OTHERS.get(kind) or ('' if 6 <= kind <= 15 else 'of an unknown class')
    if variable.flags & COMPLEX:
        found = found or 'of complex numbers'
    if len(shape) != 2 or min(shape) < 1:
        found = found or f'an array of shape {shape}'
    if found:
        raise DataError(
            f'{path}: the variable {variable.name} is {found}, expected a full matrix of numbers'
        )
    check_pixels(shape[0], shape[1], path)
