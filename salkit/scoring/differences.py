"""What a comparison of score files holds, and how it reads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..types import with_unit
from ..utils.tabular import Record, Tabular
from ..utils.text import aligned

SIGNIFICANT = 0.05
HEADER = ('', 'better', 'difference', '95 % interval', 'p', 'p Holm', 'videos', 'verdict')


@dataclass(frozen=True)
class Difference:
    """One metric of one file against the reference.

    Attributes:
        protocol: that both were scored under.
        metric: its name.
        other: name of the file compared with the reference.
        better: 'higher' or 'lower', which values of the metric are the better ones.
        videos: names of the pairs, sorted.
        left_out: pairs without a value on one side, in none of the numbers.
        reference_scores, other_scores: (N,) scores in the order of `videos`.
        low, high: 95 % bootstrap interval of the mean difference; NaN below 2 videos.
        p: of the paired permutation test; NaN below 2 videos.
        p_holm: `p`, corrected for all tests under the protocol.
    """

    protocol: str
    metric: str
    other: str
    better: str
    videos: tuple[str, ...]
    left_out: int
    reference_scores: np.ndarray
    other_scores: np.ndarray
    low: float
    high: float
    p: float
    p_holm: float = math.nan

    @property
    def reference_mean(self) -> float:
        """Mean over the pairs' videos of the reference."""
        return _mean(self.reference_scores)

    @property
    def other_mean(self) -> float:
        """Mean over the pairs' videos of the other file."""
        return _mean(self.other_scores)

    @property
    def difference(self) -> float:
        """Mean of other - reference."""
        return _mean(self.other_scores - self.reference_scores)

    @property
    def verdict(self) -> str:
        """'better' or 'worse' (the other file) where the corrected p is below 0.05, else ''."""
        # A NaN is not below anything.
        if not self.p_holm < SIGNIFICANT or self.difference == 0:
            return ''
        return 'better' if (self.difference > 0) == (self.better == 'higher') else 'worse'

    def to_json(self) -> dict[str, object]:
        """Plain values; undefined ones are None."""
        names = (
            *('protocol', 'metric', 'other', 'better', 'videos', 'left_out', 'reference_mean'),
            *('other_mean', 'difference', 'low', 'high', 'p', 'p_holm', 'verdict'),
        )
        content = {name: getattr(self, name) for name in names} | {'videos': len(self.videos)}
        undefined = (k for k, v in content.items() if isinstance(v, float) and math.isnan(v))
        return content | dict.fromkeys(undefined)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan


@dataclass(frozen=True)
class Comparison(Tabular):
    """What `compare` gives.

    Attributes:
        reference: name of the file that the others are compared with.
        others: their names.
        differences: one a protocol, other file and metric.
        subjects: by protocol, what was scored.
        warnings: what the reader should know, a line each.
        settings: how the numbers were made.
    """

    reference: str
    others: tuple[str, ...]
    differences: tuple[Difference, ...]
    subjects: dict[str, str]
    warnings: tuple[str, ...]
    settings: dict[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return dict(
            reference=self.reference,
            others=list(self.others),
            settings=self.settings,
            subjects=self.subjects,
            warnings=list(self.warnings),
            differences=self.records(),
        )

    @property
    def headline(self) -> str:
        """What is compared with what, in a line."""
        subjects = '; '.join(f'protocol {name}, {of}' for name, of in self.subjects.items())
        return f'{", ".join(self.others)} - {self.reference}: {subjects}'

    @property
    def remarks(self) -> list[str]:
        """The warnings, and what the columns are."""
        return [*self.warnings, *self._legend]

    def records(self) -> list[Record]:
        """A row for each protocol, other file and metric; undefined numbers are None."""
        return [difference.to_json() for difference in self.differences]

    def format(self) -> str:
        """The comparison as aligned text, a table for each protocol and other file."""
        blocks = []
        for protocol, other in itertools.product(self.subjects, self.others):
            rows = [d for d in self.differences if (d.protocol, d.other) == (protocol, other)]
            title = f'protocol {protocol}, {self.subjects[protocol]}: {other} - {self.reference}'
            blocks.append('\n'.join([title, *self._table(rows, other)]))
        return '\n\n'.join([*blocks, '\n'.join(self._legend)])

    @property
    def _legend(self) -> list[str]:
        tests = sum(
            not math.isnan(d.p) and d.protocol == next(iter(self.subjects))
            for d in self.differences
        )
        others = 'the other file' if len(self.others) > 1 else self.others[0]
        return [
            f'difference: {others} - {self.reference}, mean over videos, with its 95 % bootstrap '
            'interval over videos',
            f'p: paired sign-flip test; p Holm: corrected for the {tests} tests of a protocol; '
            f'verdict where p Holm < {SIGNIFICANT}',
        ]

    def _table(self, rows: Sequence[Difference], other: str) -> list[str]:
        cells = [[*HEADER[:2], self.reference, other, *HEADER[2:]]]
        for row in rows:
            low, high, change = (f'{v:+.4f}' for v in (row.low, row.high, row.difference))
            if math.isnan(row.low):
                interval, p, p_holm = '-', '-', '-'
            else:
                interval, p, p_holm = f'[{low}, {high}]', f'{row.p:.4f}', f'{row.p_holm:.4f}'
            means = [f'{row.reference_mean:.4f}', f'{row.other_mean:.4f}']
            count = f'{len(row.videos)}' + (f' (-{row.left_out})' if row.left_out else '')
            named = [with_unit(row.metric), row.better]
            cells.append([*named, *means, change, interval, p, p_holm, count, row.verdict])
        return aligned(cells, left=(0, 1, 9))
