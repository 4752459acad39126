"""The files of a folder, in order, without a string for every one of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

from ..utils.files import natural_key

# The last number of a name, with what comes before it and the suffix.
_NUMBERED = re.compile(r'(.*?)(\d+)(\.\w+)')


class FileList(Sequence[str]):
    """Paths of the files of one folder, in natural order of their names.

    Names that count up by one, as those of frames do, are kept as the first and the number of
    them: a data set may list millions.

    Args:
        folder: their folder.
        names: all names, in order; or None, for numbered ones.
        prefix: what numbered names begin with.
        first: the first number.
        width: its digits, filled up with zeros; 1 where they are not.
        suffix: what numbered names end with.
        length: how many there are.
    """

    __slots__ = ('first', 'folder', 'length', 'names', 'prefix', 'suffix', 'width')

    def __init__(
        self,
        folder: str,
        names: Sequence[str] | None = None,
        prefix: str = '',
        first: int = 0,
        width: int = 1,
        suffix: str = '',
        length: int = 0,
    ) -> None:
        self.folder = folder
        self.names = None if names is None else tuple(names)
        self.prefix, self.first, self.width, self.suffix = prefix, first, width, suffix
        self.length = length if names is None else len(names)

    @classmethod
    def of_names(cls, folder: str, names: list[str]) -> FileList:
        """The list of the given names, which need not be in order."""
        # Names of one length with the same prefix sort as text the way they sort as numbers.
        names = sorted(names)
        found = cls.of_sorted(folder, names)
        if found is None:
            names.sort(key=natural_key)
            found = cls.of_sorted(folder, names)
        return found or cls(folder, names)

    @classmethod
    def of_sorted(cls, folder: str, names: list[str]) -> FileList | None:
        """The list in short, where the names count up by one in this order."""
        match = _NUMBERED.fullmatch(names[0]) if names else None
        if match is None:
            return None
        prefix, digits, suffix = match.groups()
        first, count = int(digits), len(names)
        width = len(digits) if digits[0] == '0' else 1
        # Without leading zeros, those of the first tell nothing; longer numbers need no filling.
        if width == 1 and len(str(first + count - 1)) == len(digits):
            width = len(digits)
        # Cheaper than to spell them all out, where something is amiss.
        if names[-1] != f'{prefix}{first + count - 1:0{width}d}{suffix}':
            return None
        pattern = f'{prefix.replace("%", "%%")}%0{width}d{suffix}'
        if names != [pattern % number for number in range(first, first + count)]:
            return None
        return cls(folder, None, prefix, first, width, suffix, count)

    @classmethod
    def from_json(cls, folder: str, content: list) -> FileList:
        """The inverse of `to_json`."""
        if len(content) == 1:
            return cls(folder, content[0])
        return cls(folder, None, *content)

    def to_json(self) -> list:
        """Plain values, without the folder."""
        if self.names is not None:
            return [list(self.names)]
        return [self.prefix, self.first, self.width, self.suffix, self.length]

    @property
    def is_numbered(self) -> bool:
        """Whether the names count up by one."""
        return self.names is None

    def name(self, index: int) -> str:
        """The name of file `index`, counted from 0."""
        if self.names is not None:
            return self.names[index]
        return f'{self.prefix}{self.first + index:0{self.width}d}{self.suffix}'

    def stems(self) -> list[str]:
        """Names without their suffixes."""
        return [os.path.splitext(self.name(index))[0] for index in range(self.length)]

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.length))]
        if not -self.length <= index < self.length:
            raise IndexError(f'file {index} of {self.length} in {self.folder}')
        return f'{self.folder}{os.sep}{self.name(index % self.length)}'

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(self.length))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str):
            return list(self) == list(other)
        return NotImplemented

    def __repr__(self) -> str:
        return f'FileList({self.length}: {", ".join([*self[:2], "..."])})'


def list_files(folder: Path, suffixes: Sequence[str]) -> FileList:
    """The files in `folder` with one of `suffixes`, hidden ones left out, in natural order.

    A path that is itself a file is a list of one: the picture of a data set of still pictures.
    """
    if folder.is_file():
        return FileList(str(folder.parent), [folder.name])
    endings = tuple(suffixes)
    names = os.listdir(folder)
    # Most folders hold nothing but frames that count up.
    names.sort()
    numbered = FileList.of_sorted(str(folder), names)
    if numbered and numbered.suffix.lower() in endings and not numbered.prefix.startswith('.'):
        return numbered
    names = [name for name in names if name.lower().endswith(endings) and not name.startswith('.')]
    return FileList.of_names(str(folder), names)
