"""Gaze in a CSV file, whoever recorded it."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import ConfigError, DataError
from .places import frames_at, inside, split_by_frame, to_video_pixels

# Seconds in a unit.
TIME_COLUMNS = {'time_s': 1.0, 'time_ms': 1e-3}
# Of a file that names its columns as a file of observers for `salkit baseline` does.
ALIASES = {'col': 'x', 'row': 'y'}
EXPECTED = 'expected video, x, y and one of frame, time_s and time_ms; observer is optional'


@dataclass(frozen=True)
class Gaze:
    """Gaze samples or fixations on one video.

    Attributes:
        video: its name.
        points: (n, 2) float64 y and x as in the file; NaN where the eye was lost.
        frames: (n,) int64 counted from 0, or None where times are given.
        times: (n,) float64 seconds from the start of the video, or None.
        observers: (n,) names; empty ones where the file has no such column.
    """

    video: str
    points: np.ndarray
    frames: np.ndarray | None
    times: np.ndarray | None
    observers: np.ndarray


def read_gaze_csv(path: str | Path, first_frame: int = 1) -> dict[str, Gaze]:
    """Read a CSV file with a header that has video, x, y and frame, time_s or time_ms.

    Other columns are left alone, but for `observer`; `row` and `col` stand for y and x as well. An
    empty or NaN coordinate is an eye that was lost.

    Args:
        path: the file, separated by commas, semicolons or tabs.
        first_frame: what the file calls a video's first frame: 1, as file names count, or 0.

    Returns:
        Gaze by video, in the order that videos appear in.

    Raises:
        DataError: no such file, no such columns, or a value that is none; with the line's number.
    """
    found: dict[str, list[tuple]] = {}
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(',;\t', key=first.count)
            rows = csv.reader(file, delimiter=delimiter)
            columns, when = _columns(path, next(rows, []))
            for number, row in _numbered(rows):
                where = f'{path}, line {number}'
                if len(row) <= max(columns.values()):
                    raise DataError(
                        f'{where}: {len(row)} values, but the header has columns up to '
                        f'{max(columns.values()) + 1}'
                    )
                cell = {name: row[at].strip() for name, at in columns.items()}
                if not cell['video']:
                    raise DataError(f'{where}: the video has no name')
                sample = (
                    _number(cell['y'], 'y', where, lost=True),
                    _number(cell['x'], 'x', where, lost=True),
                    _frame(cell['frame'], first_frame, where)
                    if when == 'frame'
                    else _number(cell[when], when, where) * TIME_COLUMNS[when],
                    cell.get('observer', ''),
                )
                found.setdefault(cell['video'], []).append(sample)
    except FileNotFoundError:
        raise DataError(f'{path}: the file does not exist') from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f'{path}: cannot be read as a CSV file ({error})') from error
    if not found:
        raise DataError(f'{path}: holds no gaze')
    return {video: _gaze(video, samples, when) for video, samples in found.items()}


def _columns(path: str | Path, header: list[str]) -> tuple[dict[str, int], str]:
    """Where each column is, and which one says when."""
    names = [name.strip().lower() for name in header]
    at = {ALIASES.get(name, name): i for i, name in enumerate(names)}
    when = [name for name in ('frame', *TIME_COLUMNS) if name in at]
    if not {'video', 'x', 'y'} <= at.keys() or not when:
        raise DataError(f'{path}, line 1: {EXPECTED}; found {", ".join(names) or "nothing"}')
    wanted = ('video', 'x', 'y', when[0], 'observer')
    return {name: at[name] for name in wanted if name in at}, when[0]


def _numbered(rows) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the numbers of their lines."""
    for row in rows:
        if any(cell.strip() for cell in row):
            yield rows.line_num, row


def _number(text: str, name: str, where: str, lost: bool = False) -> float:
    if lost and not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        raise DataError(f'{where}: {name} is no number: {text!r}') from None
    if math.isinf(value) or (math.isnan(value) and not lost):
        raise DataError(f'{where}: {name} is no number: {text!r}')
    return value


def _frame(text: str, first_frame: int, where: str) -> int:
    try:
        # Some programs write 12.0, and files are called 0012.
        value = float(text)
        frame = int(value)
        if frame != value:
            raise ValueError
    except (ValueError, OverflowError):
        raise DataError(f'{where}: frame is no whole number: {text!r}') from None
    if frame < first_frame:
        hint = '; --first-frame 0 where the file counts from 0' if frame == 0 else ''
        raise DataError(f'{where}: frame {frame}, but frames count from {first_frame}{hint}')
    return frame - first_frame


def _gaze(video: str, samples: list[tuple], when: str) -> Gaze:
    y, x, moments, observers = zip(*samples, strict=True)
    by_frame = when == 'frame'
    return Gaze(
        video,
        np.stack([y, x], 1).astype(np.float64),
        np.array(moments, np.int64) if by_frame else None,
        None if by_frame else np.array(moments, np.float64),
        np.array(observers),
    )


def fixation_points(
    gaze: Gaze,
    size: tuple[int, int],
    frames: int | None = None,
    clock: float | np.ndarray | None = None,
    screen: tuple[int, int] | None = None,
    normalized: bool = False,
) -> tuple[list[np.ndarray], int]:
    """Fixation points of every frame of a video.

    Args:
        gaze: what was recorded.
        size: (H, W) of the video.
        frames: how many frames it has; by default the last that was looked at is its last.
        clock: frames per second or the time of each frame, see `frames_at`; needed for times.
        screen: see `to_video_pixels`.
        normalized: see `to_video_pixels`.

    Returns:
        (n, 2) int64 y and x of each frame's fixations, and how many samples were left out: the eye
        was lost, or looked beside the video, before it or after it.

    Raises:
        ConfigError: times without a clock.
        DataError: not a single sample lies on the video.
    """
    moments = gaze.frames
    if moments is None:
        if clock is None:
            raise ConfigError(
                f'{gaze.video}: gaze is given by time; the frame rate (--fps) or the videos '
                '(--videos) tell which frame that is'
            )
        moments = frames_at(gaze.times, clock)
    points = to_video_pixels(gaze.points, size, screen, normalized)
    on = inside(points, size) & (moments >= 0)
    if frames is not None:
        on &= moments < frames
    if not on.any():
        length = '' if frames is None else f' and {frames} frames'
        raise DataError(
            f'{gaze.video}: none of its {len(points)} samples lies on the video of {size[0]} rows, '
            f'{size[1]} columns{length}; the first, as read, is at row {points[0, 0]:.4g}, column '
            f'{points[0, 1]:.4g} of frame {moments[0] + 1} (--screen, --normalized, --first-frame)'
        )
    count = frames if frames is not None else int(moments[on].max()) + 1
    found = split_by_frame(np.floor(points[on]).astype(np.int64), moments[on], count)
    return found, int((~on).sum())
