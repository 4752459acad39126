"""Tables of a leaderboard as plain text, Markdown and LaTeX.

Names come from files of strangers: each form writes out what would be markup in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from ..errors import printable
from ..utils.text import aligned
from .leaderboard_grids import Cell, Grid

_LATEX = {
    **{char: f'\\{char}' for char in '{}$&#_%'},
    '\\': r'\textbackslash{}',
    '^': r'\textasciicircum{}',
    '~': r'\textasciitilde{}',
    '<': r'\textless{}',
    '>': r'\textgreater{}',
    '|': r'\textbar{}',
    '"': r'\char34{}',
    # At the beginning of a row they would belong to the end of the one before.
    '[': '{[}',
    '*': '{*}',
    '↑': r'$\uparrow$',
    '↓': r'$\downarrow$',
    '†': r'$\dagger$',
    '≈': r'$\approx$',
}
# What is markup in Markdown: not an underscore inside of a word, nor brackets that link nowhere.
_MARKUP = re.compile(r'[\\`*<>|~&$#]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])')
# So many tables LaTeX keeps that found no place yet, and it has 52.
_FLOATS = 40
# Between letters that together are one sign: -- is a dash.
_LIGATURES = re.compile(r"(?<=[-`'!?,])(?=[-`',])")


# Plain text --------------------------------------------------------------------------------------


def as_text(grids: Sequence[Grid]) -> str:
    """The tables in aligned columns, for a terminal."""
    return '\n\n'.join(map(_text_of, grids))


def _text_of(grid: Grid) -> str:
    marks = {'best': '*', 'second': '+'}
    legend = ', '.join(f'{marks[style]}: the {style}' for style in marks if style in grid.styles)
    blank = ' ' if legend else ''

    def shown(number: int, cell: Cell) -> str:
        return cell.text + marks.get(cell.style, '' if number in grid.words else blank)

    header = [shown(number, Cell(head)) for number, head in enumerate(_flat_header(grid))]
    rows = [[shown(*numbered) for numbered in enumerate(row)] for row in grid.rows]
    lines = [printable(grid.title), *aligned([header, *rows], left=grid.words)]
    return '\n'.join([*lines, *map(printable, [*[legend] * bool(legend), *grid.notes])])


def _flat_header(grid: Grid) -> list[str]:
    """The header with the spans' heads in it, for forms that have a single line."""
    heads = [head for head, columns in grid.spans for _ in range(columns)]
    if len({head for head, _ in grid.spans}) < 2:
        return list(grid.header)
    first, *others = grid.header
    return [first, *(f'{head} {name}' for head, name in zip(heads, others, strict=True))]


def legend_of(grid: Grid) -> list[str]:
    """What the styles of cells mean, where there is bold type."""
    if 'second' in grid.styles:
        return ['The best is bold, the second underlined']
    return ['The best is bold'] if 'best' in grid.styles else []


# Markdown ----------------------------------------------------------------------------------------


def as_markdown(
    grids: Sequence[Grid], picture: str | None = None, remarks: Sequence[str] = ()
) -> str:
    """The tables in GitHub's Markdown.

    Args:
        grids: the tables.
        picture: address of the picture of single videos.
        remarks: what else the reader should know.
    """
    notes = [f'Note: {escape_markdown(text)}.' for text in remarks]
    blocks = ['# Leaderboard', *notes, *map(_markdown_of, grids)]
    if picture:
        blocks.append(f'## Scores of every video\n\n![Scores of every video]({quote(picture)})')
    return '\n\n'.join(blocks) + '\n'


