"""The one reader of gaze in CSV files, whoever recorded it."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError

# Seconds in a unit.
TIME_COLUMNS = {'time_s': 1.0, 'time_ms': 1e-3}
# Columns may be named as those of a matrix.
ALIASES = {'col': 'x', 'row': 'y'}
EXPECTED = 'expected video, x, y and one of frame, time_s and time_ms; observer is optional'


@dataclass(frozen=True)
class GazeRow:
    """One row of the file.

    Attributes:
        where: file and line, for messages.
        video: name of the video, never empty.
        y: as in the file; NaN where the eye was lost.
        x: as in the file; NaN where the eye was lost.
        frame: the frame as it is written; None where a time is given.
        seconds: from the start of the video; None where a frame is given.
        observer: '' where the file has no such column.
    """

    where: str
    video: str
    y: float
    x: float
    frame: str | None
    seconds: float | None
    observer: str


@dataclass(frozen=True)
class Gaze:
    """Gaze samples or fixations on one video.

    Attributes:
        video: its name.
        points: (n, 2) float64 y and x as in the file; NaN where the eye was lost.
        moments: (n,) int64 frames counted from 0; or float64 seconds from the start of the video.
    """

    video: str
    points: np.ndarray
    moments: np.ndarray

    @property
    def is_timed(self) -> bool:
        """Whether moments are seconds."""
        return self.moments.dtype.kind == 'f'


def read_gaze_rows(path: str | Path, needed: Sequence[str] = ()) -> Iterator[GazeRow]:
    """Read a CSV file with a header that has video, x, y and frame, time_s or time_ms.

    Other columns are left alone, but for `observer`; `row` and `col` stand for y and x as well. An
    empty or NaN coordinate is an eye that was lost.

    Args:
        path: the file, separated by commas, semicolons or tabs.
        needed: more columns that must be there, such as `frame` and `observer`.

    Raises:
        DataError: no such file, no such columns, or a value that is none; with the line's number.
    """
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            first = file.readline()
            file.seek(0)
            rows = csv.DictReader(file, delimiter=max(',;\t', key=first.count))
            names = [name.strip().lower() for name in rows.fieldnames or ()]
            rows.fieldnames = [ALIASES.get(name, name) for name in names]
            when = next((name for name in ('frame', *TIME_COLUMNS) if name in names), None)
            if when is None or not {'video', 'x', 'y', *needed} <= {*rows.fieldnames}:
                also = f', with {" and ".join(needed)}' if needed else ''
                found = ', '.join(names) or 'nothing'
                raise DataError(f'{path}, line 1: {EXPECTED}{also}; found {found}')
            used = {'video', 'x', 'y', when, 'observer'} & {*rows.fieldnames}
            for row in rows:
                where = f'{path}, line {rows.line_num}'
                cell = {name: row[name] for name in used}
                if None in cell.values():
                    raise DataError(f'{where}: expected {len(names)} values as in the header')
                cell = {name: text.strip() for name, text in cell.items()}
                if any(cell.values()):
                    yield _row(where, cell, when)
    except FileNotFoundError:
        raise DataError(f'{path}: the file does not exist') from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f'{path}: cannot be read as a CSV file ({error})') from error


def _row(where: str, cell: dict[str, str], when: str) -> GazeRow:
    if not cell['video']:
        raise DataError(f'{where}: the video has no name')
    return GazeRow(
        where,
        cell['video'],
        _number(cell, 'y', where, lost=True),
        _number(cell, 'x', where, lost=True),
        cell['frame'] if when == 'frame' else None,
        None if when == 'frame' else _number(cell, when, where) * TIME_COLUMNS[when],
        cell.get('observer', ''),
    )


def _number(cell: dict[str, str], name: str, where: str, lost: bool = False) -> float:
    if lost and not cell[name]:
        return math.nan
    try:
        value = float(cell[name])
    except ValueError:
        value = math.inf
    if math.isinf(value) or (math.isnan(value) and not lost):
        raise DataError(f'{where}: {name} must be a number, got {cell[name]!r}')
    return value


def read_gaze_csv(path: str | Path, first_frame: int = 1) -> dict[str, Gaze]:
    """Read the gaze on each video, see `read_gaze_rows`.

    Args:
        path: the file.
        first_frame: what the file calls a video's first frame: 1, as file names count, or 0.

    Returns:
        Gaze by video, in the order that videos appear in.

    Raises:
        DataError: a file that cannot be read, or holds no gaze.
    """
    found: dict[str, list[GazeRow]] = {}
    for row in read_gaze_rows(path):
        found.setdefault(row.video, []).append(row)
    if not found:
        raise DataError(f'{path}: holds no gaze')
    gaze = {}
    for video, rows in found.items():
        points = np.array([(row.y, row.x) for row in rows], np.float64)
        moments = [_frame(row, first_frame) if row.seconds is None else row.seconds for row in rows]
        gaze[video] = Gaze(video, points, np.array(moments))
    return gaze


def _frame(row: GazeRow, first_frame: int) -> int:
    try:
        # Some programs write 12.0, and files are called 0012.
        value = float(row.frame or '')
        frame = int(value)
        if frame != value:
            raise ValueError
    except (ValueError, OverflowError):
        raise DataError(f'{row.where}: frame must be a whole number, got {row.frame!r}') from None
    if frame < first_frame:
        hint = '; --first-frame 0 where the file counts from 0' if frame == 0 else ''
        raise DataError(f'{row.where}: frame {frame}, but frames count from {first_frame}{hint}')
    return frame - first_frame
