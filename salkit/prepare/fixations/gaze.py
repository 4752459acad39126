"""Gaze on videos, as files have it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...media.gaze_csv import GazeFile, GazeRow, open_gaze_file
from ..options import GazeReading

# Share of the samples that may look like another unit.
MOST_WRONG = 0.5
# Samples that may happen to lie together.
FEW = 10
# Whole numbers up to here are exact in a float.
LARGEST = 2**53


@dataclass(frozen=True)
class Gaze:
    """Gaze samples or fixations on one video.

    Attributes:
        video: its name.
        points: (n, 2) float64 y and x as in the file, from the top; NaN where the eye was lost.
        moments: (n,) int64 frames counted from 0; or float64 seconds from the start of the video.
        durations: (n,) float64 seconds that each fixation lasts from its moment on; None for
            samples, which are on one frame.
        unit: what moments are in the file: 'frame', 'time_s', 'time_ms', ...
    """

    video: str
    points: np.ndarray
    moments: np.ndarray
    unit: str = 'time_s'
    durations: np.ndarray | None = None
    observers: np.ndarray | None = None

    @property
    def is_timed(self) -> bool:
        """Whether moments are seconds."""
        return self.moments.dtype.kind == 'f'


def read_gaze_csv(path: str | Path, reading: GazeReading | None = None) -> dict[str, Gaze]:
    """Read the gaze on each video, see `GazeFile`.

    Args:
        path: the file.
        reading: what its columns and numbers mean.

    Returns:
        Gaze by video, in the order that videos appear in.

    Raises:
        DataError: a file that cannot be read, holds no gaze, or shares where pixels are meant, or
            the reverse.
    """
    reading = reading or GazeReading()
    first_frame = reading.layout.first_frame
    if first_frame is None:
        first_frame = reading.first_frame
    # y, x, moment, duration and observer of each sample.
    found: dict[str, array[float]] = {}
    observers: dict[str, int] = {}
    with open_gaze_file(path) as file:
        rows = GazeFile(path, file, reading.layout)
        for row in rows:
            moment = _frame(row, first_frame) if row.seconds is None else row.seconds
            who = observers.setdefault(row.observer, len(observers))
            sample = row.y, row.x, moment, row.duration or 0, who
            found.setdefault(row.video, array('d')).extend(sample)
    if not found:
        raise DataError(f'{path}: holds no gaze')
    # Objects: texts of one width would make every sample as large as the longest name.
    gaze, names = {}, np.array(list(observers), object)
    for video, samples in found.items():
        table = np.array(samples).reshape(-1, 5)
        points, moments, durations = table[:, :2].copy(), table[:, 2].copy(), table[:, 3].copy()
        if rows.unit == 'frame':
            moments = moments.astype(np.int64)
        lasts = durations if rows.duration else None
        looked = names[table[:, 4].astype(int)]
        gaze[video] = Gaze(video, points, moments, rows.unit, lasts, looked)
    points = np.concatenate([each.points for each in gaze.values()])
    _check_shares(path, points, reading.in_shares)
    if reading.drop_zeros:
        for each in gaze.values():
            each.points[(each.points == 0).all(1)] = np.nan
    return gaze


def zeros_warning(gaze: Iterable[Gaze]) -> list[str]:
    """A warning where samples are exactly (0, 0), a corner that nobody looks at."""
    points = np.concatenate([each.points for each in gaze])
    zeros = int((points == 0).all(1).sum())
    if not zeros:
        return []
    return [
        f'{zeros} of {len(points)} samples ({zeros / len(points):.0%}) are exactly '
        '(0, 0), as some programs write a lost eye; --drop-zeros leaves them out'
    ]


def _frame(row: GazeRow, first_frame: int) -> int:
    try:
        # Some programs write 12.0, and files are called 0012.
        value = float((row.frame or '').replace(',', '.'))
        frame = int(value)
        if frame != value or abs(frame) > LARGEST:
            raise ValueError
    except (ValueError, OverflowError):
        raise DataError(f'{row.where}: frame must be a whole number, got {row.frame!r}') from None
    if frame < first_frame:
        hint = '; --first-frame 0 where the file counts from 0' if frame == 0 else ''
        raise DataError(f'{row.where}: frame {frame}, but frames count from {first_frame}{hint}')
    return frame - first_frame


def _check_shares(path: str | Path, points: np.ndarray, in_shares: bool) -> None:
    """Raise DataError where shares of width and height are taken for pixels, or the reverse."""
    # A lost eye may have been written as (0, 0), which is both.
    points = points[np.isfinite(points).all(1) & (points != 0).any(1)]
    # Gaze may be recorded somewhat beside the screen.
    near = (np.abs(points) <= 2).all(1)
    # Nobody looks at four pixels alone for long.
    is_unit = len(points) >= FEW and bool(((points >= 0) & (points <= 1)).all())
    shares = near & (is_unit | (points % 1 != 0).any(1))
    wrong = int((~near if in_shares else shares).sum())
    if wrong <= MOST_WRONG * len(points):
        return
    y, x = points[~near if in_shares else shares][0]
    what = f'{path}: {wrong} of {len(points)} samples are '
    if in_shares:
        what += 'no shares of width and height, from 0 to 1; pixels need no --normalized'
    else:
        what += 'shares of width and height, from 0 to 1, which need --normalized'
    raise DataError(f'{what} (the first: x {x:g}, y {y:g})')
