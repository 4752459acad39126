"""The tables of a leaderboard as cells, whatever they are written in."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..types import is_lower_better, with_unit
from .differences import SIGNIFICANT
from .leaderboard_tables import ARROWS, Agreement, Board, Entry, frames_key, frames_of

# After what is not all there, and after what chance may have put behind the best.
INCOMPLETE, INDISTINCT = '†', '≈'


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        style: 'best', 'second', 'aside' (a row that is no model) or ''.
    """

    text: str
    style: str = ''


@dataclass(frozen=True)
class Grid:
    """One table.

    Attributes:
        title: what it shows, in a line.
        key: short name, of letters, digits and dashes.
        header: of the columns.
        rows: cells, one a column.
        notes: sentences that belong to it.
        words: places of the columns that are no numbers.
        spans: heads above the header, each with its number of columns, from the second column on.
    """

    title: str
    key: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    words: tuple[int, ...] = (0,)
    spans: tuple[tuple[str, int], ...] = ()

    @property
    def styles(self) -> set[str]:
        """Those of its cells."""
        return {cell.style for row in self.rows for cell in row}


def grids(boards: Sequence[Board], agreements: Sequence[Agreement]) -> list[Grid]:
    """All tables of a leaderboard, in their order."""
    found = []
    for board in boards:
        found.append(score_grid(board))
        if board.differences:
            # One for all metrics would be longer than a page of a paper.
            tables = (difference_grid(board, metric) for metric in board.metrics)
            found += [table for table in tables if table.rows]
    # An order of models on one data set says nothing of protocols beside that on another one.
    groups: dict[tuple[str, str, str], list[Board]] = {}
    for board in boards:
        groups.setdefault(frames_key(board.subject), []).append(board)
    for key, group in groups.items():
        if any(len(board.ranks(m)) > 1 for board in group for m in board.metrics):
            found.append(rank_grid(group))
        taus = [one for one in agreements if frames_key(boards[one.boards[0]].subject) == key]
        if taus:
            found.append(agreement_grid(boards, taus))
    # Names in other letters than a key has may give the same one.
    keys = [grid.key for grid in found]
    return [
        grid if keys.count(grid.key) == 1 else replace(grid, key=f'{grid.key}-{number}')
        for number, grid in enumerate(found, 1)
    ]


def score_grid(board: Board) -> Grid:
    """Overall scores, numbers of videos and frames, size and speed."""
    facts = [entry.scores.model for entry in board.entries]
    sized = any(fact and fact.parameters is not None for fact in facts)
    timed = any(fact and fact.frames_per_s is not None for fact in facts)
    arrows = (f'{with_unit(m)} {ARROWS[is_lower_better(m)]}' for m in board.metrics)
    placed = timed and any(fact and fact.device for fact in facts)
    sizes = [*['Parameters'] * sized, *['Frames/s'] * timed, *['Device'] * placed]
    styles = {metric: _styles(board.ranks(metric)) for metric in board.metrics}
    rows = []
    for entry, fact in zip(board.entries, facts, strict=True):
        scores = (
            Cell(_number(entry.score(metric)), styles[metric].get(entry.name, ''))
            for metric in board.metrics
        )
        counts = [str(len(entry.scores.per_video)), _count(entry.scores.frames)]
        counts += [_count(fact.parameters if fact else None)] * sized
        speed = fact.frames_per_s if fact else None
        counts += ['-' if speed is None else f'{speed:.1f}'] * timed
        counts += [(fact.device if fact else '') or '-'] * placed
        rows.append((_name_cell(entry), *scores, *map(Cell, counts)))
    header = ('Model', *arrows, 'Videos', 'Frames', *sizes)
    gaps = (f'{e.name}{INCOMPLETE} {e.gaps}; not ranked' for e in board.entries if e.gaps)
    return Grid(
        title=f'{board.title[0].upper()}{board.title[1:]}',
        key=_key('scores', board.subject.protocol, frames_of(board.subject)),
        header=header,
        rows=tuple(rows),
        notes=(*gaps, *['Frames/s: of the whole test, reading and scoring included'] * timed),
        words=(0, len(header) - 1) if placed else (0,),
    )


def _styles(ranks: dict[str, int]) -> dict[str, str]:
    """The best are those of the first rank, the second those of the next one that there is."""
    order = sorted({*ranks.values()})
    marks = dict(zip(order, ('best', 'second'), strict=False))
    return {name: marks.get(rank, '') for name, rank in ranks.items()}


def _name_cell(entry: Entry) -> Cell:
    mark = INCOMPLETE if entry.gaps else ''
    if entry.role == 'model':
        return Cell(entry.name + mark)
    return Cell(f'{entry.name}{mark} ({entry.role})', 'aside')


