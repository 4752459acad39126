"""Single files: written whole or not at all, links, hashes, locks, JSON, the cache folder."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import ConfigError, DataError, SalkitError, printable
from .input_files import check_input_file, open_input_file
from .leftovers import remove_leftovers, unfinished

# The workers of a killed run notice after a second that it is gone.
PATIENCE_SECONDS = 5.0
# Folders whose leftovers this process has removed.
_cleared: set[Path] = set()


class _NoFileError(SalkitError, OSError):
    """Something else is where a file is to be written."""


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary file to write, beside `path` and renamed to it when the block ends well.

    The folder is made; after an error, what was at `path` is as it was. What killed processes left
    unfinished in the folder is removed before the first file that is written there.

    Raises:
        OSError: it cannot be written; also where a folder, pipe or device is at `path`.
    """
    path = Path(path)
    if os.path.exists(path):
        # Renaming would put a file in the place of /dev/null.
        check_input_file(path, _NoFileError)
    folder = path.parent.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    # Once, as a folder may get 100,000 files.
    if folder not in _cleared:
        _cleared.add(folder)
        remove_leftovers(folder)
    with unfinished(path) as temporary:
        try:
            yield temporary
            os.replace(temporary, path)
        except OSError as error:
            if str(error.filename) == str(temporary):
                # Nobody knows the temporary name. Errors of PyAV cannot be changed.
                with suppress(AttributeError):
                    error.filename = str(path)
            raise


def link_or_copy(source: str | Path, target: Path, copy: bool = False) -> None:
    """A hard link to `source` at `target`; a copy if asked for, or where links are impossible.

    A hard link takes no space, and the file stays when the original's name is removed.
    """
    # What a symbolic link points to: a hard link to the link itself would break with it.
    source = os.path.realpath(source)
    if not copy:
        try:
            os.link(source, target)
            return
        except FileNotFoundError:
            raise
        except OSError:
            # Another file system, one without links, or too many of them.
            pass
    shutil.copy2(source, target)


def check_json_place(path: str | Path) -> None:
    """Check that a file of JSON that is written to `path` replaces no other kind of file.

    Raises:
        ConfigError: it would.
    """
    if os.path.exists(path):
        with open_input_file(path, ConfigError) as file:
            if file.read(1) not in (b'{', b'[', b''):
                raise ConfigError(f'{path}: is there and holds no JSON; choose another name')


def json_text(content: object) -> str:
    """Plain values as indented JSON.

    NaN and infinities are null: strict readers refuse the words that Python writes for them.
    """
    return json.dumps(_with_finite(content), indent=2, allow_nan=False)


def _with_finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _with_finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(content: object, path: str | Path) -> None:
    """Write plain values as a file of `json_text`, complete or not at all.

    Raises:
        ConfigError: see `check_json_place`.
    """
    check_json_place(path)
    with whole_file(path) as temporary:
        temporary.write_text(json_text(content) + '\n', encoding='utf-8')


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def name_and_digest(path: str | Path) -> str:
    """What a file or folder is called and holds, in words: `base.npy (sha256 1a2b3c4d)`.

    The same for a copy of that name, wherever it lies. Of a folder, the names and contents of all
    files count that are at most 5 levels below it, so that a circle of links has an end.

    Raises:
        DataError: neither a regular file nor a folder.
    """
    path = Path(os.path.abspath(path))
    if path.is_dir():
        content = hashlib.sha256()
        levels = ('/'.join('*' * depth) for depth in range(1, 6))
        for file in sorted(file for level in levels for file in path.glob(level)):
            if file.is_file():
                name = os.fsencode(file.relative_to(path).as_posix())
                content.update(name + b'\0' + sha256_of(file).encode())
        digest = content.hexdigest()
    else:
        digest = sha256_of(check_input_file(path))
    return f'{path.name} (sha256 {digest[:8]})'


def is_disk_full(error: OSError) -> bool:
    """Whether all writes after this one would fail as well: no space, or the quota used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def locked_folder(
    folder: str | Path, name: str, owner: str, patience: float | None = None
) -> Iterator[FileLock]:
    """Hold the lock of a folder, which is released even when the process is killed.

    Where the disk has no locks, nothing is held.

    Args:
        folder: where the lock lies.
        name: its file's.
        owner: what holds it, for the error: 'salkit prepare'.
        patience: seconds to wait for another run to end; None for `PATIENCE_SECONDS`.

    Raises:
        ConfigError: another run holds it; the message names its process.
    """
    lock = FileLock(Path(folder) / name)
    # Beside it, as opening the lock's own file may empty it.
    holder = Path(folder) / f'{name}.holder'
    try:
        lock.acquire(timeout=PATIENCE_SECONDS if patience is None else patience)
        holder.write_text(f'process {os.getpid()} on {socket.gethostname()}', encoding='utf-8')
    except Timeout:
        process = ''
        with suppress(OSError, UnicodeError):
            process = f' ({printable(holder.read_text(encoding="utf-8")[:200])})'
        message = f'{folder}: another run of {owner} is at work there{process}'
        raise ConfigError(message) from None
    except (NotImplementedError, OSError):
        # Some network disks have no locks.
        yield lock
        return
    try:
        yield lock
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def cache_dir() -> Path:
    """$SALKIT_CACHE, or `salkit` in the user's cache folder."""
    own = os.environ.get('SALKIT_CACHE')
    if own:
        return Path(own)
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'salkit'


def natural_key(name: str) -> list[tuple[int, str, str]]:
    """Sort key under which `frame_9` comes before `frame_10`; of numbers in the digits 0 to 9."""
    parts = [(part, part.lstrip('0')) for part in re.split('([0-9]+)', name)]
    # Text and numbers take turns. Of two numbers, the longer is the larger.
    return [
        (len(digits), digits, part) if place % 2 else (0, '', part)
        for place, (part, digits) in enumerate(parts)
    ]


def frame_names(folder: str | Path, files: Sequence[str]) -> list[str]:
    """The names of the files of one folder without their suffixes, a frame each.

    Raises:
        DataError: two files have one name, or one but for zeros before its numbers.
    """
    names = [os.path.splitext(file)[0] for file in files]
    frames = [re.sub('(?<![0-9])0+(?=[0-9])', '', name) for name in names]
    if len(set(frames)) < len(frames):
        twice = next(frame for frame, count in Counter(frames).items() if count > 1)
        both = [place for place, frame in enumerate(frames) if frame == twice]
        raise DataError(
            f'{folder}: two files for frame {names[both[0]]}: '
            f'{" and ".join(files[place] for place in both)}'
        )
    return names
