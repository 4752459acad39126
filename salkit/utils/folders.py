"""Folders that are complete or not there: made beside their place and renamed at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .leftovers import REPLACED, remove_leftovers, unfinished


@contextmanager
def unfinished_folder(folder: Path, name: str) -> Iterator[Path]:
    """A new folder inside `folder` to make `name` in; it is gone after the block.

    What killed runs left of the same name goes before. After an error, `folder` is gone as well
    where it was not there.
    """
    remove_leftovers(folder, name)
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with unfinished(folder / name) as temporary:
            temporary.mkdir(parents=True)
            yield temporary
    except BaseException:
        # Until one holds something else.
        with suppress(OSError):
            for each in new:
                each.rmdir()
        raise


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
        waiting = temporary / REPLACED
        waiting.mkdir(exist_ok=True)
        os.rename(path, waiting / path.name)
    os.rename(made, path)
