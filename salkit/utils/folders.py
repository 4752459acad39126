"""Folders that are complete or not there: made beside their place and renamed at the end.

What is unfinished carries the number of its process and the name of its machine, so that what a
killed run left can be told from what a running one is at.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = '.unfinished'
_NAME = re.compile(r'\.(.+)\.(\d+)@(.+)' + re.escape(SUFFIX))
# Bytes; with the rest, a name may have 255.
_LONGEST = 100
# What was at the place of a result waits here until the new one is there.
_REPLACED = '.replaced'
_active: set[Path] = set()


@contextmanager
def unfinished_folder(folder: Path, name: str) -> Iterator[Path]:
    """A new folder inside `folder` to make `name` in; it is gone after the block."""
    remove_leftovers(folder, name)
    temporary = folder / f'.{_label(name)}.{os.getpid()}@{socket.gethostname()}{SUFFIX}'
    _active.add(temporary.resolve())
    try:
        temporary.mkdir(parents=True)
        yield temporary
    finally:
        _active.discard(temporary.resolve())
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """An empty folder to fill, renamed to `path` when the block ends well.

    What is at `path` is replaced then; after an error, or where the process is killed, it is as it
    was, and the next run removes what was begun.
    """
    # `..` and the like have no name to make anything beside.
    path = Path(os.path.abspath(path))
    with unfinished_folder(path.parent, path.name) as temporary:
        made = temporary / path.name
        made.mkdir()
        yield made
        put_in_place(made, path, temporary)


def put_in_place(made: Path, path: Path, temporary: Path) -> None:
    """Rename a finished file or folder to `path`, replacing what is there.

    Args:
        made: what was made, inside `temporary`.
        path: its final name.
        temporary: the folder of `unfinished_folder`.
    """
    if not made.is_dir() and not path.is_dir():
        os.replace(made, path)
        return
    if os.path.lexists(path):
        # Folders are not replaced in one step.
        waiting = temporary / _REPLACED
        waiting.mkdir(exist_ok=True)
        os.rename(path, waiting / path.name)
    os.rename(made, path)


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what killed runs were at in `folder`.

    Args:
        folder: need not exist.
        name: only what was to become this.
    """
    if not folder.is_dir():
        return
    for entry in os.listdir(folder):
        match = _NAME.fullmatch(entry)
        if not match or (name is not None and _label(name) != match[1]):
            continue
        leftover = folder / entry
        if _is_at_work(int(match[2]), match[3], leftover):
            continue
        waiting = leftover / _REPLACED
        for kept in list(waiting.iterdir()) if waiting.is_dir() else ():
            # Killed between two renames: the earlier result is still the whole one.
            if not os.path.lexists(folder / kept.name):
                os.rename(kept, folder / kept.name)
        shutil.rmtree(leftover, ignore_errors=True)


def _label(name: str) -> str:
    """What a temporary name calls `name`: a long one would leave no room for the rest."""
    content = os.fsencode(name)
    return name if len(content) <= _LONGEST else hashlib.sha256(content).hexdigest()


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
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # A process that has ended keeps its number until its parent asks what became of it.
        state = Path(f'/proc/{process}/stat').read_text(encoding='utf-8').rpartition(')')[2]
    except OSError:
        return True
    return state.split()[0] != 'Z'
