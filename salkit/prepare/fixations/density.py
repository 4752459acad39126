"""Density maps from fixations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...datasets.published import DensityArguments
from ...errors import ConfigError, ShapeError
from ...functional.density import gaussian_density
from ...functional.fixations import count_fixations

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class DensityOptions:
    """How a density is made from fixations; its width is `sigma_px` or `ppd` times `sigma_deg`.

    Attributes:
        sigma_px: standard deviation of the Gaussian in pixels.
        ppd: pixels in a degree of visual angle, instead of `sigma_px`.
        sigma_deg: standard deviation in degrees, with `ppd`.
        window_px: side of the square that each Gaussian is cut to, see `gaussian_density`.
        shift_px: how far down and right each Gaussian is moved.
        normalize: 'max' makes the largest value 1, 'sum' the sum; None leaves Gaussians of height
            1 each.

    Raises:
        ConfigError: arguments that do not go together, or are not above 0.
    """

    sigma_px: float | None = None
    ppd: float | None = None
    sigma_deg: float = 1.0
    window_px: int | None = None
    shift_px: int = 0
    normalize: str | None = 'max'

    def __post_init__(self) -> None:
        if (self.sigma_px is None) == (self.ppd is None):
            raise ConfigError(
                'give the Gaussian as sigma_px or ppd (pixels per degree), one of two'
            )
        for name in ('sigma_px', 'ppd', 'sigma_deg'):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ConfigError(f'{name} must be above 0, got {value}')
        window = self.window_px
        if window is not None and not (window >= 1 and window == int(window)):
            raise ConfigError(f'window_px must be a whole number from 1, got {window}')
        if self.normalize not in ('max', 'sum', None):
            raise ConfigError(f"normalize must be 'max', 'sum' or None, got {self.normalize!r}")

    @property
    def sigma(self) -> float:
        """The standard deviation in pixels."""
        width = self.sigma_px if self.ppd is None else self.ppd * self.sigma_deg
        return float(width or 0)

    def to_json(self) -> dict[str, float | int | str | None]:
        """What the values of a density depend on, as plain values."""
        return dict(
            sigma_px=self.sigma,
            window_px=self.window_px,
            shift_px=self.shift_px,
            normalize=self.normalize,
        )

    def density_of(self, counts: np.ndarray) -> np.ndarray:
        """The density (H, W) float32 of the number of fixations on each pixel (H, W)."""
        density = gaussian_density(counts, self.sigma, self.window_px, self.shift_px)
        if self.normalize is not None and density.any():
            density /= density.max() if self.normalize == 'max' else density.sum()
        return density.astype(np.float32)


def points_to_map(points_yx: np.ndarray | Sequence, size: tuple[int, int]) -> np.ndarray:
    """Mark the pixel that each point falls into.

    Args:
        points_yx: (n, 2) y and x of each point in pixels; n may be 0.
        size: (H, W) of the map.

    Returns:
        (H, W) bool.

    Raises:
        ShapeError: the points are not (n, 2).
        DataError: a point lies outside.
    """
    return count_points(points_yx, size) > 0


def count_points(points_yx: np.ndarray | Sequence, size: tuple[int, int]) -> np.ndarray:
    """How many points fall into each pixel, (H, W) int64; see `points_to_map`."""
    # Pixel 3 reaches from 3.0 to 4.0.
    return count_fixations(np.floor(np.asarray(points_yx, dtype=np.float64)), size)


def density_map(
    fixations: np.ndarray | Sequence,
    size: tuple[int, int] | None = None,
    **options: Unpack[DensityArguments],
) -> np.ndarray:
    """The density of fixations: a Gaussian summed over each of them.

    Args:
        fixations: (H, W) fixation map, each pixel that is not 0 counting once; or, with `size`,
            (n, 2) points y and x in pixels, each counting as often as it is given.
        size: (H, W) of the frame that the points lie in.
        **options: those of `DensityOptions`, such as `sigma_px=12`.

    Returns:
        (H, W) float32, zero everywhere where there is no fixation.

    Raises:
        ConfigError: arguments that do not go together, or are not above 0.
        ShapeError: neither a map nor points with a size.
        DataError: a point outside of the frame.
    """
    if size is not None:
        counts = count_points(fixations, size)
    else:
        counts = np.asarray(fixations)
        if counts.ndim != 2 or (counts.shape[1] == 2 and counts.dtype != bool):
            raise ShapeError(
                f'density_map: expected a fixation map (H, W), or points (n, 2) with size=(H, W), '
                f'got {counts.shape} without size'
            )
        counts = counts > 0
    return DensityOptions(**options).density_of(counts)
