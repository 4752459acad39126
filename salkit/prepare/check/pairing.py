"""Whether density maps belong to the fixations that they are paired with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...functional.density import gaussian_density
from ...functional.fixations import count_fixations
from ...media.maps import resize_map
from .faults import Faults

# Maps are compared on a grid of this longer side: wide Gaussians lose nothing by it.
GRID = 64
# Standard deviations, in cells, that fixations are blurred with to look like the density.
SIGMAS = (0.6, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0)
SHIFTS = (1, -1, 2, -2, 3, -3)
# Fewest frames that show a shift, and most that the blur is chosen by.
FEWEST, MOST = 5, 40
# Mean density at the fixations, as a share of the maximum, below which nothing is there. Densities
# smoothed over time have little there after a jump of the gaze.
NOTHING = 0.2
# A fixation lies under its own Gaussian: of a map that has more than this at each, none is foreign.
UNDER_ITS_OWN = 0.01
# Correlation of densities with blurred fixations from which on they were made of these alone;
# finer comparisons need that.
EXACT = 0.93
# Frames on either side that are alike: after a jump, densities smoothed over time fit these better.
NEAR = 4


@dataclass
class FramePair:
    """One frame's maps, made small.

    Attributes:
        density_path: its file.
        fixation_path: its file.
        density: (h, w) float32 on the grid, of mean 0 and standard deviation 1.
        points: (n, 2) int16 cells (y, x).
        nss: mean of the normalized density map, as large as it is, at the fixations.
        is_off: whether the density map has nothing at the fixations. Fixations lie under their own
            Gaussians: even one of hundreds, far from the others, lifts the mean above that of the
            map.
        may_be_foreign: whether some fixation has no density.
    """

    density_path: str
    fixation_path: str
    density: np.ndarray
    points: np.ndarray
    nss: float
    is_off: bool
    may_be_foreign: bool


def frame_pair(
    density_path: str, fixation_path: str, density: np.ndarray, fixations: np.ndarray
) -> FramePair | None:
    """The maps (H, W) and (H, W) bool of one frame, None where one of them is flat."""
    density = density.astype(np.float32)
    points, values = np.argwhere(fixations), density[fixations]
    deviation, peak = float(density.std()), float(density.max())
    if deviation == 0 or not len(points):
        return None
    scale = min(1.0, GRID / max(density.shape))
    height, width = (max(1, round(side * scale)) for side in density.shape)
    nss = float((values.mean() - density.mean()) / deviation)
    return FramePair(
        density_path,
        fixation_path,
        _normalized(resize_map(density, (height, width))),
        (points * (height, width) // density.shape).astype(np.int16),
        nss,
        is_off=bool(nss <= 0.1 and values.mean() < NOTHING * peak),
        may_be_foreign=bool(values.min() < UNDER_ITS_OWN * peak),
    )


def _normalized(image: np.ndarray) -> np.ndarray:
    """An image of mean 0 and standard deviation 1; a flat one is all 0."""
    deviation = image.std()
    return (image - image.mean()) / deviation if deviation > 1e-6 else np.zeros_like(image)


def check_pairs(
    pairs: list[FramePair], maps_folder: Path, consecutive: bool, faults: Faults
) -> None:
    """Find density maps that belong to other fixations.

    Args:
        pairs: of one video, in order, at least one; those of another size than the first are left.
        maps_folder: of the density maps.
        consecutive: whether every frame is there, so that a shift can be found.
        faults: gets what is wrong.
    """
    alike = [p for p in pairs if p.density.shape == pairs[0].density.shape]
    some = alike[:MOST]
    sigma = max(SIGMAS, key=lambda sigma: np.median(_agreement(some, sigma).max(1)))
    agreement = _agreement(alike, sigma)
    own = agreement.diagonal()
    # Gaussians nearly as wide as the frame say little, whatever the fixations.
    is_fine = len(alike) >= FEWEST and sigma <= min(alike[0].density.shape) / 4
    shift = _shift(agreement) if consecutive and is_fine else 0
    if shift:
        found = f'the maps seem shifted by {shift:+d}: each fits other fixations far better'
        remedy = f'rename the density maps: {shift:+d} to each number'
        faults.add('shifted', maps_folder, found, remedy=remedy)
        return
    typical = float(np.median(own))
    # Not of half of the frames alone: some may fit by chance.
    is_exact = is_fine and float(np.quantile(own, 0.3)) > EXACT
    for row, pair in enumerate(alike):
        first = int(agreement[row].argmax())
        fits_better = agreement[row, first] > max(0.8, 0.9 * typical) and own[row] < 0.8 * typical
        fits_better &= abs(first - row) > NEAR
        if pair.is_off or (fits_better and is_exact and pair.may_be_foreign):
            what = 'nothing' if pair.is_off else 'little'
            found = f'{what} at the fixations of {_brief(pair.fixation_path)} (NSS {pair.nss:.2f})'
            if fits_better:
                found += f'; it fits those of {_brief(alike[first].fixation_path)} far better'
            faults.add('mispaired', pair.density_path, found)


def _agreement(pairs: list[FramePair], sigma: float) -> np.ndarray:
    """Correlation of each density (row) with the blurred fixations of each frame (column)."""
    shape = pairs[0].density.shape
    densities = np.stack([p.density.ravel() for p in pairs])
    blurred = [gaussian_density(count_fixations(p.points, shape), sigma) for p in pairs]
    expected = np.stack([_normalized(each).ravel() for each in blurred]).astype(np.float32)
    return densities @ expected.T / densities.shape[1]


def _shift(agreement: np.ndarray) -> int:
    """Frames that the fixations, which the densities fit, come later; 0 where they are in step."""
    best, best_gain = 0, 0.02
    for shift in SHIFTS:
        other = agreement.diagonal(shift)
        if len(other) < FEWEST:
            continue
        here = agreement.diagonal()[max(0, -shift) :][: len(other)]
        gain = float(other.mean() - here.mean())
        # The rest that the blur does not explain must shrink, too: slow gaze fits nearly as well.
        is_clear = other.mean() > EXACT and 1 - other.mean() < 0.6 * (1 - here.mean())
        if is_clear and gain > best_gain and (other > here).mean() >= 0.7:
            best, best_gain = shift, gain
    return best


def _brief(path: str) -> str:
    """Folder and name of a file."""
    return '/'.join(Path(path).parts[-2:])
