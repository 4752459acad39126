"""The paper's tables with our parameter counts and our scores beside its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..scoring.score_files import read_scores
from ..types import with_unit
from ..utils.text import aligned, listed
from .rows import METRICS, Row, Table

# The file in a run's work dir that its scores are read from.
SCORES = 'scores.json'
# What the paper's numbers are of, and what they were computed by.
PAPER_DATASET = 'DHF1KDataset'
PAPER_PROTOCOL = 'tmfi'


@dataclass
class Result:
    """What one run scored under one protocol.

    Attributes:
        scores: by metric; NaN where undefined.
        source: what they are of, in words.
        comparable: whether they were measured on the paper's data.
    """

    scores: dict[str, float]
    source: str
    comparable: bool


# By name of the protocol.
Results = dict[str, Result]


def work_dir_of(root: str | Path, config: str) -> Path:
    """The work dir of a row below `root`, the one that `salkit train` takes by default."""
    return Path(root) / Path(config).stem


def read_results(path: Path) -> Results:
    """Read what `salkit test --out` or `salkit train --test` wrote.

    Raises:
        DataError: a file that holds no scores.
    """
    return {
        protocol: Result(
            found.means,
            f'protocol {protocol}, {found.dataset} {found.split}: {len(found.per_video)} videos, '
            f'{found.frames or 0} frames'
            + (f'; IG over {found.ig_baseline}' if found.ig_baseline else ''),
            found.dataset == PAPER_DATASET,
        )
        for protocol, found in read_scores(path, path.parent.name).items()
    }


def find_results(root: str | Path, rows: Iterable[Row]) -> dict[str, Results]:
    """The results that lie in the work dirs of `rows` below `root`, by config."""
    paths = {row.config: work_dir_of(root, row.config) / SCORES for row in rows}
    return {config: read_results(path) for config, path in paths.items() if path.exists()}


def table_json(table: Table, results: Mapping[str, Results]) -> dict[str, object]:
    """One table as plain values, our scores under each protocol beside the paper's."""
    rows = [
        dict(
            asdict(row),
            scores=dict(zip(METRICS, row.scores, strict=True)),
            ours={name: asdict(found) for name, found in results.get(row.config, {}).items()},
        )
        for row in table.rows
    ]
    return dict(number=table.number, title=table.title, rows=rows)


def _cells(row: Row, ours: Result | None, with_ours: bool) -> list[str]:
    cells = [row.label]
    for metric, printed in zip(METRICS, row.scores, strict=True):
        cells.append(f'{printed:.3f}')
        if with_ours:
            own = ours.scores.get(metric) if ours else None
            difference = '' if own is None or math.isnan(own) else f'{own - printed:+.3f}'
            cells += ['' if own is None else f'{own:.3f}', difference]
    if row.size_mb is not None:
        cells += [f'{row.size_mb:g}', f'{row.params_m:.1f}{" (!)" if row.note else ""}']
    return [*cells, f'{row.parameters:,}', row.config]


def _heads(table: Table, with_ours: bool) -> list[str]:
    heads = ['Model']
    for metric in METRICS:
        heads += [metric, 'ours', 'diff'] if with_ours else [metric]
    sizes = [] if table.rows[0].size_mb is None else ['MB', '#Params(M)']
    return [*heads, *sizes, 'parameters', 'config']


def format_table(table: Table, results: Mapping[str, Results], markdown: bool = False) -> str:
    """One table: the paper's scores, ours where there are any, exact parameter counts.

    Beside the paper's stand only those of its own protocol; those of each other one have a small
    table of their own below.
    """
    ours = {row.config: results.get(row.config, {}).get(PAPER_PROTOCOL) for row in table.rows}
    with_ours = any(ours.values())
    heads = _heads(table, with_ours)
    rows = [_cells(row, ours[row.config], with_ours) for row in table.rows]
    notes = [f'(!) {row.label}: {row.note}' for row in table.rows if row.note]
    blocks = [_block(table.headline, heads, rows, notes, markdown)]
    protocols = dict.fromkeys(name for row in table.rows for name in results.get(row.config, {}))
    for protocol in protocols:
        if protocol != PAPER_PROTOCOL:
            found = {row: results.get(row.config, {}).get(protocol) for row in table.rows}
            blocks.append(_format_apart(table, protocol, found, markdown))
    return '\n\n'.join(blocks)


def _format_apart(
    table: Table, protocol: str, found: Mapping[Row, Result | None], markdown: bool
) -> str:
    """Our scores under another protocol, which stand beside nothing of the paper's."""
    scored = {row: result for row, result in found.items() if result is not None}
    metrics = list(dict.fromkeys(m for result in scored.values() for m in result.scores))
    rows = [
        [row.label, *(f'{result.scores[m]:.3f}' if m in result.scores else '' for m in metrics)]
        for row, result in scored.items()
    ]
    title = f'Table {table.number}, ours under {protocol}'
    return _block(title, ['Model', *map(with_unit, metrics)], rows, [], markdown)


def _block(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str],
    markdown: bool,
) -> str:
    left = (0, len(heads) - 1) if heads[-1] == 'config' else (0,)
    if markdown:
        aligns = [':--' if place in left else '--:' for place in range(len(heads))]
        lines = ['| ' + ' | '.join(cells) + ' |' for cells in (heads, aligns, *rows)]
        return '\n'.join([f'## {title}', '', *lines, *[f'\n{note}' for note in notes]])
    return '\n'.join([title, *aligned([heads, *rows], left), *notes])


def format_sources(results: Mapping[str, Results]) -> str:
    """What our scores are of, a line each; empty where there are none."""
    found = [result for own in results.values() for result in own.values()]
    lines = [f'ours: {source}' for source in dict.fromkeys(each.source for each in found)]
    if any(not result.comparable for result in found):
        lines.append(
            "ours were not all measured on the paper's data (DHF1K): such differences do not say "
            'how well the paper is reproduced'
        )
    lacking = [Path(config).stem for config, own in results.items() if PAPER_PROTOCOL not in own]
    if lacking:
        lines.append(
            f"nothing of ours beside the paper's numbers, which are of protocol {PAPER_PROTOCOL}: "
            f'{listed(lacking)}; to score a run under both: salkit test WORK_DIR --out '
            f'WORK_DIR/{SCORES} --cfg-options test_evaluator.protocol=[exact,{PAPER_PROTOCOL}]'
        )
    return '\n'.join(lines)
