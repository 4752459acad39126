"""Reports as tables: in notebooks, and as pandas frames."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from html import escape
from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar

from ..errors import ConfigError, printable

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

Record = dict[str, object]
# Rows that a notebook shows.
MOST_ROWS = 40


class Tabular:
    """What has rows: notebooks show it as a table, pandas takes it as a frame.

    Its repr is a line, that of dataclasses too.

    Attributes:
        columns: those that a frame has even where there are no rows.
    """

    columns: ClassVar[Sequence[str]] = ()

    def __init_subclass__(cls, **arguments: object) -> None:
        super().__init_subclass__(**arguments)
        if '__repr__' not in vars(cls):
            # A dataclass would write all its fields, a page where they are those of every video.
            cls.__repr__ = Tabular.__repr__  # type: ignore[method-assign]

    @abstractmethod
    def records(self) -> Sequence[Record]:
        """The rows, each a dict from the name of a column to its value."""

    @property
    def headline(self) -> str:
        """What it is, in a line."""
        return f'{len(self.records())} rows'

    @property
    def remarks(self) -> Sequence[str]:
        """What a reader should know beside the rows."""
        return ()

    def to_frame(self) -> pd.DataFrame:
        """The rows as a pandas frame.

        Raises:
            ConfigError: pandas is not installed.
        """
        return frame_of(self.records(), self.columns)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({printable(self.headline)})'

    def _repr_html_(self) -> str:
        paragraphs = [f'<p><b>{as_html(self.headline)}</b></p>', table_of(self.records())]
        paragraphs += [f'<p>{as_html(remark)}</p>' for remark in self.remarks]
        return '\n'.join(filter(None, paragraphs))


def frame_of(records: Iterable[Record], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Rows as a pandas frame.

    Args:
        records: the rows.
        columns: those of a frame without rows.

    Raises:
        ConfigError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ConfigError('to_frame needs pandas: pip install pandas') from error
    rows = list(records)
    return pd.DataFrame.from_records(rows) if rows else pd.DataFrame(columns=list(columns))


def table_of(records: Sequence[Record]) -> str:
    """Rows as a table of HTML, the first `MOST_ROWS` of them; '' where there are none."""
    names = list(dict.fromkeys(name for record in records for name in record))
    if not names:
        return ''
    shown = records[:MOST_ROWS]
    words = {name for name in names if any(isinstance(row.get(name), str) for row in shown)}

    def cell(tag: str, name: str, text: str) -> str:
        side = 'left' if name in words else 'right'
        return f'<{tag} style="text-align: {side}">{as_html(text)}</{tag}>'

    head = ''.join(cell('th', name, name) for name in names)
    rows = [''.join(cell('td', name, shown_as(row.get(name))) for name in names) for row in shown]
    body = ''.join(f'<tr>{row}</tr>' for row in rows)
    table = f'<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    if len(records) > len(shown):
        table += f'\n<p>and {len(records) - len(shown):,} more rows: to_frame() has them all</p>'
    return table


def shown_as(value: object) -> str:
    """A value for a reader: a dash for none, four decimals where that says enough."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return '-'
    if isinstance(value, (str, bool)):
        return str(value)
    if isinstance(value, Integral):
        return f'{int(value):,}'
    if isinstance(value, Real):
        number = float(value)
        return f'{number:.4f}' if number == 0 or 1e-3 <= abs(number) < 1e3 else f'{number:.4g}'
    if isinstance(value, dict):
        return ', '.join(f'{key}: {shown_as(each)}' for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return ', '.join(map(shown_as, value))
    return str(value)


def as_html(text: str) -> str:
    """Text of anybody's as HTML that shows it and does nothing else."""
    return escape(printable(text))
