import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from score_data import report

from salkit.errors import printable
from salkit.scoring.leaderboard_building import leaderboard
from salkit.scoring.leaderboard_formats import (
    as_latex,
    as_markdown,
    as_text,
    escape_latex,
    escape_markdown,
)
from salkit.scoring.leaderboard_grids import Cell, Grid
from salkit.scoring.leaderboard_page import page_of

RNG = np.random.default_rng(0)
HOSTILE = (
    '<script>alert(1)</script>"\'&amp; | [x](javascript:alert(1)) \\input{/etc/passwd} $x$ %#_^~`'
)
# As strangers may call their files: markup of all kinds, control characters, any letter.
names = st.text(
    st.sampled_from('ab_-[]()<>&|*`$%#\\{}^~"\'!?, \n\x1b↑é') | st.characters(), min_size=1
)


def grid_of(*texts):
    rows = tuple((Cell(text, style), Cell('-0.5000', 'best')) for text, style in texts)
    return Grid(texts[0][0], 'scores-x', ('Model', 'CC ↑'), rows, notes=(texts[0][0],))


class Page(HTMLParser):
    """The tags, attributes and texts of cells of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.cells = set(), [], []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag == 'td':
            self._in_cell = True
            self.cells.append('')

    def handle_endtag(self, tag):
        self._in_cell = self._in_cell and tag != 'td'

    def handle_data(self, data):
        if self._in_cell:
            self.cells[-1] += data


TABLE_TAGS = {
    *('html', 'head', 'meta', 'title', 'style', 'body', 'h1', 'h2', 'div', 'p'),
    *('table', 'thead', 'tbody', 'tr', 'th', 'td', 'b', 'i'),
}


@settings(max_examples=150)
@given(names)
def test_a_page_shows_any_name_as_it_is(name):
    page = Page(page_of([grid_of((name, 'aside'))], []))
    assert page.cells == [printable(name), '-0.5000'] and page.tags == TABLE_TAGS


@settings(max_examples=150)
@given(names)
@example('![a](b) [c][d] _e_')
def test_markdown_shows_any_name_as_it_is(name):
    escaped = escape_markdown(name)
    plain = printable(name).strip()
    assert re.sub(r'\\([^\s])', r'\1', escaped.replace(r'\\', '\0')).replace('\0', '\\') == plain
    bare = re.sub(r'\\\S', '', escaped)
    assert not re.search(r'[`*<>|~&$\\]|\]\(', bare)
    row = as_markdown([grid_of((name, ''))]).splitlines()[6]
    assert len(re.split(r'(?<!\\)\|', row.replace(r'\\', ''))) == 4


# All that LaTeX reads as the text that it is.
LATEX_TEXT = re.compile(
    r'(?:[^\\{}$&#_%^~<>|"\[*]|\\[{}$&#_%]|\\text[a-z]+\{\}|\\char34\{\}|\{[\[*]\}|\{\}|\$\\[a-z]+\$)*'
)


@settings(max_examples=150)
@given(names)
@example("a--b---''?`")
def test_latex_shows_any_name_as_it_is(name):
    escaped = escape_latex(name)
    assert LATEX_TEXT.fullmatch(escaped)
    assert not re.search(r"--|``|''|[?!]`", escaped)
    lines = as_latex([grid_of((name, 'second'))]).splitlines()
    row = lines[lines.index(r'\midrule') + 1]
    assert row == rf'\underline{{{escaped}}} & \textbf{{$-$0.5000}} \\'


@settings(max_examples=50)
@given(names)
def test_text_has_a_line_a_row_whatever_the_name(name):
    lines = as_text([grid_of((name, ''))]).split('\n')
    assert len(lines) == 5 and lines[2].endswith('  -0.5000*')


# Whole reports -----------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def hostile():
    base = RNG.random(8)
    files = [
        dict(
            reports=[
                report({'CC': base + shift, HOSTILE: base - shift}, protocol, HOSTILE)
                for protocol in ('exact', HOSTILE)
            ]
        )
        for shift in (0, 0.1)
    ]
    return leaderboard(*files, names=[HOSTILE, 'ours'], resamples=200)


@pytest.mark.filterwarnings('error')
def test_a_page_of_hostile_files_holds_no_script_and_loads_nothing(hostile):
    text = hostile.to_html()
    page = Page(text)
    svg = {'svg', 'defs', 'style', 'g', 'path', 'use', 'text', 'clippath', 'rect'}
    assert page.tags <= TABLE_TAGS | svg | {'u', 'ul', 'li', 'span'} and text.count('<svg') == 4
    for name, value in page.attributes:
        assert not name.startswith('on')
        assert name != 'src' and (not name.endswith('href') or value.startswith('#'))
    assert 'url(' not in text.replace('url(#', '')
    assert "default-src 'none'" in text and 'prefers-color-scheme: dark' in text
    assert HOSTILE in page.cells


def test_latex_of_hostile_files_is_whole_tables(hostile):
    text = hostile.to_latex('r_videos.pdf')
    assert text.count(r'\begin{table}') == text.count(r'\end{table}') == len(hostile.grids) == 8
    labels = re.findall(r'\\label\{([^}]*)\}', text)
    assert len({*labels}) == len(labels) == 9 and all(
        re.fullmatch('[a-z0-9:-]+', x) for x in labels
    )
    for table in text.split(r'\begin{tabular}')[1:]:
        columns = re.match(r'\{([lr]+)\}', table)[1]
        body = table[: table.index(r'\end{tabular}')]
        rows = [
            line for line in body.splitlines() if line.endswith(r'\\') and '\\multi' not in line
        ]
        assert {len(re.findall(r'(?<!\\)&', row)) for row in rows} == {len(columns) - 1}
        assert [f'\\{rule}rule' in body for rule in ('top', 'mid', 'bottom')] == [True] * 3
    caption = re.search(r'\\caption\{(.*)\}', text)[1]
    assert caption.startswith('Protocol exact, ') and '8 videos, 80 frames' in caption
    assert r'\textless{}script\textgreater{}' in caption


def test_labels_differ_where_names_have_no_letters_for_them():
    files = [report({'CC': RNG.random(8)}, dataset=name) for name in ('数据', 'データ')]
    text = leaderboard(*files, resamples=200).to_latex()
    labels = re.findall(r'\\label\{tab:leaderboard-([^}]*)\}', text)
    assert labels == ['scores-exact-test-1', 'scores-exact-test-2']


@pytest.mark.skipif(not shutil.which('pdflatex'), reason='needs pdflatex')
@pytest.mark.parametrize('which', ['hostile', 'many'])
def test_latex_compiles(hostile, tmp_path, which):
    found = hostile
    if which == 'many':
        metrics = ('CC', 'KL', 'SIM', 'NSS', 'AUC-J', 's-AUC')
        scores = [{metric: RNG.random(8) for metric in metrics} for _ in range(10)]
        files = [dict(reports=[report(one, name) for name in 'abcdefgh']) for one in scores]
        found = leaderboard(*files, names=[f'a-model-{i}' for i in range(10)], resamples=20)
        assert len(found.grids) == 58
    Image.new('L', (10, 40)).save(tmp_path / 'tall.png')
    (tmp_path / 'r.tex').write_text(found.to_latex('tall.png'))
    (tmp_path / 'paper.tex').write_text(
        '\\documentclass{article}\\usepackage{booktabs,graphicx}\n'
        '\\begin{document}\\input{r}\\end{document}\n'
    )
    command = ['pdflatex', '-interaction=nonstopmode', '-halt-on-error', 'paper.tex']
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors='replace')
    assert ended.returncode == 0, ended.stdout[-2000:]
    assert 'Overfull' not in ended.stdout and 'too large' not in ended.stdout


@pytest.mark.filterwarnings('error')
def test_the_picture_shows_every_row(tmp_path):
    base = RNG.random(8)
    found = leaderboard(
        *(report(dict.fromkeys('abcd', base + shift)) for shift in (0, -0.1, 0.2)),
        names=['x', '_y' * 60, '$z\U0001f600'],
        resamples=200,
    )
    found.save(tmp_path / 'r.md')
    image = np.asarray(Image.open(tmp_path / 'r_videos.png').convert('RGB')).astype(int)
    for color in ((0x00, 0x79, 0x8C), (0xED, 0xAE, 0x49)):
        # Drawn half transparent, but in the legend.
        assert (np.abs(image - color).sum(2) < 20).any()
    assert '](r_videos.png)' in (tmp_path / 'r.md').read_text()
    assert found.to_html() == found.to_html()
