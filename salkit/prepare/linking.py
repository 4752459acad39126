"""Links to published files, or copies where links are impossible."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


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


def keep_video(source: Path, target: Path, copy: bool = False) -> None:
    """A symbolic link to a video, else a hard link, else a copy."""
    if not copy:
        try:
            target.symlink_to(source.absolute())
            return
        except OSError:
            # Windows lets not everybody make them, and some network file systems have none.
            pass
    link_or_copy(source, target, copy)
