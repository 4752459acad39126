"""Regions in a CSV file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from ....errors import ConfigError, DataError, reason_of
from ....utils.input_files import read_input_text
from ....utils.text import listed
from ..region import KeyFrame, Region
from ..shapes import Box, Outline, Shape, as_points, checked_number
from .found import FileOptions, entry, key_frame

BOX = ('x', 'y', 'width', 'height')
MOMENTS = ('frame', 'time_s')
EXPECTED = 'expected name, and x, y, width, height or points; frame or time_s for key frames'


def read_table(options: FileOptions) -> list[Region]:
    """Read a CSV file with the columns name and x,y,width,height, or points; frame or time_s.

    Points are `x y x y ...` in one cell. A key frame without numbers takes the region away.

    Raises:
        DataError: see `read_regions`.
    """
    keys: dict[str, list[KeyFrame]] = {}
    fixed: dict[str, Shape] = {}
    moment = ''
    for where, row in _rows(options):
        moment = next((name for name in MOMENTS if name in row), '')
        with entry(where):
            name, shape = row['name'], _shape(row)
            if not name:
                raise DataError('expected a name, got an empty cell')
            if not moment and shape is None:
                raise DataError(f'{name}: expected numbers, got empty cells')
            if not moment and name in fixed:
                raise DataError(f'two regions are called {name!r}; expected different names')
            if moment:
                key = key_frame(moment, row[moment], shape, options.first_frame)
                keys.setdefault(name, []).append(key)
            elif shape is not None:
                fixed[name] = shape
    if not keys and not fixed:
        raise DataError(f'{options.path}: holds no regions; {EXPECTED}')
    with entry(str(options.path)):
        return [Region(name, shape) for name, shape in fixed.items()] or [
            Region(name, each, options.hold) for name, each in keys.items()
        ]


def _rows(options: FileOptions) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row by its columns, and what a message calls it."""
    text = read_input_text(options.path)
    first = text.partition('\n')[0]
    rows = csv.reader(io.StringIO(text, newline=''), delimiter=max(',;\t', key=first.count))
    path = options.path
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        has_form = set(BOX) <= {*header} or 'points' in header
        if 'name' not in header or not has_form or len({*header}) < len(header):
            raise DataError(f'{path}, line 1: {EXPECTED}; found {listed(header, 20) or "nothing"}')
        if {*MOMENTS} <= {*header}:
            raise DataError(f'{path}, line 1: expected frame or time_s, found both')
        for row in rows:
            if not any(map(str.strip, row)):
                continue
            where = f'{path}, line {rows.line_num}'
            if len(row) != len(header):
                raise DataError(
                    f'{where}: expected {len(header)} values as in the header, got {len(row)}'
                )
            yield where, dict(zip(header, map(str.strip, row), strict=True))
    except csv.Error as error:
        raise DataError(f'{path}: cannot be read as a CSV file ({reason_of(error)})') from None


def _shape(row: dict[str, str]) -> Shape | None:
    """The form in a row; None where its cells are empty."""
    points = re.split(r'[\s,;]+', row['points']) if row.get('points') else []
    box = [row[name] for name in BOX if row.get(name)]
    if points and box:
        raise ConfigError('expected x, y, width, height or points, got both')
    if points:
        return Outline(as_points([checked_number('points', point) for point in points]))
    if box and len(box) < len(BOX):
        missing = next(name for name in BOX if not row.get(name))
        raise ConfigError(f'{missing} must be a number, got an empty cell')
    return Box(*(checked_number(name, row[name]) for name in BOX)) if box else None
