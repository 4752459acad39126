"""Lists the files of many videos, and remembers the lists until a folder changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ..utils.files import cache_dir, whole_file
from .layout import VideoRecord, read_video

VERSION = 1
# The folders of a video whose changes count; a file's change does not touch them.
PLACES = ('', 'images', 'maps', 'fixation', 'fixation/maps')
# A folder may change again within the resolution of its time stamp.
SETTLED_SECONDS = 2.0
# Listing waits for the disk more than it works.
THREADS = 8


def _stamp(folder: str) -> list[int] | None:
    """Times of change of a video's folders, 0 for one that is not there; None where unsettled."""
    stamps = []
    for place in PLACES:
        try:
            stamps.append(os.stat(f'{folder}/{place}').st_mtime_ns)
        except OSError:
            stamps.append(0)
    if max(stamps) / 1e9 > time.time() - SETTLED_SECONDS:
        return None
    return stamps


def _index_path(folders: Sequence[Path], require_fixations: bool) -> Path:
    # Videos of one parent share a file, whichever of them are asked for.
    parent = os.path.realpath(folders[0].parent)
    digest = hashlib.sha256(f'{VERSION} {require_fixations} {parent}'.encode()).hexdigest()
    return cache_dir() / 'dataset-index' / f'{digest[:32]}.json'


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _stored_record(folder: Path, entry: Any, stamp: list[int] | None) -> VideoRecord | None:
    """The record of an entry of the index, or None where it is not that of the folder as it is."""
    if stamp and entry and entry.get('stamp') == stamp:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return VideoRecord.from_json(folder, entry)
    return None


def read_videos(folders: Sequence[Path], require_fixations: bool = True) -> list[VideoRecord]:
    """List and pair the files of videos, as `read_video` does each.

    The lists are kept in salkit's cache folder and used again while the folders are unchanged.

    Args:
        folders: the videos' folders, all in one parent.
        require_fixations: whether a video without fixation maps is an error.

    Raises:
        DataError: as `read_video`.
    """
    if not folders:
        return []
    path = _index_path(folders, require_fixations)
    stored = _load(path)
    # Before the folders are listed: what changes meanwhile is seen the next time.
    stamps = {folder: _stamp(str(folder)) for folder in folders}
    records = {
        folder: record
        for folder in folders
        if (record := _stored_record(folder, stored.get(folder.name), stamps[folder]))
    }
    missing = [folder for folder in folders if folder not in records]
    with ThreadPoolExecutor(THREADS) as pool:
        listed = pool.map(partial(read_video, require_fixations=require_fixations), missing)
        records |= zip(missing, listed, strict=True)
    for folder in missing:
        stored.pop(folder.name, None)
        if stamps[folder]:
            stored[folder.name] = dict(records[folder].to_json(), stamp=stamps[folder])
    if missing and stored:
        # A cache that cannot be written costs time, nothing else.
        with contextlib.suppress(OSError), whole_file(path) as temporary:
            temporary.write_text(json.dumps(stored, separators=(',', ':')), encoding='utf-8')
    return [records[folder] for folder in folders]
