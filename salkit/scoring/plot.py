"""A picture of the scores of single videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ConfigError
from ..utils.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .differences import Comparison, Difference

# Names of more videos cannot be read below each other.
NAMED_VIDEOS = 40
COLORS = ('#222222', '#d1495b', '#00798c', '#edae49', '#7b5ea7', '#66a182')


def _panel(axis: Axes, reference: str, rows: list[Difference], protocol: str) -> None:
    """Scores of every video in one metric, in the order of the reference's."""
    metric = rows[0].metric
    scores = dict(zip(rows[0].videos, rows[0].reference_scores, strict=True))
    for row in rows:
        scores |= dict(zip(row.videos, row.reference_scores, strict=True))
    order = {video: i for i, video in enumerate(sorted(scores, key=lambda v: (scores[v], v)))}
    axis.plot(list(order.values()), sorted(scores.values()), '.', color=COLORS[0], label=reference)
    for number, row in enumerate(rows):
        color = COLORS[1 + number % (len(COLORS) - 1)]
        places = np.array([order[video] for video in row.videos])
        if len(rows) == 1:
            # The pair's line makes the difference of each video visible.
            axis.vlines(
                places, row.reference_scores, row.other_scores, color=color, alpha=0.4, lw=1
            )
        axis.plot(places, row.other_scores, '.', color=color, label=row.other)
    arrow = 'lower is better' if rows[0].better == 'lower' else 'higher is better'
    axis.set_title(f'{metric} ({arrow}), protocol {protocol}', fontsize='medium', loc='left')
    axis.set_ylabel(metric)
    axis.grid(axis='y', alpha=0.3)
    axis.set_xlim(-0.5, max(len(order), 1) - 0.5)
    if len(order) <= NAMED_VIDEOS:
        axis.set_xticks(range(len(order)), list(order), rotation=90, fontsize='x-small')
    else:
        axis.set_xticks([])
        axis.set_xlabel(f"{len(order)} videos, by {reference}'s score")


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
    path = Path(path)
    if path.suffix.lower() != '.png':
        raise ConfigError(f'{path}: the picture is a PNG file, so its name should end in .png')
    # Heavy, and only for pictures.
    from matplotlib.figure import Figure

    panels: dict[tuple[str, str], list[Difference]] = {}
    for row in comparison.differences:
        if row.videos:
            panels.setdefault((row.protocol, row.metric), []).append(row)
    columns = 1 if len(panels) < 3 else 2
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(7.5 * columns, 2.6 * lines), layout='constrained')
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, ((protocol, _), rows) in zip(axes, panels.items(), strict=False):
        _panel(axis, comparison.reference, rows, protocol)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc='outside upper right',
        fontsize='small',
        ncols=1 + len(comparison.others),
    )
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=100, format='png')
