"""Pictures of a leaderboard: scores of every video against those of the reference."""

from __future__ import annotations

import io
import itertools
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import printable
from ..types import is_lower_better, with_unit
from .differences import Difference
from .leaderboard_tables import ARROWS, Board
from .plot import COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 3
_SIDE_INCHES = 2.9
# What a page shows in the color of its text.
_INK = '#010203'
_SETTINGS = {
    # The same scores give the same file; text stays text.
    'svg.hashsalt': 'salkit',
    'svg.fonttype': 'none',
    **dict.fromkeys(('text.color', 'axes.edgecolor', 'axes.labelcolor'), _INK),
    **dict.fromkeys(('xtick.color', 'ytick.color'), _INK),
}
# Of matplotlib, and how a legend outside of the picture shows it.
_MARKERS = {'o': '●', 's': '■', '^': '▲', 'D': '◆', 'v': '▼'}

# Of one panel, the differences that it shows by name.
Panel = dict[str, Difference]


@dataclass(frozen=True)
class Mark:
    """How the points of a row look.

    Attributes:
        color: in hexadecimal.
        marker: matplotlib's name of the shape.
    """

    color: str
    marker: str

    @property
    def sign(self) -> str:
        """The shape as a letter."""
        return _MARKERS[self.marker]


def marks_of(boards: Sequence[Board]) -> dict[str, Mark]:
    """A mark for each name, the same on all boards."""
    names = dict.fromkeys(entry.name for board in boards for entry in board.entries)
    looks = (Mark(color, marker) for marker in _MARKERS for color in COLORS[1:])
    return dict(zip(names, itertools.cycle(looks), strict=False))


def panels_of(board: Board, metrics: Sequence[str]) -> dict[str, Panel]:
    """What there is to draw, by metric."""
    found = {
        metric: {
            name: row
            for (its, name), row in board.differences.items()
            if its == metric and row.videos
        }
        for metric in metrics
    }
    return {metric: panel for metric, panel in found.items() if panel}


def names_in(panels: Mapping[str, Panel]) -> list[str]:
    """What panels show."""
    return list(dict.fromkeys(name for panel in panels.values() for name in panel))


@contextmanager
def _settings() -> Iterator[None]:
    """Drawing in a block: colors of the text, and letters that the font lacks are boxes."""
    # Heavy, and only for pictures.
    import matplotlib

    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Glyph .* missing')
        yield


def _short(text: str, most: int = 32) -> str:
    """As much of a name as a panel has room for."""
    text = printable(text)
    return text if len(text) <= most else f'{text[: most - 1]}…'


def _draw(axis: Axes, metric: str, reference: str, panel: Panel, marks: Mapping[str, Mark]) -> None:
    """One metric: a point a video and row, and the line on which both are the same."""
    for name, row in panel.items():
        mark = marks[name]
        scores = row.reference_scores, row.other_scores
        axis.plot(*scores, mark.marker, color=mark.color, ms=3.5, mew=0, alpha=0.7)
    values = np.concatenate(
        [v for r in panel.values() for v in (r.reference_scores, r.other_scores)]
    )
    ends = [float(values.min()), float(values.max())]
    axis.plot(ends, ends, '-', color=_INK, lw=0.7, alpha=0.5)
    head = f'{_short(with_unit(metric), 20)} {ARROWS[is_lower_better(metric)]}'
    axis.set_title(head, fontsize='medium', loc='left', parse_math=False)
    axis.set_xlabel(_short(reference), fontsize='small', parse_math=False)
    axis.tick_params(labelsize='small')
    axis.set_aspect('equal', 'datalim')
    axis.spines[['top', 'right']].set_visible(False)


def svg_of(board: Board, metric: str, panel: Panel, marks: Mapping[str, Mark]) -> str:
    """One panel as an `<svg>` element that takes the color of the text around it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_SIDE_INCHES, _SIDE_INCHES), layout='constrained')
    figure.patch.set_visible(False)
    with _settings():
        axis = figure.subplots()
        axis.patch.set_visible(False)
        _draw(axis, metric, board.references[metric], panel, marks)
        file = io.StringIO()
        nothing = dict.fromkeys(('Date', 'Creator', 'Format', 'Type'))
        figure.savefig(file, format='svg', metadata=nothing)
    text = file.getvalue()
    text = text[text.index('<svg ') :]
    # Those that every panel of a page would have.
    return re.sub(r' id="[\w.]+_\d+"', '', text).replace(_INK, 'currentColor')


def write_panels(boards: Sequence[Board], metrics: Sequence[str], path: Path, kind: str) -> None:
    """Write all panels as one picture.

    Args:
        boards: each has panels of its own.
        metrics: a panel each.
        path: of the picture.
        kind: 'png' or 'pdf'.
    """
    from matplotlib.figure import Figure

    drawn = [(board, panels_of(board, metrics)) for board in boards]
    drawn = [(board, panels) for board, panels in drawn if panels]
    heights = [math.ceil(len(panels) / _COLUMNS) for _, panels in drawn]
    size = (_COLUMNS * _SIDE_INCHES, sum(heights) * _SIDE_INCHES + 0.3 * len(drawn))
    marks = marks_of(boards)
    with _settings():
        whole = Figure(figsize=size, layout='constrained')
        figures = whole.subfigures(len(drawn), squeeze=False, height_ratios=heights)[:, 0]
        for figure, (board, panels), rows in zip(figures, drawn, heights, strict=True):
            axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
            for axis, (metric, panel) in zip(axes, panels.items(), strict=False):
                _draw(axis, metric, board.references[metric], panel, marks)
            for axis in axes[len(panels) :]:
                axis.set_axis_off()
            names = names_in(panels)
            handles = [
                axes[0].plot([], [], marks[name].marker, color=marks[name].color)[0]
                for name in names
            ]
            legend = figure.legend(
                handles,
                list(map(_short, names)),
                loc='outside lower left',
                fontsize='small',
                ncols=_COLUMNS,
                frameon=False,
            )
            title = figure.suptitle(_short(board.title, 90), fontsize='medium', x=0, ha='left')
            for text in (title, *legend.get_texts()):
                text.set_parse_math(False)
        undated = dict(CreationDate=None) if kind == 'pdf' else None
        whole.savefig(path, dpi=120, format=kind, metadata=undated)
