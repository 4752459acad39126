"""A struct of matrices in a .mat file of version 7.3, which is an HDF5 file.

What MATLAB writes is read, and no more: the first version of the format (superblock 0, groups as
B-trees of symbol tables), numbers as they are or in chunks, packed by deflate. The library of HDF5
may end the process over a damaged file; here, every place and size is compared with the bytes that
are there. The format: HDF5 File Format Specification, The HDF Group.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..utils.input_files import open_input_file
from .mat_elements import UNREADABLE, unreadable

_SIGNATURE = b'\x89HDF\r\n\x1a\n'
# Before it, there is the head of a .mat file.
_BASE = 512
_DATASPACE, _DATATYPE, _LAYOUT, _FILTERS, _CONTINUED, _SYMBOLS = 1, 3, 8, 11, 16, 17
_DEFLATE = 1
# Nodes, messages and entries that a file may have in all.
_MOST_PARTS = 100_000


def is_hdf5(path: str | Path) -> bool:
    """Whether a .mat file says that it is of version 7.3."""
    with open_input_file(path) as file:
        head = file.read(128)
    return head[126:128] in (b'IM', b'MI') and sorted(head[124:126]) == [0, 2]


def read_hdf5_struct(
    path: str | Path, name: str, most_packed: int, most_bytes: int
) -> dict[str, object]:
    """Read the matrices of a struct; what else it holds is left out.

    Args:
        path: of a .mat file of version 7.3.
        name: of the variable.
        most_packed: bytes that the file may have.
        most_bytes: bytes that its matrices may have in all.

    Returns:
        (rows, columns) by the names of the fields; text is a matrix of its characters' numbers.

    Raises:
        DataError: another file, or no such variable.
    """
    with open_input_file(path, most_bytes=most_packed) as file:
        content = memoryview(file.read())
    try:
        reader = _Reader(content[_BASE:], most_bytes)
        variables = reader.group(reader.root)
        fields = reader.group(variables[name]) if name in variables else None
        if fields:
            found = {field: reader.matrix(at) for field, at in fields.items()}
            return {field: matrix for field, matrix in found.items() if matrix is not None}
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    names = ', '.join(sorted(variables)[:5]) or 'none'
    problem = 'which is none' if name in variables else f'found {names}'
    raise DataError(f'{path}: expected a variable {name} with a struct, {problem}')


class _Reader:
    """Reads objects by their addresses.

    Args:
        content: of the file, from its superblock on.
        most_bytes: that matrices may have in all.
    """

    def __init__(self, content: memoryview, most_bytes: int) -> None:
        self._content, self._bytes_left, self._parts = content, most_bytes, 0
        if content[:8] != _SIGNATURE or bytes(content[13:15]) != b'\x08\x08' or content[8]:
            raise ValueError('expected an HDF5 file as MATLAB writes it')
        (self.root,) = struct.unpack_from('<Q', content, 64)

    def _at(self, form: str, address: int) -> tuple:
        """Numbers at an address; each of the parts of a file is looked at here."""
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise ValueError(f'expected at most {_MOST_PARTS:,} parts')
        return struct.unpack_from('<' + form, self._content, address)

    def _messages(self, address: int) -> dict[int, memoryview]:
        """What the header of an object says, by type; the first of each."""
        version, count, size = self._at('BxH4xI', address)
        if version != 1:
            raise ValueError(f'expected the header of an object of version 1, got {version}')
        found: dict[int, memoryview] = {}
        blocks = [(address + 16, size)]
        for begin, length in blocks:
            at, end = begin, min(begin + length, len(self._content))
            while count and at + 8 <= end:
                kind, size = self._at('HH', at)
                data = self._content[at + 8 : min(at + 8 + size, end)]
                at, count = at + 8 + size, count - 1
                if kind == _CONTINUED:
                    blocks.append(struct.unpack('<QQ', data[:16]))
                found.setdefault(kind, data)
        return found

    def _tree(self, address: int, key: int) -> Iterator[tuple[memoryview, int]]:
        """Keys and addresses of the leaves of a B-tree, whose keys have `key` bytes."""
        signature, level, count = self._at('4sxBH', address)
        if signature != b'TREE':
            raise ValueError('expected the node of a tree')
        for place in range(address + 24, address + 24 + count * (key + 8), key + 8):
            (child,) = self._at('Q', place + key)
            if level:
                # Deeper nodes have lower levels, else a circle would never end.
                if self._at('5xB', child)[0] != level - 1:
                    raise ValueError('the levels of a tree do not go down')
                yield from self._tree(child, key)
            else:
                yield self._content[place : place + key], child

    def _take(self, size: int) -> None:
        """Count the bytes of matrices, as they are read and as they become."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise ValueError('its matrices are larger than expected')

    def group(self, address: int) -> dict[str, int]:
        """The addresses of the objects in a group; empty for what is no group."""
        messages = self._messages(address)
        if _SYMBOLS not in messages:
            return {}
        tree, heap = struct.unpack('<QQ', messages[_SYMBOLS][:16])
        signature, names = self._at('4s20xQ', heap)
        if signature != b'HEAP':
            raise ValueError('expected the names of a group')
        found = {}
        for _, node in self._tree(tree, 8):
            signature, count = self._at('4s2xH', node)
            if signature != b'SNOD':
                raise ValueError('expected the members of a group')
            for place in range(node + 8, node + 8 + 40 * count, 40):
                name, header = self._at('QQ', place)
                text = bytes(self._content[names + name : names + name + 64])
                found[text.split(b'\0')[0].decode('utf-8')] = header
        return found

    def matrix(self, address: int) -> np.ndarray | None:
        """The matrix (rows, columns) in a data set; None where it holds something else."""
        messages = self._messages(address)
        if not messages.keys() >= {_DATASPACE, _DATATYPE, _LAYOUT}:
            return None
        space, layout = messages[_DATASPACE], messages[_LAYOUT]
        dtype = _dtype(messages[_DATATYPE])
        if dtype is None or bytes(space[:2]) != b'\x01\x02':
            return None
        # Columns come first.
        shape = struct.unpack_from('<QQ', space, 8)
        size = math.prod(shape) * dtype.itemsize
        self._take(size)
        if layout[0] != 3:
            raise ValueError(f'expected the layout of a matrix of version 3, got {layout[0]}')
        if layout[1] == 2:
            is_packed = _is_packed(messages.get(_FILTERS))
            return self._from_chunks(layout, shape, dtype, is_packed).T
        if layout[1] == 1:
            (begin,) = struct.unpack_from('<Q', layout, 2)
            data = self._content[begin : begin + size]
        else:
            data = layout[4 : 4 + size]
        return np.frombuffer(data, dtype).reshape(shape).T

    def _from_chunks(
        self, layout: memoryview, shape: tuple[int, ...], dtype: np.dtype, is_packed: bool
    ) -> np.ndarray:
        rank, tree, *side = struct.unpack_from('<BQ3I', layout, 2)
        if rank != 3 or side[2] != dtype.itemsize or not side[0] * side[1]:
            raise ValueError('expected chunks of a matrix')
        size = math.prod(side)
        values = np.zeros(shape, dtype)
        for key, address in self._tree(tree, 32):
            # The outer chunks are larger than what is in them.
            self._take(size)
            length, mask, row, column = struct.unpack('<IIQQ', key[:24])
            if mask:
                raise ValueError('expected chunks that are all packed alike')
            data = bytes(self._content[address : address + length])
            if is_packed:
                data = zlib.decompressobj().decompress(data, size)
            part = np.frombuffer(data, dtype).reshape(side[:2])
            into = values[row : row + side[0], column : column + side[1]]
            into[:] = part[: into.shape[0], : into.shape[1]]
        return values


def _dtype(message: memoryview) -> np.dtype | None:
    """The type of numbers; None for what is no number."""
    kind, flags, size = struct.unpack_from('<BB2xI', message)
    if kind & 15 == 0 and size in (1, 2, 4, 8):
        letter = 'i' if flags & 8 else 'u'
    elif kind & 15 == 1 and size in (4, 8):
        letter = 'f'
    else:
        return None
    return np.dtype(f'{">" if flags & 1 else "<"}{letter}{size}')


def _is_packed(filters: memoryview | None) -> bool:
    """Whether chunks are packed by deflate, as MATLAB does."""
    if filters is None:
        return False
    version, count, kind = struct.unpack_from('<BB6xH', filters)
    if (version, count, kind) != (1, 1, _DEFLATE):
        raise ValueError('expected chunks that are packed by deflate alone')
    return True