def _markdown_of(grid: Grid) -> str:
    forms = {'best': '**{}**', 'second': '<ins>{}</ins>', 'aside': '*{}*'}

    def line(cells: Sequence[str]) -> str:
        return '| ' + ' | '.join(cells) + ' |'

    rule = [':--' if i in grid.words else '--:' for i in range(len(grid.header))]
    rows = [
        [forms.get(cell.style, '{}').format(escape_markdown(cell.text)) for cell in row]
        for row in grid.rows
    ]
    header = [escape_markdown(name) for name in _flat_header(grid)]
    notes = [f'{escape_markdown(note)}.' for note in (*legend_of(grid), *grid.notes)]
    return '\n'.join(
        [
            f'## {escape_markdown(grid.title)}\n',
            *map(line, (header, rule, *rows)),
            *(f'\n{note}' for note in notes),
        ]
    )


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, in a cell of a table too."""
    return _MARKUP.sub(r'\\\g<0>', printable(text).strip())


# LaTeX -------------------------------------------------------------------------------------------


def as_latex(grids: Sequence[Grid], picture: str | None = None, remarks: Sequence[str] = ()) -> str:
    """The tables as LaTeX to be put in, each in an environment of its own.

    Args:
        grids: the tables.
        picture: file of the picture of single videos.
        remarks: what else the reader should know, as comments.
    """
    comments = [r'In the preamble: \usepackage{booktabs,graphicx}', *map(printable, remarks)]
    blocks = ['\n'.join(f'% {text}' for text in comments), *map(_latex_of, grids)]
    if len(grids) > _FLOATS:
        blocks.insert(1, rf'\extrafloats{{{len(grids)}}}')
    if picture:
        blocks.append(
            '\n'.join(
                [
                    r'\begin{figure}',
                    r'\centering',
                    # With room for the caption.
                    r'\includegraphics[width=\linewidth,height=.9\textheight,keepaspectratio]'
                    rf'{{\detokenize{{{picture}}}}}',
                    r'\caption{Scores of every video against those of the reference.}',
                    r'\label{fig:leaderboard-videos}',
                    r'\end{figure}',
                ]
            )
        )
    return '\n\n'.join(blocks) + '\n'


def _latex_of(grid: Grid) -> str:
    forms = {'best': r'\textbf{%s}', 'second': r'\underline{%s}', 'aside': r'\textit{%s}'}

    def line(cells: Sequence[str]) -> str:
        return ' & '.join(cells) + r' \\'

    heads = []
    if grid.spans:
        cells, rules, column = [''], [], 2
        for head, width in grid.spans:
            cells.append(rf'\multicolumn{{{width}}}{{c}}{{{escape_latex(head)}}}')
            rules.append(rf'\cmidrule(lr){{{column}-{column + width - 1}}}')
            column += width
        heads = [line(cells), ' '.join(rules)]
    rows = [
        line(
            [
                (forms.get(cell.style, '%s') % _latex_cell(cell.text, number in grid.words))
                for number, cell in enumerate(row)
            ]
        )
        for row in grid.rows
    ]
    sentences = (grid.title, *legend_of(grid), *grid.notes)
    caption = ' '.join(f'{escape_latex(text)}.' for text in sentences)
    columns = ''.join('l' if i in grid.words else 'r' for i in range(len(grid.header)))
    return '\n'.join(
        [
            r'\begin{table}',
            r'\centering',
            # Room between a caption and the table below it.
            r'\setlength{\belowcaptionskip}{\abovecaptionskip}',
            rf'\caption{{{caption}}}',
            rf'\label{{tab:leaderboard-{grid.key}}}',
            r'\small',
            # No wider than the text, and in the size of the text where it fits.
            r'\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%',
            rf'\begin{{tabular}}{{{columns}}}',
            r'\toprule',
            *heads,
            line([escape_latex(name) for name in grid.header]),
            r'\midrule',
            *rows,
            r'\bottomrule',
            r'\end{tabular}}',
            r'\end{table}',
        ]
    )


def _latex_cell(text: str, is_word: bool) -> str:
    escaped = escape_latex(text)
    # The sign of a number is longer than a hyphen.
    return escaped if is_word else re.sub(r'-(?=\d)', '$-$', escaped)


def escape_latex(text: str) -> str:
    """Text that LaTeX sets as it is, where its font has the letters."""
    parts = _LIGATURES.split(printable(text).strip())
    return '{}'.join(''.join(_LATEX.get(char, char) for char in part) for part in parts)
