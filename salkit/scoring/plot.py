"""A picture of the scores of single videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ConfigError
from ..types import with_unit
from ..utils.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .differences import Comparison, Difference

COLORS = ('#222222', '#d1495b', '#00798c', '#edae49', '#7b5ea7', '#66a182')


def _panel(axis: Axes, reference: str, rows: list[Difference]) -> None:
    """Scores of every video in one metric, in the order of the reference's."""
    scores = {v: s for row in rows for v, s in zip(row.videos, row.reference_scores, strict=True)}
    order = {video: i for i, video in enumerate(sorted(scores, key=lambda v: (scores[v], v)))}
    axis.plot(sorted(scores.values()), '.', color=COLORS[0], label=reference)
    for number, row in enumerate(rows):
        color = COLORS[1 + number % (len(COLORS) - 1)]
        places = np.array([order[video] for video in row.videos])
        if len(rows) == 1:
            # The pair's line makes the difference of each video visible.
            ends = row.reference_scores, row.other_scores
            axis.vlines(places, *ends, color=color, alpha=0.4, lw=1)
        axis.plot(places, row.other_scores, '.', color=color, label=row.other)
    title = f'{with_unit(rows[0].metric)} ({rows[0].better} is better), protocol {rows[0].protocol}'
    axis.set_title(title, fontsize='medium', loc='left')
    axis.set_xlabel(f"{len(order)} videos, by {reference}'s score")
    axis.set_xticks([])
    axis.grid(axis='y', alpha=0.3)


def check_picture_place(path: str | Path) -> None:
    """Raise ConfigError unless a picture's name ends in .png."""
    if Path(path).suffix.lower() != '.png':
        raise ConfigError(f'{path}: the picture is a PNG file, so its name should end in .png')


def plot_per_video(comparison: Comparison, path: str | Path) -> None:
    """Draw the scores of every video, a panel a metric, and write them as PNG.

    Videos stand in the order of the reference's score in the panel's metric. The file is either
    complete or not there.

    Args:
        comparison: what `compare` gave.
        path: of the PNG; its folder is made where it does not exist.

    Raises:
        ConfigError: `path` does not end in .png.
    """
    check_picture_place(path)
    # Heavy, and only for pictures.
    from matplotlib.figure import Figure

    panels: dict[tuple[str, str], list[Difference]] = {}
    for row in comparison.differences:
        if row.videos:
            panels.setdefault((row.protocol, row.metric), []).append(row)
    figure = Figure(figsize=(7.5, 2.6 * len(panels)), layout='constrained')
    axes = figure.subplots(len(panels), squeeze=False)[:, 0]
    for axis, rows in zip(axes, panels.values(), strict=True):
        _panel(axis, comparison.reference, rows)
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc='outside upper right',
        fontsize='small',
        ncols=1 + len(comparison.others),
    )
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=100, format='png')
