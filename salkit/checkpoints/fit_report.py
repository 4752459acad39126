"""What became of weights that were fitted to a module."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import CheckpointError
from ..utils.tabular import Record, Tabular


@dataclass
class FitReport(Tabular):
    """What became of every entry of a file and of a module.

    Attributes:
        source: the file.
        kind: whose names it uses.
        part: 'model', or 'encoder' where only that was expected to be filled.
        used: source entry by the module's entry.
        derived: how a module's entry was made that is not a plain copy.
        kept: why a module's entry stays as it was.
        dropped: why a source entry has no place in the module.
        missing: the module's entries that nothing filled.
        unexpected: source entries that have neither a place nor a reason.
        wrong: by the module's entry, how the source's differs from what it takes.
        cast: number of entries of another precision.
    """

    source: str
    kind: str
    part: str
    used: dict[str, str] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    cast: int = 0

    @property
    def problems(self) -> list[str]:
        """What keeps the file from being loaded, empty where nothing does."""
        problems = []
        for label, keys in (('missing', self.missing), ('unexpected', self.unexpected)):
            if keys:
                problems.append(f'{len(keys)} {label} entries, such as {keys[0]}')
        if self.wrong:
            more = f' (and {len(self.wrong) - 1} like it)' if len(self.wrong) > 1 else ''
            problems.append(next(iter(self.wrong.values())) + more)
        return problems

    def check(self, whole: bool = False) -> None:
        """Raise CheckpointError, with this report, unless everything expected was filled.

        Args:
            whole: nothing may stay as it was.
        """
        text = ''
        if self.problems:
            text = f'read as {self.kind} weights, it does not fit the {self.part}: '
            text += '; '.join(self.problems)
        elif whole and self.kept:
            name, why = next(iter(self.kept.items()))
            text = (
                f'fills all but {len(self.kept)} entries, such as {name} ({why}), so that no whole '
                'file can be made of it; start training from it with init_cfg'
            )
        if text:
            error = CheckpointError(f'{self.source}: {text}')
            error.report = self
            raise error

    def reasons(self) -> dict[str, list[str]]:
        """Dropped entries by the reason."""
        grouped: dict[str, list[str]] = {}
        for key, reason in self.dropped.items():
            grouped.setdefault(reason, []).append(key)
        return grouped

    def records(self) -> list[Record]:
        """A row for each entry of the module, then for each of the file that has no place."""
        found = {
            'used': self.used,
            'derived': self.derived,
            'kept': self.kept,
            'missing': dict.fromkeys(self.missing, ''),
            'wrong': self.wrong,
            'dropped': self.dropped,
            'unexpected': dict.fromkeys(self.unexpected, ''),
        }
        return [
            dict(entry=entry, outcome=outcome, detail=detail)
            for outcome, entries in found.items()
            for entry, detail in entries.items()
        ]

    @property
    def headline(self) -> str:
        """What was loaded, in a line."""
        line = (
            f'{self.source}: {len(self.used)} entries of {self.kind} weights fill the {self.part}'
        )
        for key, how in self.derived.items():
            line += f'; {key} {how}'
        if self.kept:
            name, why = next(iter(self.kept.items()))
            line += f'; {len(self.kept)} stay as they were ({name}: {why})'
        for reason, keys in self.reasons().items():
            line += f'; dropped {len(keys)} ({keys[0]}{", ..." if len(keys) > 1 else ""}: {reason})'
        return line
