"""The paper's tables with our parameter counts and our scores beside its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..config.load import load_config
from ..errors import DataError
from ..models.profile import dead_parameters, model_on_meta
from ..utils.input_files import read_input_json
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


def work_dir_of(root: str | Path, config: str) -> Path:
    """The work dir of a row below `root`, the one that `salkit train` takes by default."""
    return Path(root) / Path(config).stem


def read_result(path: Path) -> Result:
    """Read what `salkit test --out` or `salkit train --test` wrote.

    Raises:
        DataError: a file that holds no scores.
    """
    try:
        content = read_input_json(path)
        if not isinstance(content, dict):
            raise TypeError('no object with names')
        scores = {metric: content['scores'].get(metric) for metric in METRICS}
        if not all(value is None or math.isfinite(float(value)) for value in scores.values()):
            raise ValueError('a score is not finite')
        source = (
            f'protocol {content["protocol"]}, {content["dataset"]} {content["split"]}: '
            f'{content["videos"]} videos, {content["frames"]} frames'
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f'{path}: holds no scores ({type(error).__name__}: {error})') from error
    return Result(scores, source, content['dataset'] == PAPER_DATASET)


def find_results(root: str | Path, rows: Iterable[Row]) -> dict[str, Result]:
    """The results that lie in the work dirs of `rows` below `root`, by config."""
    paths = {row.config: work_dir_of(root, row.config) / SCORES for row in rows}
    return {config: read_result(path) for config, path in paths.items() if path.exists()}


@cache
def params_of(config: str) -> int:
    """Parameters of a config as the paper counts them, the official dead entries included."""
    model = model_on_meta(load_config(config))
    own = sum(parameter.numel() for parameter in model.parameters())
    return own + sum((dead_parameters(model) or {}).values())


def _cells(row: Row, ours: Result | None, with_ours: bool) -> list[str]:
    cells = [row.label]
    for metric, printed in zip(METRICS, row.scores, strict=True):
        cells.append(f'{printed:.3f}')
        if with_ours:
            own = ours.scores[metric] if ours else None
            cells += ['', ''] if own is None else [f'{own:.3f}', f'{own - printed:+.3f}']
    if row.size_mb is not None:
        cells += [f'{row.size_mb:g}', f'{row.params_m:.1f}{" (!)" if row.note else ""}']
    return [*cells, f'{params_of(row.config):,}', row.config]


def _heads(table: Table, with_ours: bool) -> list[str]:
    heads = ['Model']
    for metric in METRICS:
        heads += [metric, 'ours', 'diff'] if with_ours else [metric]
    sizes = [] if table.rows[0].size_mb is None else ['MB', '#Params(M)']
    return [*heads, *sizes, 'parameters', 'config']


def format_table(table: Table, results: Mapping[str, Result], markdown: bool = False) -> str:
    """One table: the paper's scores, ours where there are any, exact parameter counts."""
    with_ours = any(row.config in results for row in table.rows)
    heads = _heads(table, with_ours)
    rows = [_cells(row, results.get(row.config), with_ours) for row in table.rows]
    title = f'Table {table.number}. {table.title}'
    notes = [f'(!) {row.label}: {row.note}' for row in table.rows if row.note]
    if markdown:
        aligns = [':--', *['--:'] * (len(heads) - 2), ':--']
        lines = ['| ' + ' | '.join(cells) + ' |' for cells in (heads, aligns, *rows)]
        return '\n'.join([f'### {title}', '', *lines, *[f'\n{note}' for note in notes]])
    return '\n'.join([title, *aligned([heads, *rows], left=(0, len(heads) - 1)), *notes])


def format_sources(results: Mapping[str, Result]) -> str:
    """What our scores are of, a line each; empty where there are none."""
    sources = dict.fromkeys(result.source for result in results.values())
    lines = [f'ours: {source}' for source in sources]
    if any(not result.comparable for result in results.values()):
        lines.append(
            "ours were not all measured on the paper's data (DHF1K): such differences do not say "
            'how well the paper is reproduced'
        )
    return '\n'.join(lines)
