"""Predictions beside what people did, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, DPI = 9.0, 100
COLORS = 'magma'


@dataclass(frozen=True)
class PanelRow:
    """One frame of a panel.

    Attributes:
        name: what to call it.
        frame: (h, w, 3) uint8 RGB, of any size.
        density_map: (H, W), the ground truth; None where there is none.
        saliency_map: (H, W), the prediction, at the size of the video.
        score: how good the prediction is, in a word or two.
    """

    name: str
    frame: np.ndarray
    density_map: np.ndarray | None
    saliency_map: np.ndarray
    score: str = ''


def draw_panel(rows: Sequence[PanelRow]) -> np.ndarray:
    """Draw a row a frame: the frame, its density map, the prediction. Each map by its own maximum.

    Args:
        rows: at least one.

    Returns:
        (H, W, 3) uint8 RGB, 900 pixels wide.
    """
    # Heavy, and only for pictures.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # All rows are as tall as the tallest frame needs.
    shape = max(row.saliency_map.shape[0] / row.saliency_map.shape[1] for row in rows)
    size = (WIDTH, (WIDTH / 3 * shape + 0.25) * len(rows))
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03, wspace=0, hspace=0)
    figure = Figure(figsize=size, dpi=DPI, layout=layout)
    canvas = FigureCanvasAgg(figure)
    for axes, row in zip(figure.subplots(len(rows), 3, squeeze=False), rows, strict=True):
        # Clips may be squeezed, the prediction has the shape of the video.
        extent = (0, row.saliency_map.shape[1], row.saliency_map.shape[0], 0)
        maps = (row.density_map, row.saliency_map)
        for axis, picture in zip(axes, (row.frame, *maps), strict=True):
            axis.set_axis_off()
            if picture is None:
                axis.text(0.5, 0.5, 'no density map', ha='center', va='center', color='gray')
                continue
            axis.imshow(picture, cmap=COLORS, vmin=0, extent=extent, interpolation='bilinear')
        titles = (row.name, 'ground truth', 'prediction')
        for axis, title in zip(axes, titles, strict=True):
            # A dollar sign would begin a formula.
            axis.set_title(title, fontsize=9, loc='left', pad=3, parse_math=False)
        axes[2].set_title(row.score, fontsize=9, loc='right', pad=3)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
