"""What a check found, for a terminal and for programs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from itertools import zip_longest
from pathlib import Path

from ...utils.tabular import Record, Tabular
from ...utils.text import aligned
from .faults import ERROR, KINDS, WARNING, Fault, Faults

COLUMNS = ('videos', 'frames', 'density maps', 'fixation maps')


@dataclass
class CheckReport(Tabular):
    """What a check found.

    Attributes:
        root: of the data set.
        dataset: name of the public data set that it was compared with, or None.
        faults: all of them, by kind.
        counts: numbers of 'videos', 'frames', 'density maps', 'fixation maps' by split.
        notes: what is not a fault but should be known.
        checked: number of videos that were looked at.
        videos: number of videos that there are.
        quick: whether only a sample of the frames was read.
        strict: whether warnings count as errors.
    """

    root: Path
    dataset: str | None = None
    faults: Faults = field(default_factory=Faults)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    checked: int = 0
    videos: int = 0
    quick: bool = False
    strict: bool = False
    columns = (*(each.name for each in fields(Fault)), 'message')

    @property
    def complete(self) -> bool:
        """Whether every video was looked at: an interrupted check has some left."""
        return self.checked == self.videos

    @property
    def errors(self) -> list[Fault]:
        """Faults that make the data set unfit."""
        return [fault for fault in self.faults if fault.severity == ERROR]

    @property
    def warnings(self) -> list[Fault]:
        """Faults that one may live with."""
        return [fault for fault in self.faults if fault.severity == WARNING]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings count only if `strict`."""
        return not (self.faults if self.strict else self.errors)

    def to_json(self) -> dict[str, object]:
        """Everything as plain values."""
        return dict(
            root=str(self.root),
            ok=self.ok,
            complete=self.complete,
            quick=self.quick,
            videos=self.videos,
            checked=self.checked,
            dataset=self.dataset,
            counts=self.counts,
            errors=len(self.errors),
            warnings=len(self.warnings),
            by_kind=dict(Counter(fault.kind for fault in self.faults)),
            notes=self.notes,
            faults=self.records(),
        )

    def records(self) -> list[Record]:
        """A row for each fault."""
        return [dict(vars(fault), message=fault.message) for fault in self.faults]

    @property
    def remarks(self) -> list[str]:
        """What there is in each split, and the notes."""
        counts = (
            f'{split}: ' + ', '.join(f'{count:,} {what}' for what, count in found.items())
            for split, found in self.counts.items()
        )
        return [*counts, *self.notes]

    def lines(self, examples: int = 5) -> Iterator[str]:
        """The report as text: the counts, then faults by kind.

        Args:
            examples: how many faults of a kind to print one by one.
        """
        table = [
            (split, *(f'{n:,}' for n in found.values())) for split, found in self.counts.items()
        ]
        yield from aligned([('split', *COLUMNS), *table])
        yield from (f'note: {note}' for note in self.notes)
        for severity in (ERROR, WARNING):
            for name, kind in KINDS.items():
                alike = [f for f in self.faults if (f.kind, f.severity) == (name, severity)]
                if alike:
                    yield ''
                    yield f'{severity}: {kind.title} [{name}]: {len(alike):,}'
                    shown = alike[:examples]
                    for fault, following in zip_longest(shown, shown[1:]):
                        yield f'  {self._short(fault.path)}: {fault.message}'
                        if following is None or following.remedy != fault.remedy:
                            yield f'    -> {fault.remedy}'
                    if len(alike) > examples:
                        yield f'  and {len(alike) - examples:,} more (--json FILE lists all)'
        yield ''
        yield self.headline

    def _short(self, path: str) -> str:
        """A path from the root on."""
        relative = os.path.relpath(path, self.root)
        return path if relative.startswith('..') or relative == '.' else relative

    @property
    def headline(self) -> str:
        """The verdict, in a line."""
        seen = f'{self.checked:,} video(s) checked'
        if not self.complete:
            seen = f'INTERRUPTED: {self.checked:,} of {self.videos:,} videos checked'
        seen += ' (a sample of the frames)' if self.quick else ''
        if not self.faults:
            return f'{seen}: nothing is wrong'
        return f'{seen}: {len(self.errors):,} error(s), {len(self.warnings):,} warning(s)'