def difference_grid(board: Board, metric: str) -> Grid:
    """Every score in a metric with its interval, and its difference to the reference."""
    rows = []
    for entry in board.entries:
        if math.isnan(entry.score(metric)):
            continue
        low, high = entry.intervals.get(metric, (math.nan, math.nan))
        cells = [_number(entry.score(metric)), _interval(low, high, '')]
        found = board.differences.get((metric, entry.name))
        if board.references.get(metric) == entry.name:
            cells += ['reference', *'----']
        elif found is None or not found.videos:
            cells += '-----'
        else:
            left_out = f' (-{found.left_out})' if found.left_out else ''
            cells += [
                f'{found.difference:+.4f}',
                _interval(found.low, found.high, '+'),
                *map(_number, (found.p, found.p_holm)),
                f'{len(found.videos)}{left_out}',
            ]
        rows.append((_name_cell(entry), *map(Cell, cells)))
    tests = sum(not math.isnan(row.p) for row in board.differences.values())
    return Grid(
        title=f'Intervals and differences of {with_unit(metric)}, {board.title}',
        key=_key('differences', metric, board.subject.protocol, frames_of(board.subject)),
        header=(
            *('Model', 'Score', '95 % interval', 'Difference', '95 % interval'),
            *('p', 'p Holm', 'Videos'),
        ),
        rows=tuple(rows),
        notes=(
            'Difference: to the reference, mean over the same videos; intervals: 95 % bootstrap '
            f'over videos; p: paired sign-flip test; p Holm: corrected for the {tests} tests of '
            'all metrics',
        ),
    )


def rank_grid(boards: Sequence[Board]) -> Grid:
    """Ranks of the models by protocol and metric.

    Args:
        boards: of the same frames.
    """
    ranked = dict.fromkeys(e.name for board in boards for e in board.entries if e.ranked)
    columns = [(board, metric) for board in boards for metric in board.metrics]
    found = [board.ranks(metric) for board, metric in columns]
    rows = []
    for name in ranked:
        cells = [Cell(name)]
        for (board, metric), ranks in zip(columns, found, strict=True):
            if name not in ranks:
                cells.append(Cell('-'))
                continue
            tied = '=' if [*ranks.values()].count(ranks[name]) > 1 else ''
            is_alike = ranks[name] > 1 and board.is_distinct(metric, name) is False
            alike = INDISTINCT if is_alike else ''
            style = 'best' if ranks[name] == 1 else ''
            cells.append(Cell(f'{ranks[name]}{tied}{alike}', style))
        rows.append(tuple(cells))
    references = {(i, name) for i, b in enumerate(boards) for name in b.references.values()}
    chosen = len({name for _, name in references}) == 1
    against = f'from {next(iter(references))[1]}' if chosen else 'from the best'
    return Grid(
        title=f'Ranks, {frames_of(boards[0].subject)}',
        key=_key('ranks', frames_of(boards[0].subject)),
        header=('Model', *(metric for _, metric in columns)),
        rows=tuple(rows),
        notes=(
            f'=: tied; {INDISTINCT}: not distinguishable {against} (p Holm of the paired test '
            f'is {SIGNIFICANT} or more); baselines, ceilings and incomplete runs have no rank',
        ),
        spans=tuple((board.subject.protocol, len(board.metrics)) for board in boards),
    )


def agreement_grid(boards: Sequence[Board], agreements: Sequence[Agreement]) -> Grid:
    """Kendall's tau of each two protocols, by metric.

    Args:
        boards: all that the agreements count.
        agreements: of boards of the same frames.
    """
    first = boards[agreements[0].boards[0]]
    metrics = dict.fromkeys(one.metric for one in agreements)
    taus = {(one.boards, one.metric): one for one in agreements}
    rows = []
    for pair in dict.fromkeys(one.boards for one in agreements):
        found = [taus.get((pair, metric)) for metric in metrics]
        models = [one.models for one in found if one]
        few, most = min(models), max(models)
        cells = [_signed(one.tau if one else math.nan) for one in found]
        name = ' / '.join(boards[i].subject.protocol for i in pair)
        rows.append((name, *cells, f'{few}' if few == most else f'{few}-{most}'))
    return Grid(
        title=f"Agreement of ranks, {frames_of(first.subject)}: Kendall's tau",
        key=_key('agreement', frames_of(first.subject)),
        header=('Protocols', *metrics, 'Models'),
        rows=tuple(tuple(map(Cell, row)) for row in rows),
        notes=('1: the same order of the models, -1: the opposite one (tau-b, with ties)',),
    )


def _key(*words: str) -> str:
    return '-'.join(re.findall(r'[a-z0-9]+', ' '.join(words).lower()))


def _number(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.4f}'


def _signed(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:+.2f}'


def _count(value: int | None) -> str:
    return '-' if value is None else f'{value:,}'


def _interval(low: float, high: float, sign: str) -> str:
    return '-' if math.isnan(low) else f'[{low:{sign}.4f}, {high:{sign}.4f}]'
