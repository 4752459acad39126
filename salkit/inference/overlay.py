"""Draws where people look over the frames they look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from ..errors import ConfigError, ShapeError
from ..utils.text import check_choice, nearest_names

NORMALIZE = ('video', 'frame', 'none')
# Opacity rises with this power of saliency: a little more than in proportion at the foot of a peak.
GAMMA = 0.75
WHITE, DARK = (255, 255, 255), (16, 16, 16)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class OverlayStyle:
    """How saliency is drawn.

    Attributes:
        colors: a color map of matplotlib.
        alpha: opacity where saliency is at its peak, 0 to 1. Elsewhere it is this times the share
            of the peak to the power of 0.75, so that frames stay as they are where nobody looks.
        normalize: what counts as the peak: 'frame' each map's maximum, so that something is seen in
            every frame, 'video' that of all its maps, so that frames compare, 'none' 1.
        contours: lines at these shares of the peak, each above 0 and below 1.
        fixations: whether fixations are drawn as dots, where they are given.
        side_by_side: whether the ground truth's density map is drawn at the right.

    Raises:
        ConfigError: a value out of range; for an unknown color map with the nearest names.
    """

    colors: str = 'turbo'
    alpha: float = 0.7
    normalize: str = 'frame'
    contours: tuple[float, ...] = ()
    fixations: bool = False
    side_by_side: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, 'contours', tuple(self.contours))
        if not 0 <= self.alpha <= 1:
            raise ConfigError(f'alpha must lie between 0 and 1, got {self.alpha}')
        check_choice('', 'normalize', self.normalize, NORMALIZE)
        if not all(0 < share < 1 for share in self.contours):
            raise ConfigError(
                f'contours are shares of the peak, above 0 and below 1, got {self.contours}'
            )
        color_table(self.colors)


class Overlay:
    """Draws saliency over frames.

    Args:
        style: how.
        peak: maximum of the video's maps, for the style's normalize='video'.

    Raises:
        ConfigError: normalize='video' without a peak.
    """

    def __init__(self, style: OverlayStyle | None = None, peak: float | None = None) -> None:
        self.style = style or OverlayStyle()
        self.peak = peak
        if self.style.normalize == 'video' and peak is None:
            raise ConfigError("normalize='video' needs the maximum of the video's maps as its peak")
        colors = color_table(self.style.colors).astype(np.float64)
        opacity = self.style.alpha * (np.arange(256) / 255)[:, None, None] ** GAMMA
        # A frame times `_rest` plus `_added`, both looked up by saliency, is the blend.
        self._added = np.rint(colors * opacity).astype(np.uint8)
        self._rest = np.rint(255 * (1 - opacity)).astype(np.uint8).repeat(3, axis=2)

    def width(self, columns: int) -> int:
        """Columns of the picture for a frame with so many."""
        return 2 * columns + _gap(columns) if self.style.side_by_side else columns

    def __call__(
        self,
        frame: np.ndarray,
        saliency_map: np.ndarray,
        fixation_map: np.ndarray | None = None,
        density_map: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw one frame. Maps of another size than the frame are resized.

        Args:
            frame: (H, W, 3) uint8 RGB.
            saliency_map: (h, w), prediction >= 0; what is not finite counts as 0.
            fixation_map: (h, w), fixations where above 0; drawn if the style says so.
            density_map: (h, w), ground truth >= 0; drawn by its own maximum in a side-by-side.

        Returns:
            (H, W, 3) uint8 RGB; in a side-by-side (H, 2 W + a gap, 3), the prediction at the left.

        Raises:
            ShapeError: a frame or map of another shape or type.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise ShapeError(
                f'expected a frame (H, W, 3) of uint8, got {frame.shape} of {frame.dtype}'
            )
        frame = np.ascontiguousarray(frame)
        peak = {'video': self.peak, 'frame': None, 'none': 1.0}[self.style.normalize]
        drawn = self._draw(frame, saliency_map, peak, fixation_map)
        if not self.style.side_by_side:
            return drawn
        rows, columns = frame.shape[:2]
        truth = self._draw(frame, density_map, None, fixation_map)
        _label(drawn, 'prediction')
        _label(truth, 'ground truth')
        gap = np.full((rows, _gap(columns), 3), 255, np.uint8)
        return cv2.hconcat([drawn, gap, truth])

    def _draw(
        self,
        frame: np.ndarray,
        saliency_map: np.ndarray | None,
        peak: float | None,
        fixation_map: np.ndarray | None,
    ) -> np.ndarray:
        drawn = frame.copy()
        if saliency_map is not None:
            levels = _levels(saliency_map, peak, frame.shape[:2])
            drawn = cv2.multiply(frame, cv2.applyColorMap(levels, self._rest), scale=1 / 255)
            cv2.add(drawn, cv2.applyColorMap(levels, self._added), dst=drawn)
            for share in self.style.contours:
                draw_contour(drawn, levels, share)
        if self.style.fixations and fixation_map is not None:
            _dots(drawn, fixation_map)
        return drawn


@lru_cache(maxsize=16)
def color_table(name: str) -> np.ndarray:
    """A color map of matplotlib, (256, 1, 3) uint8 RGB.

    Raises:
        ConfigError: no such color map.
    """
    # Heavy, and only overlays need it.
    import matplotlib

    if name not in matplotlib.colormaps:
        # There are too many to name them all where nothing is alike.
        nearest = nearest_names(str(name), matplotlib.colormaps, cutoff=0.1)
        raise ConfigError(f'matplotlib has no color map {name!r}; {nearest}')
    colors = matplotlib.colormaps[name]
    table = colors(np.linspace(0, 1, 256), bytes=True)[:, None, :3]
    return np.ascontiguousarray(table)


def _levels(saliency_map: np.ndarray, peak: float | None, size: tuple[int, int]) -> np.ndarray:
    """A map as (rows, columns) uint8 with the peak at 255; without a peak, its own maximum."""
    values = np.asarray(saliency_map)
    if values.ndim != 2:
        raise ShapeError(f'expected a map (H, W), got {values.shape}')
    values = np.where(np.isfinite(values) & (values > 0), values, 0).astype(np.float32)
    peak = float(values.max()) if peak is None else peak
    if values.shape != size:
        values = cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.convertScaleAbs(values, alpha=255 / peak if peak > 0 else 0)


def draw_contour(
    picture: np.ndarray, levels: np.ndarray, share: float, color: tuple[int, ...] = WHITE
) -> None:
    """A line with a dark rim where (H, W) uint8 levels pass this share of 255."""
    _, above = cv2.threshold(levels, np.ceil(255 * share) - 1, 255, cv2.THRESH_BINARY)
    thick = max(1, round(min(picture.shape[:2]) / 300))
    # Where an area runs out of the picture, so does its line.
    edge = thick + 2
    above = cv2.copyMakeBorder(above, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    lines, _ = cv2.findContours(above, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(-edge, -edge))
    cv2.polylines(picture, lines, True, DARK, thick + 2, cv2.LINE_AA)
    cv2.polylines(picture, lines, True, color, thick, cv2.LINE_AA)


def _dots(picture: np.ndarray, fixation_map: np.ndarray) -> None:
    """A white dot with a dark rim for each fixation."""
    fixations = np.asarray(fixation_map)
    if fixations.ndim != 2:
        raise ShapeError(f'expected a fixation map (H, W), got {fixations.shape}')
    scale = np.array(picture.shape[:2]) / fixations.shape
    radius = max(1.5, min(picture.shape[:2]) / 125)
    # In sixteenths of a pixel; a pixel's centre lies half a pixel from its corner.
    places = np.rint(((np.argwhere(fixations > 0) + 0.5) * scale - 0.5) * 16).astype(int)
    # All rims first, for dots that overlap.
    for color, extent in ((DARK, 1.5 * radius), (WHITE, radius)):
        for y, x in places.tolist():
            cv2.circle(picture, (x, y), round(extent * 16), color, -1, cv2.LINE_AA, 4)


def _label(picture: np.ndarray, text: str) -> None:
    """Small words at the top left, if there is room for them."""
    scale = min(picture.shape[:2]) / 400
    if scale < 0.24:
        return
    corner, thick = (round(12 * scale), round(36 * scale)), max(1, round(scale))
    for color, width in ((DARK, thick + 2), (WHITE, thick)):
        cv2.putText(picture, text, corner, _FONT, scale, color, width, cv2.LINE_AA)


def _gap(columns: int) -> int:
    """Columns between two pictures; even, so that an even width stays one."""
    return max(2, 2 * round(columns / 320))
