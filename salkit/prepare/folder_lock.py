"""One run at a time in a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ConfigError

LOCK = '.prepare.lock'
# The workers of a killed run notice after a second that it is gone.
PATIENCE = 5.0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is released even when the process is killed.

    Raises:
        ConfigError: another run holds it.
    """
    try:
        import fcntl
    except ImportError:
        # Windows.
        yield
        return
    with open(folder / LOCK, 'w') as file:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ConfigError(
                        f'{folder}: another run of salkit prepare is at work there'
                    ) from None
                time.sleep(0.1)
            except OSError:
                # A file system without locks.
                break
        yield
