"""Regions drawn over frames, and their shares over time."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...utils.files import whole_file
from ..overlay import DARK, Overlay, OverlayStyle, draw_contour
from .collection import Regions
from .gaze import BIN_SECONDS, GazeShares
from .report import RegionReport

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text

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
    """A name as (h, w) uint8, white on black."""
    font = ImageFont.truetype(_font_of(name), max(10, rows // 30))
    left, top, right, bottom = font.getbbox(name)
    image = Image.new('L', (int(right - left) + 6, int(bottom - top) + 6))
    ImageDraw.Draw(image).text((3 - left, 3 - top), name, fill=255, font=font)
    return np.array(image)


def _font_of(text: str) -> str:
    """The file of a font that has most letters of a text; matplotlib's own where that has all."""
    from matplotlib.font_manager import findfont, fontManager
    from matplotlib.ft2font import FT2Font

    own, letters = findfont('DejaVu Sans'), {*map(ord, text)}
    # The last resort has boxes for all letters.
    fonts = (font for font in fontManager.ttflist if not font.name.startswith('Last Resort'))
    files = [own, *(font.fname for font in fonts if font.style == 'normal')]
    if letters <= FT2Font(own).get_charmap().keys():
        return own
    return min(files, key=lambda file: len(letters - FT2Font(file).get_charmap().keys()))


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
    height = 1.2 + (3.4 if len(panels) == 1 else 1.7 * len(panels))
    figure = Figure(figsize=(9, height), layout='constrained')
    axes = figure.subplots(len(panels), sharex=True, sharey=True, squeeze=False)[:, 0]
    for axis, regions in zip(axes, panels, strict=True):
        names = [report.names[region] for region in regions]
        handles: list[Artist] = [_draw_predicted(axis, report, region) for region in regions]
        if report.gaze is not None:
            handles += _draw_gaze(axis, report.gaze, report.times, regions[0])
            _write(axis.set_title(' ', fontsize='medium', loc='left'), names[0])
            names = ['predicted', 'gaze', '95 %']
        if axis is axes[0]:
            _add_legend(axis, handles, names)
        axis.set_ylabel('share (%)')
        axis.grid(alpha=0.3)
    # All panels have these, and the first alone is not the highest.
    axes[0].set_ylim(bottom=0)
    if len(report.times) > 1:
        axes[-1].set_xlim(report.times[0], report.times[-1])
    axes[-1].set_xlabel('seconds')
    left_out = len(report.names) - len(shown)
    title = f'{report.video}: attention on regions, {report.model}'
    title += f'; {left_out} more regions' * bool(left_out)
    _write(figure.suptitle(' ', fontsize='medium'), title, 90)
    with whole_file(path) as temporary, warnings.catch_warnings():
        # Of letters that no font has.
        warnings.filterwarnings('ignore', 'Glyph .* missing')
        figure.savefig(temporary, format='png', dpi=120)


def _draw_predicted(axis: Axes, report: RegionReport, region: int) -> Artist:
    """Draw the share of a region on every frame; a line of one frame is a point."""
    shares = 100 * report.shares[:, region]
    there = np.pad(np.isfinite(shares), 1)
    is_alone = there[1:-1] & ~there[:-2] & ~there[2:]
    (line,) = axis.plot(
        report.times,
        shares,
        '-' if region < 10 else '--',
        color=np.array(region_color(region)) / 255,
        marker='o',
        markersize=4,
        markevery=is_alone.tolist(),
    )
    return line


def _draw_gaze(axis: Axes, gaze: GazeShares, times: np.ndarray, region: int) -> list[Artist]:
    """Draw the share of the gaze in parts of time, and its interval."""
    end = times[-1] if times[-1] > gaze.starts[-1] else gaze.starts[-1] + BIN_SECONDS
    ends = np.append(gaze.starts, end)
    low, high, share = (
        100 * np.append(each[:, region], each[-1, region])
        for each in (gaze.bin_low, gaze.bin_high, gaze.bin_share)
    )
    (line,) = axis.step(ends, share, where='post', color='0.3', lw=1)
    return [line, axis.fill_between(ends, low, high, step='post', color='0.3', alpha=0.2, lw=0)]


def _add_legend(axis: Axes, handles: Sequence[Artist], names: Sequence[str]) -> None:
    """Say what is drawn; an underscore in front would hide a name from matplotlib's own legend."""
    place = dict(loc='upper left', bbox_to_anchor=(1, 1))
    legend = axis.legend(handles, [' '] * len(names), fontsize='small', frameon=False, **place)
    for text, name in zip(legend.get_texts(), names, strict=True):
        _write(text, name)


def _write(text: Text, content: str, most: int = 32) -> None:
    """Put words into a text of a figure as they are, dollars included, and as far as they fit."""
    from matplotlib.font_manager import FontProperties

    text.set_parse_math(False)
    text.set_fontproperties(FontProperties(fname=_font_of(content), size=text.get_fontsize()))
    text.set_text(content if len(content) <= most else f'{content[: most - 1]}…')
