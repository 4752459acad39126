"""Draws where people look over the frames they look at."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..errors import ConfigError, ShapeError

NORMALISE = ('video', 'frame', 'none')
# Opacity rises with this power of saliency: a little more than in proportion at the foot of a peak.
GAMMA = 0.75
WHITE, DARK = (255, 255, 255), (16, 16, 16)
PREDICTION, TRUTH, NO_TRUTH = 'prediction', 'ground truth', 'no ground truth'


@dataclass(frozen=True)
class OverlayStyle:
    """How saliency is drawn.

    Attributes:
        colours: a colour map of matplotlib.
        alpha: opacity where saliency is at its peak, 0 to 1. Elsewhere it is this times the share
            of the peak to the power of 0.75, so that frames stay as they are where nobody looks.
        normalise: what counts as the peak: 'video' the maximum of all its maps, 'frame' each map's
            own, 'none' 1.
        contours: lines at these shares of the peak, each above 0 and below 1.
        fixations: whether fixations are drawn as dots, where they are given.
        side_by_side: whether the ground truth's density map is drawn at the right.

    Raises:
        ConfigError: a value out of range; an unknown colour map tells the nearest names.
    """

    colours: str = 'turbo'
    alpha: float = 0.7
    normalise: str = 'video'
    contours: tuple[float, ...] = ()
    fixations: bool = False
    side_by_side: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, 'contours', tuple(self.contours))
        if not 0 <= self.alpha <= 1:
            raise ConfigError(f'alpha must lie between 0 and 1, got {self.alpha}')
        if self.normalise not in NORMALISE:
            raise ConfigError(f'normalise must be one of {NORMALISE}, got {self.normalise!r}')
        if not all(0 < share < 1 for share in self.contours):
            raise ConfigError(
                f'contours are shares of the peak, above 0 and below 1, got {self.contours}'
            )
        colour_table(self.colours)


class Overlay:
    """Draws saliency over frames.

    Args:
        style: how.
        peak: maximum of the video's maps, for the style's normalise='video'.

    Raises:
        ConfigError: normalise='video' without a peak.
    """

    def __init__(self, style: OverlayStyle | None = None, peak: float | None = None) -> None:
        self.style = style or OverlayStyle()
        self.peak = peak
        if self.style.normalise == 'video' and peak is None:
            raise ConfigError("normalise='video' needs the maximum of the video's maps as its peak")
        colours = colour_table(self.style.colours).astype(np.float64)
        opacity = self.style.alpha * (np.arange(256) / 255)[:, None, None] ** GAMMA
        # A frame times `_rest` plus `_added`, both looked up by saliency, is the blend.
        self._added = np.rint(colours * opacity).astype(np.uint8)
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
            ShapeError: what is no frame, or no map.
        """
        import cv2

        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise ShapeError(
                f'expected a frame (H, W, 3) of uint8, got {frame.shape} of {frame.dtype}'
            )
        frame = np.ascontiguousarray(frame)
        peak = {'video': self.peak, 'frame': None, 'none': 1.0}[self.style.normalise]
        drawn = self._draw(frame, saliency_map, peak, fixation_map)
        if not self.style.side_by_side:
            return drawn
        rows, columns = frame.shape[:2]
        truth = frame.copy()
        if density_map is not None or fixation_map is not None:
            truth = self._draw(frame, density_map, None, fixation_map)
        _label(drawn, PREDICTION)
        _label(truth, NO_TRUTH if density_map is None and fixation_map is None else TRUTH)
        gap = np.full((rows, _gap(columns), 3), 255, np.uint8)
        return cv2.hconcat([drawn, gap, truth])

    def _draw(
        self,
        frame: np.ndarray,
        saliency_map: np.ndarray | None,
        peak: float | None,
        fixation_map: np.ndarray | None,
    ) -> np.ndarray:
        import cv2

        drawn = frame.copy()
        if saliency_map is not None:
            levels = _levels(saliency_map, peak, frame.shape[:2])
            drawn = cv2.multiply(frame, cv2.applyColorMap(levels, self._rest), scale=1 / 255)
            cv2.add(drawn, cv2.applyColorMap(levels, self._added), dst=drawn)
            for share in self.style.contours:
                _contour(drawn, levels, share)
        if self.style.fixations and fixation_map is not None:
            _dots(drawn, fixation_map)
        return drawn


