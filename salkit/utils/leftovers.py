"""Names for what is unfinished, and clearing away what killed runs left unfinished.

Such a name carries the number of its process and the name of its machine, so that what a killed
run left can be told from what a running one is at.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = '.unfinished'
# What was at the place of a result waits in here until the new one is there.
REPLACED = '.replaced'
_NAME = re.compile(r'\.(.+)\.(\d+)(?:-\d+)?@(.+)' + re.escape(SUFFIX), re.DOTALL)
# Bytes of a name that are kept: with what is added, it must not pass the 255 that disks allow.
_MOST_BYTES = 150
_active: set[Path] = set()
_numbers = itertools.count()


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A path beside `path`, for what is to become it; what is there after the block is removed."""
    ending = f'.{os.getpid()}-{next(_numbers)}@{socket.gethostname()}{SUFFIX}'
    temporary = path.with_name(f'.{shortened(path.name)}{ending}')
    real = temporary.resolve()
    _active.add(real)
    try:
        yield temporary
    finally:
        _active.discard(real)
        _remove(temporary)


def shortened(name: str, most_bytes: int = _MOST_BYTES) -> str:
    """`name`, cut to a number of bytes where it is longer; other names stay different."""
    encoded = os.fsencode(name)
    if len(encoded) <= most_bytes:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return encoded[: most_bytes - 8].decode(errors='ignore') + digest


def remove_leftovers(folder: Path, name: str | None = None, whoever: str | None = None) -> None:
    """Remove the unfinished files and folders in `folder` whose process is gone.

    Args:
        folder: need not exist.
        name: only what was to become this.
        whoever: end of the names that only a process with a lock writes, which the caller holds:
            what was to become these goes, whatever its process seems to do.
    """
    wanted = name and shortened(name)
    try:
        entries = os.listdir(folder)
    except OSError:
        return
    for entry in entries:
        match = _NAME.fullmatch(entry)
        if not match or wanted not in (None, match[1]):
            continue
        leftover = folder / entry
        # Another user's cannot be removed.
        with contextlib.suppress(OSError):
            stale = whoever is not None and match[1].endswith(whoever)
            if stale or not _is_at_work(int(match[2]), match[3], leftover):
                _restore(leftover)
                _remove(leftover)


def remove_own() -> None:
    """Remove what this process is at, which is about to end without leaving its blocks."""
    for path in list(_active):
        _remove(path)


def _restore(leftover: Path) -> None:
    """Put back what waits: after a kill between two renames, it is the whole result."""
    waiting = leftover / REPLACED
    for kept in list(waiting.iterdir()) if waiting.is_dir() else ():
        if not os.path.lexists(leftover.parent / kept.name):
            os.rename(kept, leftover.parent / kept.name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_at_work(process: int, machine: str, leftover: Path) -> bool:
    if machine != socket.gethostname():
        return True
    if process == os.getpid():
        # In a container, numbers come again.
        return leftover.resolve() in _active
    if os.name == 'nt':
        # There, asking would end the process.
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    # A process that has ended keeps its number until its parent asks what became of it.
    return process_state(process) != 'Z'


def process_state(process: int) -> str:
    """What Linux says of a process: R for running, Z for ended, T for stopped; '' where unknown."""
    try:
        text = Path(f'/proc/{process}/stat').read_text(encoding='utf-8')
    except OSError:
        return ''
    return text.rpartition(')')[2].split()[0]
