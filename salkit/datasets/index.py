"""Lists the files of many videos, and remembers the lists until a folder changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..utils.files import cache_dir, whole_file
from .file_list import FileList
from .layout import VideoRecord, read_video

VERSION = 1
# The folders of a video whose changes count; a file's change does not touch them.
PLACES = ('', 'images', 'maps', 'fixation', 'fixation/maps')
# A folder may change again within the resolution of its time stamp.
SETTLED_SECONDS = 2.0
# Fewer folders are listed sooner than processes are started.
MANY = 256
MOST_PROCESSES = 8


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


def _to_json(record: VideoRecord) -> dict[str, Any]:
    lists = dict(frames=record.frames, densities=record.densities, fixations=record.fixations)
    content = {
        key: [os.path.relpath(files.folder, record.folder), files.to_json()]
        for key, files in lists.items()
        if files
    }
    if record.video_path:
        path = Path(record.video_path)
        # A video file may change in its place.
        content['video'] = [path.name, path.stat().st_size, path.stat().st_mtime_ns]
    return content


def _from_json(folder: Path, content: dict[str, Any]) -> VideoRecord | None:
    """The record that was stored, or None where its video file is another one now."""
    path = None
    if 'video' in content:
        name, size, changed = content['video']
        path = folder / name
        try:
            found = path.stat()
        except OSError:
            return None
        if [found.st_size, found.st_mtime_ns] != [size, changed]:
            return None
    lists = {
        key: FileList.from_json(os.path.normpath(folder / content[key][0]), content[key][1])
        for key in ('frames', 'densities', 'fixations')
        if key in content
    }
    return VideoRecord(folder.name, video_path=None if path is None else str(path), **lists)


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
            return _from_json(folder, entry)
    return None


def _list_all(folders: Sequence[Path], require_fixations: bool) -> Iterator[VideoRecord]:
    """`read_video` of each folder, in their order; of many on all cores."""
    read = partial(read_video, require_fixations=require_fixations)
    alone = multiprocessing.current_process().daemon or sys.platform != 'linux'
    if alone or len(folders) < MANY:
        yield from map(read, folders)
        return
    with multiprocessing.get_context('fork').Pool(min(MOST_PROCESSES, os.cpu_count() or 1)) as pool:
        yield from pool.imap(read, folders, chunksize=16)


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
    stamps = [_stamp(str(folder)) for folder in folders]
    records = [
        _stored_record(folder, stored.get(folder.name), stamp)
        for folder, stamp in zip(folders, stamps, strict=True)
    ]
    missing = [number for number, record in enumerate(records) if record is None]
    listed = _list_all([folders[number] for number in missing], require_fixations)
    for number, record in zip(missing, listed, strict=True):
        records[number] = record
        stored.pop(record.name, None)
        if stamps[number]:
            stored[record.name] = dict(_to_json(record), stamp=stamps[number])
    if missing and stored:
        # A cache that cannot be written costs time, nothing else.
        with contextlib.suppress(OSError), whole_file(path) as temporary:
            temporary.write_text(json.dumps(stored, separators=(',', ':')), encoding='utf-8')
    return records
