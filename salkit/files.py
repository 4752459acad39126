"""Writing files whole, complete or not there, and one run at a time in a folder."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ConfigError

# The workers of a killed run notice after a second that it is gone.
PATIENCE_SECONDS = 5.0


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary file to write, beside `path` and renamed to it when the block ends well.

    The folder is made; after an error, what was at `path` is as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def locked_folder(folder: str | Path, name: str, owner: str) -> Iterator[None]:
    """Hold the lock of a folder, which is released even when the process is killed.

    Where the system or the disk has no locks, as on Windows, nothing is held.

    Args:
        folder: where the lock lies.
        name: its file's.
        owner: what holds it, for the error: 'salkit prepare'.

    Raises:
        ConfigError: another run holds it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(Path(folder) / name, 'a') as file:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ConfigError(
                        f'{folder}: another run of {owner} is at work there'
                    ) from None
                time.sleep(0.1)
            except OSError:
                break
        yield
