"""Reports as tables: in notebooks, and as pandas frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

Record = dict[str, object]


class Tabular:
    """What has rows: shown as a table by notebooks, and given to pandas where it is installed."""

    @abstractmethod
    def records(self) -> Sequence[Record]:
        """The rows, each a dict of the same keys: the names of the columns."""

    def to_frame(self) -> pd.DataFrame:
        """The rows as a pandas frame.

        Raises:
            ConfigError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ConfigError('to_frame needs pandas: pip install pandas') from error
        return pd.DataFrame.from_records(list(self.records()))

    def _repr_html_(self) -> str:
        records = self.records()
        head = ''.join(f'<th>{escape(str(name))}</th>' for name in (records[0] if records else ()))
        rows = ''.join(
            f'<tr>{"".join(f"<td>{escape(_cell(value))}</td>" for value in record.values())}</tr>'
            for record in records
        )
        return f'<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _cell(value: object) -> str:
    if value is None:
        return ''
    return f'{value:.4g}' if isinstance(value, float) else str(value)
