"""The files of a folder, in order, without a string for every one of them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from ..utils.files import frame_names, natural_key

# The last number of a name, with what comes before it and the suffix.
_NUMBERED = re.compile(r'(.*?)(\d+)(\.\w+)')


@dataclass(frozen=True)
class Numbering:
    """Names that count up by one, as those of frames do: a data set may list millions.

    Attributes:
        prefix: what they begin with.
        first: the first number.
        width: its digits, filled up with zeros; 1 where they are not.
        suffix: what they end with.
        length: how many there are.
    """

    prefix: str
    first: int
    width: int
    suffix: str
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> str:
        return f'{self.prefix}{self.first + index:0{self.width}d}{self.suffix}'

    @classmethod
    def of(cls, names: Sequence[str]) -> Numbering | None:
        """That of names which count up by one in this order, else None."""
        match = _NUMBERED.fullmatch(names[0]) if names else None
        if match is None:
            return None
        prefix, digits, suffix = match.groups()
        # Without leading zeros, those of the first tell nothing; longer numbers need no filling.
        last = str(int(digits) + len(names) - 1)
        width = len(digits) if digits[0] == '0' or len(last) == len(digits) else 1
        numbering = cls(prefix, int(digits), width, suffix, len(names))
        # Where something is amiss, the last name mostly tells.
        same = all(numbering[i - 1] == names[i - 1] for i in range(len(names), 0, -1))
        return numbering if same else None


class FileList(Sequence[str]):
    """Paths of the files of one folder, in natural order of their names.

    Args:
        folder: their folder.
        names: in order.
    """

    __slots__ = ('folder', 'names')

    def __init__(self, folder: str, names: Sequence[str] | Numbering = ()) -> None:
        self.folder = folder
        self.names = names

    @classmethod
    def of_names(cls, folder: str, names: Sequence[str]) -> FileList:
        """The list of the given names, which need not be in order."""
        # Names of one length with the same prefix sort as text the way they sort as numbers.
        names = sorted(names)
        found = Numbering.of(names)
        if found is None:
            names.sort(key=natural_key)
            found = Numbering.of(names)
        return cls(folder, found or names)

    def stems(self) -> list[str]:
        """Names without their suffixes."""
        return [os.path.splitext(self.names[index])[0] for index in range(len(self))]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        places = range(len(self.names))[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        return f'{self.folder}{os.sep}{self.names[places]}'

    def __repr__(self) -> str:
        return f'FileList({len(self)}: {", ".join([*self[:2], "..."])})'


def list_files(folder: Path, suffixes: Sequence[str], frames: bool = True) -> FileList:
    """The files in `folder` with one of `suffixes`, hidden ones left out, in natural order.

    A path that is itself a file is a list of one: the picture of a data set of still pictures.

    Args:
        folder: their folder.
        suffixes: of the files.
        frames: whether they are a frame each.

    Raises:
        DataError: two files for one frame.
    """
    if folder.is_file():
        return FileList(str(folder.parent), [folder.name])
    endings = tuple(suffixes)
    names = [
        name
        for name in os.listdir(folder)
        if name.lower().endswith(endings) and not name.startswith('.')
    ]
    files = FileList.of_names(str(folder), names)
    if frames and not isinstance(files.names, Numbering):
        frame_names(folder, files.names)
    return files
