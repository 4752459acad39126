"""Keeps a few videos open, for data sets of many."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path

from .index_cache import stamp_of
from .reader import VideoReader

# Open files a process; each costs memory for its decoder and for the frames that it keeps.
OPEN_VIDEOS = 8

_lock = threading.Lock()
_open: OrderedDict[tuple[str, int, int], VideoReader] = OrderedDict()


def open_video(path: str | Path) -> VideoReader:
    """A reader of a video, shared by all that ask for it in this process.

    The file of the one that was longest not asked for is closed when there are more than
    `OPEN_VIDEOS`. Ask for each use anew and do not close: a reader that is held longer opens its
    file again when it is read.

    Args:
        path: of the video.

    Raises:
        DataError: see `VideoReader`; also after the file was changed, if it is no video any more.
    """
    key = stamp_of(path)
    with _lock:
        reader = _open.get(key)
        if reader is not None and not reader.closed:
            _open.move_to_end(key)
            return reader
    # Not under the lock: making an index takes its time.
    reader = VideoReader(path)
    with _lock:
        known = _open.get(key)
        if known is not None and not known.closed:
            reader = known
        _open[key] = reader
        _open.move_to_end(key)
        surplus = [_open.popitem(last=False)[1] for _ in range(len(_open) - OPEN_VIDEOS)]
    for old in surplus:
        old.release()
    return reader


def close_videos() -> None:
    """Close all videos that `open_video` keeps open in this process."""
    with _lock:
        readers = list(_open.values())
        _open.clear()
    for reader in readers:
        reader.release()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
