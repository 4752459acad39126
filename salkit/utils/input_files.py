"""Files that were named by a user or made by a stranger, looked at before they are opened.

Opening a pipe or a device can wait for ever or give bytes without end, so that every reader asks
here first.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from ..errors import DataError, SalkitError, reason_of
from .text import in_units

# Settings, lists and scores of a whole data set stay far below; as values, they take 25 times that.
MOST_TEXT_BYTES = 64_000_000
# The list of what is in an archive: 500,000 entries.
_MOST_LISTED = 2**25
_KINDS = (
    (stat.S_ISDIR, 'a folder'),
    (stat.S_ISFIFO, 'a pipe'),
    (stat.S_ISCHR, 'a device'),
    (stat.S_ISBLK, 'a device'),
    (stat.S_ISSOCK, 'a socket'),
)


def check_input_file(
    path: str | Path, error: type[SalkitError] = DataError, most_bytes: int | None = None
) -> Path:
    """Check that `path` is a regular file, or a link to one.

    Args:
        path: of the file.
        error: what is raised.
        most_bytes: how large the file may be; None for any size.

    Returns:
        `path`.

    Raises:
        SalkitError: of the type `error`: a missing file, a folder, pipe, device or socket, or a
            file that is too large.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise error(f'{path}: the file does not exist') from None
    except (OSError, ValueError) as reason:
        # No permission, a name that is too long, a circle of links, a null byte.
        raise error(f'{path}: cannot be opened ({reason_of(reason)})') from None
    _check_status(path, status, error, most_bytes)
    return Path(path)


def open_input_file(
    path: str | Path, error: type[SalkitError] = DataError, most_bytes: int | None = None
) -> BinaryIO:
    """Open a regular file for reading, as bytes.

    What was opened is what was checked, also where the file is replaced meanwhile.

    Args:
        path: of the file.
        error: what is raised.
        most_bytes: how large the file may be; None for any size.

    Raises:
        SalkitError: as `check_input_file` does, and where the file may not be read.
    """
    check_input_file(path, error, most_bytes)
    try:
        # Without waiting, should it have become a pipe.
        handle = os.open(path, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0))
    except OSError as reason:
        raise error(f'{path}: cannot be opened ({reason_of(reason)})') from None
    file = os.fdopen(handle, 'rb')
    try:
        _check_status(path, os.fstat(handle), error, most_bytes)
    except SalkitError:
        file.close()
        raise
    return file


def read_input_text(
    path: str | Path, error: type[SalkitError] = DataError, most_bytes: int = MOST_TEXT_BYTES
) -> str:
    """Read a text file in UTF-8.

    Raises:
        SalkitError: of the type `error`, as `open_input_file`, and for other bytes than UTF-8.
    """
    with open_input_file(path, error, most_bytes) as file:
        content = file.read()
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as reason:
        raise error(
            f'{path}: expected text in UTF-8, got the byte {content[reason.start]:#04x} at '
            f'{reason.start}'
        ) from None


def read_input_json(path: str | Path, error: type[SalkitError] = DataError) -> object:
    """Read a JSON file.

    Raises:
        SalkitError: of the type `error`, as `read_input_text`, and for what is no JSON.
    """
    text = read_input_text(path, error)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise error(f'{path}: cannot be read as JSON ({reason_of(reason)})') from None


class FrugalFile:
    """A file of which a library may read so many bytes in parts; as a whole it is what it is.

    Args:
        file: the open file.
        left: how many bytes.
        message: of the error.
        error: its type.
    """

    def __init__(
        self, file: IO[bytes], left: int, message: str, error: type[SalkitError] = DataError
    ) -> None:
        self._file, self.left, self._message, self._error = file, left, message, error

    def read(self, size: int = -1) -> bytes:
        """As of every file; raises the error beyond `left`."""
        if size < 0:
            return self._file.read()
        content = self._file.read(min(size, self.left + 1))
        self.left -= len(content)
        if self.left < 0:
            raise self._error(self._message)
        return content

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


@contextmanager
def opened_zip(
    file: BinaryIO, where: str | Path, error: type[SalkitError] = DataError
) -> Iterator[zipfile.ZipFile]:
    """A zip archive whose list of contents is no longer than memory allows.

    Args:
        file: the open file.
        where: what a message calls it.
        error: what is raised.

    Raises:
        SalkitError: of the type `error`, for a longer one.
        zipfile.BadZipFile: no archive.
    """
    frugal = FrugalFile(file, _MOST_LISTED, f'{where}: lists too many contents', error)
    # Libraries ask for `read`, `seek` and `tell` alone.
    with zipfile.ZipFile(cast(BinaryIO, frugal)) as archive:
        frugal.left = sys.maxsize - 1
        yield archive


def _check_status(
    path: str | Path,
    status: os.stat_result,
    error: type[SalkitError],
    most_bytes: int | None,
) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), 'something else')
        raise error(f'{path}: is {kind}, expected a regular file')
    if most_bytes is not None and status.st_size > most_bytes:
        raise error(
            f'{path}: has {in_units(status.st_size)}, expected at most {in_units(most_bytes)}'
        )
