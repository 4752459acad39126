"""A leaderboard as one page of HTML that loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..utils.tabular import as_html
from .leaderboard_formats import legend_of
from .leaderboard_grids import Cell, Grid
from .leaderboard_plot import Mark, marks_of, names_in, panels_of, svg_of
from .leaderboard_tables import Board

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Leaderboard</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 0 1rem 3rem;
  color: #1d1d1f; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .5rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; }
th { border-bottom: 1px solid; } thead tr:first-child th { border-top: 2px solid; }
tbody tr:last-child td { border-bottom: 2px solid; }
.word { text-align: left; } .span { text-align: center; }
p, .legend { font-size: .87rem; margin: .4rem 0; overflow-wrap: anywhere; }
.legend { list-style: none; padding: 0; } .legend li { display: inline-block; margin-right: 1rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; }
.panels svg { width: 100%; height: auto; }
@media (prefers-color-scheme: dark) { body { color: #e8e8ea; background: #17181a; } }
</style>
</head>
<body>
<h1>Leaderboard</h1>
"""


def page_of(
    grids: Sequence[Grid],
    boards: Sequence[Board],
    scatter: Sequence[str] = (),
    remarks: Sequence[str] = (),
) -> str:
    """The page.

    Args:
        grids: its tables.
        boards: whose single videos are drawn.
        scatter: metrics to draw.
        remarks: what else the reader should know.
    """
    marks = marks_of(boards)
    drawn = [_panels_of(board, scatter, marks) for board in boards]
    notes = [f'<p>Note: {as_html(text)}.</p>' for text in remarks]
    parts = [*notes, *map(grid_as_html, grids), *filter(None, drawn)]
    return '\n'.join([_HEAD, *parts, '</body>', '</html>', ''])


def grid_as_html(grid: Grid, heading: str = 'h2') -> str:
    """One table with its title, in an element `heading`, and its notes."""
    forms = {'best': '<b>{}</b>', 'second': '<u>{}</u>', 'aside': '<i>{}</i>'}

    def cell(number: int, content: Cell, tag: str = 'td') -> str:
        chosen = ' class="word"' if number in grid.words else ''
        text = forms.get(content.style, '{}').format(as_html(content.text))
        return f'<{tag}{chosen}>{text}</{tag}>'

    def row(cells: Sequence[Cell], tag: str = 'td') -> str:
        return f'<tr>{"".join(cell(i, content, tag) for i, content in enumerate(cells))}</tr>'

    heads = [row([Cell(name) for name in grid.header], 'th')]
    if grid.spans:
        spans = (f'<th class="span" colspan="{n}">{as_html(head)}</th>' for head, n in grid.spans)
        heads.insert(0, f'<tr><th></th>{"".join(spans)}</tr>')
    return '\n'.join(
        [
            f'<{heading}>{as_html(grid.title)}</{heading}>',
            f'<div class="wide"><table>\n<thead>{"".join(heads)}</thead>\n<tbody>',
            *map(row, grid.rows),
            '</tbody>\n</table></div>',
            *(f'<p>{as_html(note)}.</p>' for note in (*legend_of(grid), *grid.notes)),
        ]
    )


def _panels_of(board: Board, scatter: Sequence[str], marks: Mapping[str, Mark]) -> str:
    panels = panels_of(board, scatter)
    if not panels:
        return ''
    legend = (
        f'<li><span style="color:{marks[name].color}">{marks[name].sign}</span> '
        f'{as_html(name)}</li>'
        for name in names_in(panels)
    )
    return '\n'.join(
        [
            f'<h2>Every video, {as_html(board.title)}</h2>',
            f'<ul class="legend">{"".join(legend)}</ul>',
            '<div class="panels">',
            *(svg_of(board, metric, panel, marks) for metric, panel in panels.items()),
            '</div>',
            '<p>A point is a video: across, the score of the row below the axis; up, that of the '
            'row of its color. On the line both are the same.</p>',
        ]
    )
