"""Checks the file that holds a video's frames."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import DataError
from ...media.video import VideoReader
from .contents import NOUNS, Seen

# Frames that are looked at for standing still.
WATCHED = 64
AGAIN = 'download the video again'


def check_video_file(
    path: Path, seen: Seen, sample: int | None
) -> tuple[int, tuple[int, int] | None]:
    """Check a video file, and compare its length with the maps.

    Args:
        path: need not exist.
        seen: its parts are compared with; gets the frames and the faults.
        sample: frames to look at; None decodes the whole file once.

    Returns:
        Number of its frames and their size (rows, columns); 0 and None where it cannot be read.
    """
    if not os.path.exists(path):
        seen.faults.tell('missing-file', path, 'no such file', 'the video', AGAIN)
        return 0, None
    if os.path.getsize(path) == 0:
        seen.faults.tell('empty-file', path, '0 bytes', 'a video', AGAIN)
        return 0, None
    try:
        # Only a full decode tells what is damaged.
        video = VideoReader(path, index='auto' if sample else 'decode')
    except DataError as error:
        seen.faults.tell('broken-video', path, _reason(path, error), 'a video', AGAIN)
        return 0, None
    with video:
        info = video.info
        if info.truncated or info.errors:
            found = f'only {len(video)} frames can be decoded: it is damaged or cut off'
            seen.faults.tell('broken-video', path, found, 'a whole video', AGAIN)
        for name, part in seen.parts.items():
            count = len(part.names)
            if count != len(video):
                seen.faults.tell(
                    'count-mismatch',
                    path,
                    f'{len(video)} frames, {count} {NOUNS[name]}s',
                    'as many of each',
                    f'{AGAIN}, or extract the {count} frames that the maps were made for',
                )
        numbers = range(min(len(video), sample or WATCHED))
        try:
            for number in (*numbers, len(video) // 2, len(video) - 1):
                if number not in seen.pictures.digests:
                    seen.pictures.see(number, video[number])
        except DataError as error:
            reason = _reason(path, error)
            seen.faults.tell('broken-video', path, reason, 'frames that decode', AGAIN)
        seen.faults += seen.pictures.faults(str(path))
        return len(video), (info.height, info.width)


def _reason(path: Path, error: DataError) -> str:
    return str(error).removeprefix(f'{path}: ')
