"""Whether density maps belong to the fixations that they are paired with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...functional.density import gaussian_density
from ...functional.fixations import count_fixations
from ...media.resampling import resize_map
from .faults import KINDS, Faults

# Maps are compared on a grid of this longer side: wide Gaussians lose nothing by it.
GRID = 64
# Standard deviations, in cells, that fixations are blurred with to look like the density.
SIGMAS = (0.6, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0)
SHIFTS = (1, -1, 2, -2, 3, -3)
# Fewest frames that tell a shift.
FEWEST = 5
# Frames, from 0, at which other videos' fixations are tried on a video's density maps.
TRIED = (0, 5, 10, 20, 40, 80)
MOST_POINTS = 256
# Mean density at the fixations, as a share of the maximum, below which nothing is there. Densities
# smoothed over time have little there after a jump of the gaze.
NOTHING = 0.2
# Correlation of densities with blurred fixations from which on they were made of these alone;
# finer comparisons need that.
EXACT = 0.93
# Frames on either side that are alike.
NEAR = 4


@dataclass
class FramePair:
    """One frame's maps, made small.

    Attributes:
        number: of the frame in the video, from 0.
        density_path: its file.
        fixation_path: its file.
        density: (h, w) float32 on the grid, of mean 0 and standard deviation 1.
        points: (n, 2) int16 cells (y, x).
        nss: mean of the normalized density map, as large as it is, at the fixations.
        at_fixations: mean density at the fixations, as a share of the maximum.
    """

    number: int
    density_path: str
    fixation_path: str
    density: np.ndarray
    points: np.ndarray
    nss: float
    at_fixations: float

    @property
    def is_off(self) -> bool:
        """Whether the density map has nothing at the fixations.

        Fixations lie under their own Gaussians: even one of hundreds, far from the others, lifts
        the mean above that of the map.
        """
        return self.nss <= 0.1 and self.at_fixations < NOTHING


def frame_pair(
    number: int, paths: tuple[str, str], density: np.ndarray, fixations: np.ndarray
) -> FramePair | None:
    """Compare the maps of one frame.

    Args:
        number: of the frame.
        paths: of the two files.
        density: density map (H, W).
        fixations: fixation map (H, W) bool.

    Returns:
        None where one of them is flat.
    """
    density = density.astype(np.float32)
    rows, columns = np.nonzero(fixations)
    deviation = float(density.std())
    if deviation == 0 or not len(rows):
        return None
    height, width = density.shape
    scale = min(1.0, GRID / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    values = density[rows, columns]
    nss = float((values.mean() - density.mean()) / deviation)
    small = resize_map(density, size)
    points = np.stack([rows * size[0] // height, columns * size[1] // width], 1)
    if len(points) > MOST_POINTS:
        points = points[np.linspace(0, len(points) - 1, MOST_POINTS).astype(int)]
    return FramePair(
        number,
        *paths,
        normalized(small),
        points.astype(np.int16),
        nss,
        float(values.mean() / density.max()),
    )


def normalized(image: np.ndarray) -> np.ndarray:
    """Of mean 0 and standard deviation 1; a flat image is all 0."""
    deviation = image.std()
    return (image - image.mean()) / deviation if deviation > 1e-6 else np.zeros_like(image)


def blurred(points: np.ndarray, size: tuple[int, int], sigma: float) -> np.ndarray:
    """Points (n, 2) as a normalized sum of Gaussians (h, w)."""
    return normalized(gaussian_density(count_fixations(points, size), sigma))


def fit(density: np.ndarray, points: np.ndarray) -> float:
    """NSS of a normalized density on the grid at points (n, 2) of the same grid."""
    return float(density[points[:, 0], points[:, 1]].mean())


@dataclass
class Pairing:
    """What the pairs of a video say.

    Attributes:
        faults: found in the video by itself.
        samples: by number of the frame: grid and points, for other videos' maps to try.
        astray: by number: densities that fit nothing in this video.
    """

    faults: Faults = field(default_factory=Faults)
    samples: dict[int, tuple[tuple[int, int], np.ndarray]] = field(default_factory=dict)
    astray: dict[int, np.ndarray] = field(default_factory=dict)


def check_pairs(pairs: list[FramePair], maps_folder: str, consecutive: bool) -> Pairing:
    """Find density maps that belong to other fixations.

    Args:
        pairs: of one video, in order; those of one grid are compared with each other.
        maps_folder: of the density maps.
        consecutive: whether every frame is there, so that a shift can be told.
    """
    result = Pairing()
    result.samples = {p.number: (p.density.shape, p.points) for p in pairs if p.number in TRIED}
    off = [p for p in pairs if p.is_off]
    pairs = [p for p in pairs if p.density.shape == pairs[0].density.shape]
    if not pairs:
        return result
    densities = np.stack([p.density.ravel() for p in pairs])
    shift = 0
    sigma = _likely_sigma(pairs, densities)
    expected = np.stack([blurred(p.points, p.density.shape, sigma).ravel() for p in pairs])
    own = _agreement(densities, expected)
    # Gaussians nearly as wide as the frame say little, whatever the fixations.
    fine = len(pairs) >= FEWEST and sigma <= min(pairs[0].density.shape) / 4
    if consecutive and fine:
        shift = _shift(densities, expected)
    if shift:
        result.faults.add(
            'shifted',
            maps_folder,
            f'the maps seem shifted by {shift:+d}: each fits the fixations of '
            f'{"the frame" if abs(shift) == 1 else f"{abs(shift)} frames"} '
            f'{"after" if shift > 0 else "before"} its own far better',
            remedy=f'rename the density maps: {shift:+d} to each number',
        )
        return result
    suspects = {p.number for p in off}
    # Not of half of the frames alone: some may fit by chance.
    if fine and float(np.quantile(own, 0.3)) > EXACT:
        least = 0.8 * np.median(own)
        suspects |= {p.number for p, value in zip(pairs, own, strict=True) if value < least}
    _find_astray(off, suspects, _Compared(pairs, densities, expected, own), result.faults)
    if len(off) > len(pairs) / 2:
        result.astray = {p.number: p.density for p in off if p.number in TRIED}
    return result


@dataclass
class _Compared:
    """Maps of one size, a row each, and how well each agrees with its own fixations."""

    pairs: list[FramePair]
    densities: np.ndarray
    expected: np.ndarray
    own: np.ndarray

    def better_fit(self, row: int) -> FramePair | None:
        """The frame whose fixations the density of `row` fits far better, or None."""
        typical = float(np.median(self.own))
        values = self.expected @ self.densities[row] / self.densities.shape[1]
        first = int(values.argmax())
        # After a jump, densities smoothed over time fit the frames beside better.
        least = 0.5 if abs(first - row) <= NEAR else 0.8
        is_better = values[first] > max(0.8, 0.9 * typical) and self.own[row] < least * typical
        return self.pairs[first] if is_better else None


def _agreement(densities: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Correlation of each row of the one with that of the other."""
    return np.einsum('np,np->n', densities, expected) / densities.shape[1]


