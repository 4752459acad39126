"""Folders that are complete or not there: made beside their place and renamed at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ConfigError, DataError
from .leftovers import REPLACED, remove_leftovers, unfinished


def check_folder(path: Path, what: str) -> None:
    """Raise DataError unless `path`, which is `what`, such as 'the data root', is a folder."""
    if not path.is_dir():
        fault = 'is a file, expected a folder' if path.exists() else 'does not exist'
        raise DataError(f'{path}: {what} {fault}')


def check_folder_place(option: str, path: str | Path) -> None:
    """Check that no file is in the way of a folder that is to be made later.

    Args:
        option: of the command that names it.
        path: of the folder, which may be there.

    Raises:
        ConfigError: a file is.
    """
    place = Path(path).expanduser().absolute()
    nearest = next(each for each in (place, *place.parents) if os.path.lexists(each))
    if not nearest.is_dir():
        where = 'it' if nearest == place else nearest
        raise ConfigError(f'{option} {path}: expected a folder, but {where} is a file')


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
