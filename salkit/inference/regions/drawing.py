"""Regions drawn over frames, and their shares over time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...utils.files import whole_file
from ..overlay import DARK, Overlay, OverlayStyle, draw_contour
from .collection import Regions
from .report import RegionReport

# More regions are not drawn: nobody could tell their lines or panels apart.
MOST_PANELS = 12
# A pixel that is half covered is inside of the line.
_EDGE = 0.5


def region_color(number: int) -> tuple[int, int, int]:
    """The color of a region, RGB in 0 to 255; every tenth has the same."""
    import matplotlib

    red, green, blue, _ = matplotlib.colormaps['tab10'](number % 10, bytes=True)
    return int(red), int(green), int(blue)


class RegionOverlay(Overlay):
    """Draws saliency over frames, and regions with their names over both.

    Args:
        regions: on the video.
        times: seconds of the frames, in the order in which they are drawn.
        style: how saliency is drawn.
        peak: see `Overlay`.
    """

    def __init__(
        self,
        regions: Regions,
        times: Iterable[float],
        style: OverlayStyle | None = None,
        peak: float | None = None,
    ) -> None:
        super().__init__(style, peak)
        self._regions, self._times = regions, iter(times)
        self._labels: list[np.ndarray] = []

    def __call__(
        self,
        frame: np.ndarray,
        saliency_map: np.ndarray,
        fixation_map: np.ndarray | None = None,
        density_map: np.ndarray | None = None,
    ) -> np.ndarray:
        """See `Overlay`."""
        picture = super().__call__(frame, saliency_map, fixation_map, density_map)
        rows, columns = frame.shape[:2]
        if not self._labels:
            self._labels = [_label(name, rows) for name in self._regions.names]
        covers = self._regions.covers(float(next(self._times)), (rows, columns))
        for number, cover in enumerate(covers):
            if cover is None:
                continue
            color = region_color(number)
            levels = np.round(255 * cover.mask()).astype(np.uint8)
            draw_contour(picture[:, :columns], levels, _EDGE, color)
            top, left = cover.rows.start, cover.columns.start
            _put(picture[:, :columns], self._labels[number], top, left, color)
        return picture


def _label(name: str, rows: int) -> np.ndarray:
    """A name as (h, w) uint8, white on black; in a font that has more than ASCII."""
    from matplotlib import font_manager

    font = ImageFont.truetype(font_manager.findfont('DejaVu Sans'), max(10, rows // 30))
    left, top, right, bottom = font.getbbox(name)
    image = Image.new('L', (int(right - left) + 6, int(bottom - top) + 6))
    ImageDraw.Draw(image).text((3 - left, 3 - top), name, fill=255, font=font)
    return np.array(image)


def _put(
    picture: np.ndarray, label: np.ndarray, top: int, left: int, color: tuple[int, int, int]
) -> None:
    """Draw a label in a region's corner, as far as it fits into the picture."""
    rows, columns = picture.shape[:2]
    top = max(0, min(top, rows - label.shape[0]))
    left = max(0, min(left, columns - label.shape[1]))
    place = picture[top : top + label.shape[0], left : left + label.shape[1]]
    ink = label[: place.shape[0], : place.shape[1], None] / 255
    # Dark on bright colors, white on dark ones.
    is_bright = np.dot(color, (0.299, 0.587, 0.114)) > 140
    text = DARK if is_bright else (255, 255, 255)
    place[:] = np.rint(ink * text + (1 - ink) * color).astype(np.uint8)


def plot_shares(report: RegionReport, path: str | Path) -> None:
    """Draw the shares over time and write them as PNG, complete or not at all.

    Without gaze, all regions are in one panel. With it, each has its own: the predicted share of
    every frame as a line, that of the gaze in parts of time as steps, with a band for its interval
    over observers. Of more than `MOST_PANELS`, those with the largest shares are drawn.
    """
    # A figure of its own: pyplot keeps them, and is for one thread.
    from matplotlib.figure import Figure

    ranked = sorted(
        range(len(report.names)), key=lambda region: report.ranks[region] or len(report.names) + 1
    )
    shown = sorted(ranked[:MOST_PANELS])
    panels = [[region] for region in shown] if report.gaze is not None else [shown]
    figure = Figure(figsize=(9, 1.2 + (3.4 if len(panels) == 1 else 1.7 * len(panels))))
    axes = figure.subplots(len(panels), sharex=True, sharey=True, squeeze=False)[:, 0]
    for axis, regions in zip(axes, panels, strict=True):
        for region in regions:
            color = np.array(region_color(region)) / 255
            style = '-' if region < 10 else '--'
            label = report.names[region] if report.gaze is None else 'predicted'
            axis.plot(report.times, 100 * report.shares[:, region], style, color=color, label=label)
            if report.gaze is not None:
                gaze = report.gaze
                ends = np.append(gaze.starts, max(report.times[-1], gaze.starts[-1] + 1e-9))
                low, high, share = (
                    100 * np.append(each[:, region], each[-1, region])
                    for each in (gaze.bin_low, gaze.bin_high, gaze.bin_share)
                )
                axis.step(ends, share, where='post', color='0.3', lw=1, label='gaze')
                axis.fill_between(
                    *(ends, low, high), step='post', color='0.3', alpha=0.2, lw=0, label='95 %'
                )
                axis.set_title(report.names[region], fontsize='medium', loc='left')
        axis.set_ylabel('share (%)')
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].legend(loc='upper left', bbox_to_anchor=(1, 1), fontsize='small', frameon=False)
    axes[-1].set_xlabel('seconds')
    left_out = len(report.names) - len(shown)
    title = f'{report.video}: attention on regions, {report.model}'
    figure.suptitle(title + f'; {left_out} more regions' * bool(left_out), fontsize='medium')
    figure.tight_layout()
    with whole_file(path) as temporary:
        figure.savefig(temporary, format='png', dpi=120)
