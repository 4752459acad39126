"""The fit that the published tables of the MSU benchmark are made after.

One monotone function of the grey levels and a share of a center prior bring all predictions of a
model as close to the densities as they can, in the least squares.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq, isotonic_regression

from ...errors import DataError

LEVELS = 256
# What a grey level may become before the center prior is added.
LOWEST, HIGHEST = -0.5, 1.0


@dataclass(frozen=True)
class Adaptation:
    """What a prediction becomes.

    Attributes:
        levels: (256,), what each grey level becomes, ascending.
        share: of the center prior, which is added.
        center: (H, W) in [0, 1], the center prior.
    """

    levels: np.ndarray
    share: float
    center: np.ndarray

    def __call__(self, prediction: np.ndarray) -> np.ndarray:
        """The adapted map (H, W) in [0, 1] of one in [0, 1]."""
        return np.clip(self.levels[_bins(prediction)] + self.share * self.center, 0, 1)


@dataclass
class AdaptationSums:
    """What the fit needs to know of all frames.

    Attributes:
        pixels: (256,), how many pixels have each grey level.
        centers: (256,), the center prior summed over them.
        densities: (256,), the density map summed over them.
        products: density map times center prior, summed over all pixels.
        frames: how many.
    """

    pixels: np.ndarray = field(default_factory=lambda: np.zeros(LEVELS))
    centers: np.ndarray = field(default_factory=lambda: np.zeros(LEVELS))
    densities: np.ndarray = field(default_factory=lambda: np.zeros(LEVELS))
    products: float = 0.0
    frames: int = 0

    def add(self, prediction: np.ndarray, density: np.ndarray, center: np.ndarray) -> None:
        """Take in a frame: its maps and the center prior, each (H, W) in [0, 1]."""
        bins = _bins(prediction).ravel()
        self.pixels += np.bincount(bins, minlength=LEVELS)
        self.centers += np.bincount(bins, center.ravel(), LEVELS)
        self.densities += np.bincount(bins, density.ravel(), LEVELS)
        self.products += float((density * center).sum())
        self.frames += 1

    def add_all(self, other: AdaptationSums) -> None:
        """Take in what others have summed up."""
        self.pixels += other.pixels
        self.centers += other.centers
        self.densities += other.densities
        self.products += other.products
        self.frames += other.frames

    def fit(self, center: np.ndarray) -> Adaptation:
        """The adaptation with the least sum of squared differences from the densities.

        For a given share of the center prior, the levels are an isotonic regression; what is left
        is convex in the share.

        Args:
            center: (H, W) in [0, 1], the center prior.

        Raises:
            DataError: no frame was taken in.
        """
        if not self.frames:
            raise DataError('no prediction is finite, so that there is nothing to fit')
        used = self.pixels > 0
        pixels, centers, densities = (
            each[used] for each in (self.pixels, self.centers, self.densities)
        )
        squares = self.frames * float((center**2).sum())

        def levels(share: float) -> np.ndarray:
            wanted = (densities - share * centers) / pixels
            return np.clip(isotonic_regression(wanted, weights=pixels).x, LOWEST, HIGHEST)

        def slope(share: float) -> float:
            return share * squares + float(centers @ levels(share)) - self.products

        share = 0.0
        if squares:
            # Levels move by at most 1.5, and the center prior is at most 1.
            reach = (1.5 * float(centers.sum()) + self.products) / squares + 1
            share = float(brentq(slope, -reach, reach, xtol=1e-14))
        known = np.flatnonzero(used)
        return Adaptation(np.interp(np.arange(LEVELS), known, levels(share)), share, center)


def _bins(prediction: np.ndarray) -> np.ndarray:
    return np.rint(prediction * (LEVELS - 1)).astype(np.intp)