def colourise(
    saliency_map: np.ndarray, style: OverlayStyle | None = None, peak: float | None = None
) -> np.ndarray:
    """A map in colours, without the frame.

    Args:
        saliency_map: (H, W), >= 0.
        style: its `colours` and `normalise`; for 'video' the peak must be given.
        peak: maximum of the video's maps.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import cv2

    style = style or OverlayStyle()
    if style.normalise == 'video' and peak is None:
        raise ConfigError("normalise='video' needs the maximum of the video's maps as its peak")
    peak = {'video': peak, 'frame': None, 'none': 1.0}[style.normalise]
    return cv2.applyColorMap(_levels(saliency_map, peak), colour_table(style.colours))


@lru_cache(maxsize=16)
def colour_table(name: str) -> np.ndarray:
    """A colour map of matplotlib, (256, 1, 3) uint8 RGB.

    Raises:
        ConfigError: no such colour map.
    """
    import matplotlib

    try:
        colours = matplotlib.colormaps[name]
    except (KeyError, TypeError):
        nearest = difflib.get_close_matches(str(name), list(matplotlib.colormaps), n=3)
        hint = f'did you mean {" or ".join(nearest)}?' if nearest else 'such as turbo or inferno'
        raise ConfigError(f'matplotlib has no colour map {name!r}; {hint}') from None
    table = colours(np.linspace(0, 1, 256), bytes=True)[:, None, :3]
    return np.ascontiguousarray(table)


def _levels(
    saliency_map: np.ndarray, peak: float | None, size: tuple[int, int] | None = None
) -> np.ndarray:
    """A map as (rows, columns) uint8 with the peak at 255; without a peak, its own maximum."""
    import cv2

    values = np.asarray(saliency_map)
    if values.ndim != 2:
        raise ShapeError(f'expected a map (H, W), got {values.shape}')
    values = np.ascontiguousarray(values, np.float32)
    # Neither negative nor not-a-number: both fail the comparison.
    _, values = cv2.threshold(values, 0, 0, cv2.THRESH_TOZERO)
    highest = cv2.minMaxLoc(values)[1]
    if not np.isfinite(highest):
        values[~np.isfinite(values)] = 0
        highest = float(values.max())
    if size is not None and values.shape != size:
        values = cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)
    peak = highest if peak is None else peak
    return cv2.convertScaleAbs(values, alpha=255 / peak if peak > 0 else 0)


def _contour(picture: np.ndarray, levels: np.ndarray, share: float) -> None:
    """A line where saliency passes this share of the peak."""
    import cv2

    _, above = cv2.threshold(levels, np.ceil(255 * share) - 1, 255, cv2.THRESH_BINARY)
    thick = _line_width(picture)
    # Where an area runs out of the picture, so does its line.
    edge = thick + 2
    above = cv2.copyMakeBorder(above, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    lines, _ = cv2.findContours(above, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(-edge, -edge))
    cv2.polylines(picture, lines, True, DARK, thick + 2, cv2.LINE_AA)
    cv2.polylines(picture, lines, True, WHITE, thick, cv2.LINE_AA)


def _dots(picture: np.ndarray, fixation_map: np.ndarray) -> None:
    """A white dot with a dark rim for each fixation."""
    import cv2

    fixations = np.asarray(fixation_map)
    if fixations.ndim != 2:
        raise ShapeError(f'expected a fixation map (H, W), got {fixations.shape}')
    scale = np.array(picture.shape[:2]) / fixations.shape
    radius = max(1.5, min(picture.shape[:2]) / 125)
    # In sixteenths of a pixel; a pixel's centre lies half a pixel from its corner.
    places = np.rint(((np.argwhere(fixations > 0) + 0.5) * scale - 0.5) * 16).astype(int)
    # All rims first, for dots that overlap.
    for colour, extent in ((DARK, 1.5 * radius), (WHITE, radius)):
        for y, x in places.tolist():
            cv2.circle(picture, (x, y), round(extent * 16), colour, -1, cv2.LINE_AA, 4)


def _label(picture: np.ndarray, text: str) -> None:
    """Small words at the top left, if there is room for them."""
    letters, rim = _words(text, *picture.shape[:2])
    corner = picture[: letters.shape[0], : letters.shape[1]]
    blend = corner * (1 - rim) + np.float32(DARK) * (rim - letters) + np.float32(WHITE) * letters
    corner[:] = np.rint(blend)


@lru_cache(maxsize=8)
def _words(text: str, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Opacity of the letters, and of them and their rim, both (h, w, 1) float32."""
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = min(max(rows / 28, 10) / height, 0.8 * columns / width)
    if rows < 96 or height * scale < 6:
        return (np.zeros((0, 0, 1), np.float32),) * 2
    high, wide = round(height * scale), round(width * scale)
    letters = np.zeros((min(rows, 3 * high), min(columns, wide + 2 * high)), np.uint8)
    cv2.putText(
        letters, text, (high, 2 * high), font, scale, 255, max(1, round(scale)), cv2.LINE_AA
    )
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (high // 8) + 3,) * 2)
    rim = cv2.GaussianBlur(cv2.dilate(letters, disc), (3, 3), 0)
    letters, rim = (mask[..., None].astype(np.float32) / 255 for mask in (letters, rim))
    return letters, np.maximum(letters, rim)


def _line_width(picture: np.ndarray) -> int:
    return max(1, round(min(picture.shape[:2]) / 300))


def _gap(columns: int) -> int:
    """Columns between two pictures; even, so that an even width stays one."""
    return max(2, 2 * round(columns / 320))