def _likely_sigma(pairs: list[FramePair], densities: np.ndarray) -> float:
    """The blur under which fixations look most like the densities, at the best shift."""
    count = min(len(pairs), 40)
    best = {}
    for sigma in SIGMAS:
        some = np.stack([blurred(p.points, p.density.shape, sigma).ravel() for p in pairs[:count]])
        values = [
            float(np.median(_agreement(densities[:count][a], some[b])))
            for a, b in (_overlap(count, k) for k in (0, *SHIFTS) if abs(k) < count)
        ]
        best[sigma] = max(values)
    return max(best, key=lambda sigma: best[sigma])


def _overlap(count: int, shift: int) -> tuple[slice, slice]:
    """Densities, and the fixations `shift` frames later."""
    return (
        slice(max(0, -shift), count - max(0, shift)),
        slice(max(0, shift), count - max(0, -shift)),
    )


def _shift(densities: np.ndarray, expected: np.ndarray) -> int:
    """Frames that the fixations, which the densities fit, come later; 0 where they are in step."""
    count = len(densities)
    own = _agreement(densities, expected)
    best, best_value = 0, 0.0
    for shift in SHIFTS:
        if count - abs(shift) < FEWEST:
            continue
        a, b = _overlap(count, shift)
        other, here = _agreement(densities[a], expected[b]), own[a]
        gain = float(other.mean() - here.mean())
        # The rest that the blur does not explain must shrink, too: slow gaze fits nearly as well.
        clear = other.mean() > EXACT and 1 - other.mean() < 0.6 * (1 - here.mean())
        if clear and gain > 0.02 and (other > here).mean() >= 0.7 and gain > best_value:
            best, best_value = shift, gain
    return best


def _find_astray(
    off: list[FramePair], suspects: set[int], compared: _Compared, faults: Faults
) -> None:
    """Add faults of single density maps, with the frame that they fit, where there is one."""
    rows = {p.number: row for row, p in enumerate(compared.pairs)}
    for p in [
        *(p for p in off if p.number not in rows),
        *(p for p in compared.pairs if p.number in suspects),
    ]:
        better = compared.better_fit(rows[p.number]) if p.number in rows else None
        if not p.is_off and better is None:
            continue
        what = 'nothing' if p.is_off else 'little'
        found = f'{what} at the fixations of {_brief(p.fixation_path)} (NSS {p.nss:.2f})'
        remedy = KINDS['mispaired'].remedy
        if better is not None:
            found += f'; it fits those of {_brief(better.fixation_path)} far better'
            remedy = f'rename it, or {remedy}'
        faults.add('mispaired', p.density_path, found, remedy=remedy)


def _brief(path: str) -> str:
    """Folder and name of a file."""
    return '/'.join(Path(path).parts[-2:])
