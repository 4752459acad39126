"""The one reader of gaze in CSV files, whoever recorded it."""

from __future__ import annotations

import codecs
import csv
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path, PureWindowsPath
from typing import TextIO

from ..errors import DataError, reason_of
from ..utils.input_files import open_input_file
from ..utils.text import listed
from .gaze_columns import (
    DURATION_COLUMNS,
    MOMENTS,
    OWN,
    PROGRAMS,
    TIME_COLUMNS,
    GazeColumns,
)

EXPECTED = (
    'expected video, x, y and one of frame, time_s and time_ms; observer and duration_s or '
    'duration_ms are optional'
)
# Hours of both eyes at 1000 Hz stay below; as do all columns that a tracker's program has.
MOST_BYTES = 1_000_000_000
MOST_LINE = 100_000
# What programs write where there is no number; whatever is not finite is none either.
MISSING = frozenset(('', '.', '-', '--', 'na', 'n/a', '#n/a', 'null', 'none'))
MARKS = {codecs.BOM_UTF8: 'utf-8-sig', codecs.BOM_UTF16_LE: 'utf-16', codecs.BOM_UTF16_BE: 'utf-16'}


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
        duration: seconds that a fixation lasts, from 0; None where the file does not say it.
    """

    where: str
    video: str
    y: float
    x: float
    frame: str | None
    seconds: float | None
    observer: str
    duration: float | None = None


class GazeFile:
    """The rows of a CSV file with a header that has video, x, y and frame, or a time.

    Args:
        path: the file, separated by commas, semicolons or tabs, in UTF-8, or UTF-16 with its mark.
            Where no comma separates values, it may be the decimal sign.
        file: the same, open.
        columns: what its columns are called.
        needed: more of them that must be there, such as `frame` and `observer`.

    Attributes:
        unit: which of `MOMENTS` the file has.
        duration: which of `DURATION_COLUMNS`; '' for none.

    Raises:
        DataError: no such columns, or two for one thing.
    """

    def __init__(
        self, path: str | Path, file: TextIO, columns: GazeColumns, needed: Sequence[str] = ()
    ) -> None:
        self._path, self._columns = path, columns
        lines = _lines(path, file)
        # SMI's programs put a few lines of comments first.
        self._before, first = 0, ''
        for first in lines:
            if first.strip() and not first.startswith('##'):
                break
            self._before += 1
        self._delimiter = max(',;\t', key=first.count)
        self._rows = csv.reader(chain([first], lines), delimiter=self._delimiter)
        header = next(self._rows, [])
        self._width = len(header)
        self._only, places = [], _places(header)
        for name, value in columns.only.items():
            self._only += [(index, value.casefold()) for index in places.get(name.casefold(), ())]
        at = {role: _find(self._where, header, role, columns) for role in columns.names}
        self.unit = next((name for name in MOMENTS if at.get(name)), '')
        self.duration = next((name for name in DURATION_COLUMNS if at.get(name)), '')
        lacking = [role for role in ('x', 'y', *needed) if not at.get(role)]
        if not self.unit or lacking or not (at.get('video') or columns.video):
            raise DataError(f'{self._where}: {_expected(columns, needed)}; {_found(header)}')
        if len(at['x']) != len(at['y']):
            raise DataError(f'{self._where}: its columns for x and y do not pair up')
        self._pairs = list(zip(at['y'], at['x'], strict=True))
        self._single = {
            role: at[role][0]
            for role in ('video', self.unit, self.duration, 'observer')
            if at.get(role)
        }
        chosen = header[self._single[self.unit]].strip().casefold()
        self._is_since_recording = chosen in map(str.casefold, columns.since_recording)

    @property
    def _where(self) -> str:
        return f'{self._path}, line {self._before + max(1, self._rows.line_num)}'

    def __iter__(self) -> Iterator[GazeRow]:
        used = {*self._single.values(), *chain(*self._pairs)}
        is_export = self._columns.program != ''
        self._end_showing()
        for row in self._rows:
            if not any(map(str.strip, row)) or any(
                row[index].strip().casefold() != value
                for index, value in self._only
                if index < len(row)
            ):
                continue
            if len(row) < self._width or any(map(str.strip, row[self._width :])):
                raise DataError(
                    f'{self._where}: expected {self._width} values as in the header, got {len(row)}'
                )
            if not any(row[index].strip() for index in used):
                continue
            cell = {role: row[index].strip() for role, index in self._single.items()}
            video = cell.get('video', self._columns.video)
            if is_export:
                # Rows between two videos, and of events.
                if video.casefold() in MISSING:
                    self._end_showing()
                    continue
                if cell[self.unit].casefold() in MISSING:
                    continue
                # The file's name: these programs may write where it was.
                video = PureWindowsPath(video).name
            # Outputs are called after it.
            if Path(video).name in ('', '..') or '\0' in video:
                raise DataError(f'{self._where}: the video has no name, but {video!r}')
            y, x = self._point(row)
            observer, moment = cell.get('observer', ''), cell[self.unit]
            lasts = self._duration(cell[self.duration]) if self.duration else None
            if self.unit == 'frame':
                yield GazeRow(self._where, video, y, x, moment, None, observer, lasts)
            else:
                seconds = self._seconds(moment, video, observer)
                yield GazeRow(self._where, video, y, x, None, seconds, observer, lasts)

    def _end_showing(self) -> None:
        self._showing: tuple[str, str] | None = None
        self._start = self._last = 0.0

    def _point(self, row: Sequence[str]) -> tuple[float, float]:
        """The first pair of coordinates that is there."""
        for pair in self._pairs:
            y, x = (self._number(row[i], axis) for i, axis in zip(pair, 'yx', strict=True))
            is_lost = x == y == 0 and self._columns.zeros_are_lost
            if not is_lost and not math.isnan(y + x):
                return (1 - y if self._columns.from_bottom else y), x
        return math.nan, math.nan

    def _seconds(self, text: str, video: str, observer: str) -> float:
        """The time in a cell, from the start of the video."""
        seconds = self._number(text, self.unit) * TIME_COLUMNS[self.unit]
        if math.isnan(seconds):
            raise DataError(f'{self._where}: {self.unit} must be a number, got {text!r}')
        if not self._is_since_recording:
            return seconds
        # Time that runs backward is that of another recording.
        if self._showing != (video, observer) or seconds < self._last:
            self._showing, self._start = (video, observer), seconds
        self._last = seconds
        return seconds - self._start

    def _duration(self, text: str) -> float:
        """The duration in a cell, in seconds."""
        seconds = self._number(text, self.duration) * DURATION_COLUMNS[self.duration]
        if not seconds >= 0:
            raise DataError(f'{self._where}: {self.duration} must be a number from 0, got {text!r}')
        return seconds

    def _number(self, text: str, name: str) -> float:
        """The number in a cell, NaN where there is none."""
        text = text.strip()
        if text.casefold() in MISSING:
            return math.nan
        try:
            value = float(text if self._delimiter == ',' else text.replace(',', '.'))
        except ValueError:
            raise DataError(f'{self._where}: {name} must be a number, got {text!r}') from None
        return value if math.isfinite(value) else math.nan


@contextmanager
def open_gaze_file(path: str | Path) -> Iterator[TextIO]:
    """A regular file as text, by its mark; what is none is a DataError."""
    with open_input_file(path, most_bytes=MOST_BYTES) as content:
        start = content.read(4)
        content.seek(0)
        encoding = next((each for mark, each in MARKS.items() if start.startswith(mark)), 'utf-8')
        try:
            yield io.TextIOWrapper(content, encoding, newline='')
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f'{path}: cannot be read as a CSV file ({reason_of(error)})') from error


def _lines(path: str | Path, file: TextIO) -> Iterator[str]:
    for number in count(1):
        line = file.readline(MOST_LINE + 1)
        if not line:
            return
        if len(line) > MOST_LINE:
            raise DataError(f'{path}, line {number}: has more than {MOST_LINE:,} characters')
        if '\0' in line:
            raise DataError(
                f'{path}, line {number}: holds a null byte; expected text in UTF-8, or UTF-16 with '
                'its mark'
            )
        yield line


def _places(header: Sequence[str]) -> dict[str, list[int]]:
    """Where each name stands. Micro and mu are one sign in lower case."""
    places: dict[str, list[int]] = {}
    for index, name in enumerate(header):
        places.setdefault(name.strip().casefold(), []).append(index)
    return places


def _find(where: str, header: Sequence[str], role: str, columns: GazeColumns) -> list[int]:
    """The columns for what a role stands for."""
    places, names = _places(header), columns.names[role]
    found = [places.get(name.casefold(), []) for name in names]
    at = [each[0] for each in found if each]
    # A program's export may have both eyes; of salkit's own names, each is one thing.
    twice = next((each for each in found if len(each) > 1), at if names == OWN.names[role] else [])
    if len(twice) > 1:
        both = ' and '.join(repr(header[index].strip()) for index in twice[:2])
        raise DataError(f'{where}: two columns for {role}: {both}; which is meant?')
    return at


def _expected(columns: GazeColumns, needed: Sequence[str]) -> str:
    if not columns.program:
        return EXPECTED + (f', with {" and ".join(needed)}' if needed else '')
    whose = f'of {columns.program}' if columns.program in PROGRAMS else 'as --columns says'
    roles = [role for role in ('video', 'x', 'y') if role in columns.names]
    parts = [' or '.join(columns.names[role]) for role in roles]
    parts.append(' or '.join(chain(*(columns.names.get(name, ()) for name in MOMENTS))))
    return f'expected columns {whose}: {"; ".join(parts)}'


def _found(header: Sequence[str]) -> str:
    names = {name.strip().casefold() for name in header}
    text = f'found {listed([name.strip() for name in header], 20) or "nothing"}'
    for program, columns in PROGRAMS.items():
        if names & {name.casefold() for name in columns.names['x']}:
            return f'{text} (an export of {program}? --columns {program})'
    return text


def read_gaze_rows(
    path: str | Path, needed: Sequence[str] = (), columns: GazeColumns = OWN
) -> Iterator[GazeRow]:
    """Read the rows of a gaze file, see `GazeFile`.

    Raises:
        DataError: no such file, no such columns, or a value that is none; with the line's number.
    """
    with open_gaze_file(path) as file:
        yield from GazeFile(path, file, columns, needed)
