"""The leaderboard, and the files that it is written to."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..utils.files import whole_file
from ..utils.tabular import Record, Tabular, as_html
from ..utils.text import listed
from ..version import __version__
from .leaderboard_formats import as_latex, as_markdown, as_text
from .leaderboard_grids import Grid, grids, score_grid
from .leaderboard_page import grid_as_html, page_of
from .leaderboard_plot import panels_of, write_panels
from .leaderboard_tables import Agreement, Board

# By the ending of a report, how the picture beside it ends; '' where it is inside.
FORMATS = {'.html': '', '.md': '_videos.png', '.tex': '_videos.pdf'}


@dataclass(frozen=True)
class Leaderboard(Tabular):
    """What `leaderboard` gives.

    Attributes:
        boards: one a protocol, data set, split and choice of frames.
        agreements: Kendall's tau of each two protocols on the same frames, by metric.
        scatter: metrics whose single videos are drawn.
        warnings: what the reader should know, a line each.
        files: what it is made of.
        settings: how the numbers were made.
    """

    boards: tuple[Board, ...]
    agreements: tuple[Agreement, ...]
    scatter: tuple[str, ...]
    warnings: tuple[str, ...]
    files: tuple[str, ...]
    settings: dict[str, object]

    @property
    def notes(self) -> list[str]:
        """What a report says beside its tables: the warnings, and how it was made."""
        draws, seed = self.settings['resamples'], self.settings['seed']
        origin = f'made by salkit {__version__} of {", ".join(map(str, self.files))}'
        return [*self.warnings, f'{origin}; {draws} draws of the bootstrap, seed {seed}']

    @property
    def grids(self) -> list[Grid]:
        """Its tables."""
        return grids(self.boards, self.agreements)

    @property
    def headline(self) -> str:
        """What it is made of, in a line."""
        return f'{len(self.files)} score files: {listed([b.title for b in self.boards], 2)}'

    def records(self) -> list[Record]:
        """A row for each model and board: its scores, and what they are of."""
        return [
            dict(
                protocol=board.subject.protocol,
                dataset=board.subject.dataset,
                split=board.subject.split,
                model=entry.name,
                role=entry.role,
                videos=len(entry.scores.per_video),
                frames=entry.scores.frames,
                **{metric: entry.score(metric) for metric in board.metrics},
            )
            for board in self.boards
            for entry in board.entries
        ]

    def _repr_html_(self) -> str:
        tables = [grid_as_html(score_grid(board), 'b') for board in self.boards]
        more = len(self.grids) - len(tables)
        rest = [f'{more} more tables, of differences and ranks: see format()'] if more else []
        return '\n'.join([*tables, *(f'<p>{as_html(note)}.</p>' for note in rest + self.notes)])

    def to_json(self) -> dict[str, object]:
        """All numbers, as plain values; undefined ones are None."""
        return dict(
            files=list(self.files),
            settings=self.settings,
            warnings=list(self.warnings),
            boards=[board.to_json() for board in self.boards],
            agreements=[one.to_json() for one in self.agreements],
        )

    def format(self) -> str:
        """The tables as aligned text."""
        return as_text(self.grids)

    def to_markdown(self, picture: str | None = None) -> str:
        """The tables in GitHub's Markdown, with a picture of that address where there is one."""
        return as_markdown(self.grids, picture, self.notes)

    def to_latex(self, picture: str | None = None) -> str:
        """The tables as LaTeX to be put in, with a picture of that name where there is one."""
        return as_latex(self.grids, picture, self.notes)

    def to_html(self) -> str:
        """One page with tables and pictures, which loads nothing."""
        return page_of(self.grids, self.boards, self.scatter, self.notes)

    def save(self, path: str | Path) -> list[Path]:
        """Write the report as HTML, Markdown or LaTeX, by the ending of its name.

        Beside the last two lies the picture of single videos, `<name>_videos.png` or `.pdf`. Files
        are complete or not there.

        Args:
            path: of the report; its folder is made where it does not exist.

        Returns:
            The files that were written.

        Raises:
            ConfigError: another ending.
        """
        path = check_report_place(path)
        ending = path.suffix.lower()
        picture = None
        if FORMATS[ending] and any(panels_of(board, self.scatter) for board in self.boards):
            picture = path.with_name(path.stem + FORMATS[ending])
        with ExitStack() as files:
            report = files.enter_context(whole_file(path))
            if picture:
                drawn = files.enter_context(whole_file(picture))
                write_panels(self.boards, self.scatter, drawn, picture.suffix[1:])
            name = picture.name if picture else None
            if ending == '.html':
                text = self.to_html()
            else:
                text = self.to_markdown(name) if ending == '.md' else self.to_latex(name)
            report.write_text(text, encoding='utf-8')
        return [path, picture] if picture else [path]


def check_report_place(path: str | Path) -> Path:
    """Check that a report's name ends as one of `FORMATS`.

    Raises:
        ConfigError: it does not.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f'{path}: the name of the report should end in {", ".join(FORMATS)}')
    return path
