"""The raw gaze of DHF1K: `exportdata_train/P01/P01_Trail001.txt`, a file a viewer and video.

Facts and assumptions, from the data set's `record_mapping.m` and the files' headers: an SMI eye
tracker of 250 Hz on a screen of 1440 x 900 pixels; times in microseconds; the video starts with a
file's first sample, is shown in the middle of the screen as wide as it, and has 30 frames a second;
samples count whose event begins with F (Fixation), not saccades and blinks.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...utils.files import natural_key
from .places import inside, split_by_frame, to_video_pixels

SCREEN = (900, 1440)
VIDEO_SIZE = (360, 640)
FRAME_RATE = 30
_NAME = re.compile(r'(?P<viewer>.+)_Trail(?P<video>\d+)\.txt', re.IGNORECASE)
_COLUMNS = 'Time, L POR X [px], L POR Y [px] and L Event Info, or just time, x, y and event'


@dataclass(frozen=True)
class Recording:
    """What one viewer looked at during one video.

    Attributes:
        times: (n,) float64 microseconds since the first sample, of the samples in fixations.
        points: (n, 2) float64 y and x on the screen in pixels.
    """

    times: np.ndarray
    points: np.ndarray


def find_recordings(root: str | Path) -> dict[int, list[str]]:
    """The files of each video by its number, a file a viewer, in natural order."""
    found: dict[int, list[str]] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith('.')]
        for name in files:
            match = _NAME.fullmatch(name)
            if match:
                found.setdefault(int(match['video']), []).append(os.path.join(folder, name))
    return {video: sorted(found[video], key=natural_key) for video in sorted(found)}


def read_recording(path: str | Path) -> Recording:
    """Read one file, separated by tabs (or blanks, where it has the four columns only).

    Raises:
        DataError: no such columns, or a value that is no number; with the line's number.
    """
    start, times, points = None, [], []
    with open(path, encoding='utf-8', errors='replace') as file:
        header = file.readline()
        separator = '\t' if '\t' in header else None
        time, x, y, event, kind = _columns(path, header.strip('\r\n').split(separator))
        for number, line in enumerate(file, 2):
            cells = line.strip('\r\n').split(separator)
            # Messages of the experiment stand between the samples.
            if not line.strip() or (kind is not None and cells[kind : kind + 1] != ['SMP']):
                continue
            try:
                moment, at = float(cells[time]), (float(cells[y]), float(cells[x]))
                fixated = cells[event].strip().startswith('F')
            except (IndexError, ValueError) as error:
                raise DataError(f'{path}, line {number}: expected {_COLUMNS} ({error})') from None
            start = moment if start is None else start
            if fixated:
                times.append(moment - start)
                points.append(at)
    return Recording(np.array(times), np.array(points, np.float64).reshape(-1, 2))


def _columns(path: str | Path, header: list[str]) -> tuple[int, int, int, int, int | None]:
    """Where time, x, y, event and the type of line are."""
    if len(header) == 4:
        return 0, 1, 2, 3, None
    names = [name.strip().lower() for name in header]

    def at(*parts: str) -> int | None:
        return next((i for i, name in enumerate(names) if all(p in name for p in parts)), None)

    found = at('time'), at('por x'), at('por y'), at('event')
    if None in found:
        raise DataError(f'{path}, line 1: expected {_COLUMNS}; found {", ".join(names)}')
    return (*found, at('type'))


def count_frames(paths: list[str]) -> int:
    """Frames from the first to the last sample of the viewer who was recorded for longest.

    Raises:
        DataError: a file without samples.
    """
    return max(int(_duration(path) * FRAME_RATE / 1e6) + 1 for path in paths)


def _duration(path: str) -> float:
    """Microseconds from the first sample to the last; the middle of the file is not read."""
    with open(path, 'rb') as file:
        separator = b'\t' if b'\t' in file.readline() else None
        head = file.read(4096).splitlines()
        file.seek(max(0, os.path.getsize(path) - 4096))
        # The first line is the header or a part of one.
        tail = file.read().splitlines()[1:]

    def time_of(lines: list[bytes]) -> float:
        cells = (line.split(separator) for line in lines if line.strip())
        return next(float(row[0]) for row in cells if row[1:2] != [b'MSG'])

    try:
        return time_of(tail[::-1]) - time_of(head)
    except (StopIteration, ValueError):
        raise DataError(f'{path}: expected samples that start with a time') from None


def frame_points(
    recording: Recording, size: tuple[int, int], frames: int, outer_product: bool = False
) -> list[np.ndarray]:
    """Fixation points of one viewer in every frame.

    Args:
        recording: of the viewer.
        size: (H, W) of the video.
        frames: how many it has.
        outer_product: mark what `record_mapping.m` marks. It assigns to `map(ys, xs)`, which is
            every combination of a row and a column of the frame's samples, not the samples; and it
            rounds places, where a pixel is what they fall into, and leaves out samples at the very
            start of a frame.

    Returns:
        (n, 2) int64 y and x of each frame's fixations.
    """
    points = to_video_pixels(recording.points, size, SCREEN)
    moments = recording.times * FRAME_RATE / 1e6
    shown = np.floor(moments)
    if not outer_product:
        on = inside(points, size)
        return split_by_frame(np.floor(points[on]).astype(np.int64), shown[on].astype(int), frames)
    # Rounded, a half away from zero, and counted from 1; neither 0 nor the last is taken.
    points = np.floor(points + 0.5)
    on = ((points > 0) & (points < size)).all(1) & (shown != moments)
    marked = split_by_frame(points[on].astype(np.int64) - 1, shown[on].astype(int), frames)
    return [_combinations(each) for each in marked]


def _combinations(points: np.ndarray) -> np.ndarray:
    """Every row of the points with every column."""
    rows, columns = np.unique(points[:, 0]), np.unique(points[:, 1])
    return np.stack([np.repeat(rows, len(columns)), np.tile(columns, len(rows))], 1)
