"""Sentences and tables for people: nearest names, checked choices, short lists, aligned columns."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence

from ..errors import ConfigError, printable


def nearest_names(
    name: str, known: Iterable[str], most: int = 3, cutoff: float = 0.5, there: str = 'known:'
) -> str:
    """The names that a mistyped one is close to, as the text of a hint.

    Args:
        name: what was asked for.
        known: what there is.
        most: how many are proposed.
        cutoff: how alike they have to be, 0 to 1.
        there: what precedes the list of all names.

    Returns:
        `did you mean a or b?`, and where nothing is close `known: a, b, c`.
    """
    known = list(known)
    nearest = difflib.get_close_matches(name, known, n=most, cutoff=cutoff)
    if nearest:
        return f'did you mean {" or ".join(nearest)}?'
    return f'{there} {", ".join(known) or "none"}'


def check_choice(owner: str, argument: str, value: str, choices: Collection[str]) -> None:
    """Raise ConfigError unless `value` is one of `choices`.

    Args:
        owner: whose argument it is, a class or a command; '' where the argument says enough.
        argument: its name.
        value: what was given.
        choices: what may be.
    """
    if value not in choices:
        owned = f'{owner}: {argument}' if owner else argument
        raise ConfigError(f'{owned} must be one of {", ".join(choices)}, got {value!r}')


def check_range(
    owner: str, argument: str, value: float, low: float, high: float | None = None
) -> None:
    """Raise ConfigError unless `value` is at least `low`, and at most `high` where there is one.

    `owner` is as in `check_choice`.
    """
    # Asked so that NaN is out of every range.
    if not (value >= low and (high is None or value <= high)):
        expected = f'at least {low}' if high is None else f'{low} to {high}'
        owned = f'{owner}: {argument}' if owner else argument
        raise ConfigError(f'{owned} must be {expected}, got {value}')


def listed(names: Collection[str], most: int = 5) -> str:
    """Names in a sentence, cut short: `a, b and 7 more`."""
    shown = ', '.join(map(printable, list(names)[:most]))
    return shown + (f' and {len(names) - most} more' if len(names) > most else '')


def in_units(count: float) -> str:
    """Bytes for a reader: `1.2 GB`."""
    for unit in ('bytes', 'kB', 'MB', 'GB'):
        if count < 1000:
            return f'{count:.{0 if count >= 10 or unit == "bytes" else 1}f} {unit}'
        count /= 1000
    return f'{count:.1f} TB'


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """The lines of a table whose columns stand under each other, two spaces apart.

    Args:
        rows: cells of each row, the header among them; all rows are of one length.
        left: numbers of the columns of words; the others are numbers, aligned to the right.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        '  '.join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
