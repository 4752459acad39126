"""How many bytes a video file says it has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = b'\x1aE\xdf\xa3', b'\x18S\x80g'
# Enough for any file that is no nonsense.
_MOST_BOXES = 100_000


def is_cut_off(path: str | Path) -> bool:
    """Whether a file ends before the last of its outermost parts does.

    Those parts name their lengths in .mp4 and .mov (boxes), .mkv and .webm (EBML elements). False
    for other containers, and for lengths that were never filled in.
    """
    size = os.path.getsize(path)
    with open(path, 'rb') as file:
        start = file.read(12)
        if start[:4] == _EBML:
            named = _end_of_element
        elif start[4:8] in (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip'):
            named = _end_of_box
        else:
            return False
        place = 0
        for _ in range(_MOST_BOXES):
            if place >= size:
                return place > size
            file.seek(place)
            end = named(file, place)
            if end is None or end <= place:
                return False
            place = end
    return False


def _end_of_box(file: BinaryIO, place: int) -> int | None:
    header = file.read(16)
    length = int.from_bytes(header[:4], 'big')
    if length == 1:
        length = int.from_bytes(header[8:], 'big')
    # 0: to the end of the file.
    return place + length if length >= 8 and header[4:8].isascii() else None


def _end_of_element(file: BinaryIO, place: int) -> int | None:
    header = file.read(12)
    if header[:4] not in (_EBML, _SEGMENT) or header[4] == 0:
        return None
    # The leading zero bits of the length give its number of bytes.
    count = 9 - header[4].bit_length()
    value = int.from_bytes(header[4 : 4 + count], 'big') & ((1 << 7 * count) - 1)
    # All ones: not known.
    return None if value == (1 << 7 * count) - 1 else place + 4 + count + value
