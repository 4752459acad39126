"""The paper's tables with our parameter counts and our scores beside its own."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..config.load import load_config
from ..models.profile import dead_parameters, model_on_meta
from ..utils.text import aligned
from .rows import METRICS, Row, Table

# The file in a run's work dir that its scores are read from.
SCORES = 'scores.json'
PAPER_DATASET = 'DHF1KDataset'


@dataclass
class Result:
    """What one run scored.

    Attributes:
        scores: by metric; None where undefined.
        source: what they are of, in words.
        comparable: whether they were measured on the paper's data.
    """

    scores: dict[str, float | None]
    source: str
    comparable: bool

    def minus(self, row: Row) -> dict[str, float | None]:
        """What they differ by from the paper's scores of a row."""
        differences: dict[str, float | None] = {}
        for metric, printed in zip(METRICS, row.scores, strict=True):
            score = self.scores[metric]
            differences[metric] = None if score is None else round(score - printed, 6)
        return differences


@dataclass
class Results:
    """The results found below a folder of work dirs.

    Attributes:
        by_config: results by the config's name.
        unreadable: files that hold no scores, and why.
    """

    by_config: dict[str, Result] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def work_dir_of(root: str | Path, config: str) -> Path:
    """The work dir of a row below `root`, the one that `salkit train` takes by default."""
    return Path(root) / Path(config).stem


def read_result(path: Path) -> Result:
    """Read what `salkit test --out` or `salkit train --test` wrote.

    Raises:
        ValueError: a file that holds no scores.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        scores = {metric: content['scores'].get(metric) for metric in METRICS}
        if not all(value is None or math.isfinite(float(value)) for value in scores.values()):
            raise ValueError('a score is not finite')
        source = (
            f'protocol {content["protocol"]}, {content["dataset"]} {content["split"]}: '
            f'{content["videos"]} videos, {content["frames"]} frames'
        )
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f'{path}: holds no scores ({type(error).__name__}: {error})') from error
    return Result(scores, source, content['dataset'] == PAPER_DATASET)


def find_results(root: str | Path, rows: list[Row]) -> Results:
    """The scores of `rows` that lie in their work dirs below `root`."""
    results = Results()
    for row in rows:
        path = work_dir_of(root, row.config) / SCORES
        if path.is_file():
            try:
                results.by_config[row.config] = read_result(path)
            except ValueError as error:
                results.unreadable.append(str(error))
    return results


@cache
def params_of(config: str) -> int:
    """Parameters of a config as the paper counts them, the official dead entries included."""
    model = model_on_meta(load_config(config))
    own = sum(parameter.numel() for parameter in model.parameters())
    return own + sum((dead_parameters(model) or {}).values())


def row_to_json(table: Table, row: Row, results: Results) -> dict[str, object]:
    """One row as plain values: the paper's numbers, the exact count, ours and the difference."""
    ours = results.by_config.get(row.config)
    content: dict[str, object] = dict(
        table=table.number,
        row=row.label,
        config=row.config,
        paper=dict(zip(METRICS, row.scores, strict=True)),
        paper_size_mb=row.size_mb,
        paper_params_m=row.params_m,
        params=params_of(row.config),
        ours=dict(ours.scores) if ours else None,
        difference=ours.minus(row) if ours else None,
    )
    if row.note:
        content['note'] = row.note
    if ours:
        content['source'] = ours.source
    return content


def _cells(row: Row, ours: Result | None, with_ours: bool) -> list[str]:
    cells = [row.label]
    for metric, score in zip(METRICS, row.scores, strict=True):
        cells.append(f'{score:.3f}')
        if with_ours:
            own = ours and ours.scores[metric]
            difference = ours and ours.minus(row)[metric]
            cells.append('' if own is None else f'{own:.3f}')
            cells.append('' if difference is None else f'{difference:+.3f}')
    if row.size_mb is not None:
        cells += [f'{row.size_mb:g}', f'{row.params_m:.1f}{" (!)" if row.note else ""}']
    return [*cells, f'{params_of(row.config):,}', row.config]


def _heads(table: Table, with_ours: bool) -> list[str]:
    heads = ['Model']
    for metric in METRICS:
        heads += [metric, 'ours', 'diff'] if with_ours else [metric]
    sizes = [] if table.rows[0].size_mb is None else ['MB', '#Params(M)']
    return [*heads, *sizes, 'parameters', 'config']


def format_table(table: Table, results: Results, markdown: bool = False) -> str:
    """One table: the paper's scores, ours where there are any, exact parameter counts.

    Args:
        table: which.
        results: what was found in the work dirs.
        markdown: as a Markdown table instead of aligned text.
    """
    with_ours = any(row.config in results.by_config for row in table.rows)
    heads = _heads(table, with_ours)
    rows = [_cells(row, results.by_config.get(row.config), with_ours) for row in table.rows]
    title = f'Table {table.number}. {table.title}'
    notes = [f'(!) {row.label}: {row.note}' for row in table.rows if row.note]
    if markdown:
        aligns = [':--', *['--:'] * (len(heads) - 2), ':--']
        lines = ['| ' + ' | '.join(cells) + ' |' for cells in (heads, aligns, *rows)]
        return '\n'.join([f'### {title}', '', *lines, *[f'\n{note}' for note in notes]])
    return '\n'.join([title, *aligned([heads, *rows], left=(0, len(heads) - 1)), *notes])


def format_sources(results: Results) -> str:
    """What our scores are of, a line each; empty where there are none."""
    sources = dict.fromkeys(result.source for result in results.by_config.values())
    lines = [f'ours: {source}' for source in sources]
    if any(not result.comparable for result in results.by_config.values()):
        lines.append(
            "ours were not all measured on the paper's data (DHF1K): such differences do not say "
            'how well the paper is reproduced'
        )
    return '\n'.join([*lines, *results.unreadable])
