"""The scoring of DiffSal."""

from __future__ import annotations

import math

import numpy as np

from ... import functional as F
from .. import measures as m
from ..frame import Frame
from ..preparation import VALUES, resize_spline
from ..protocol import Protocol

JITTER = 1e-7


def _scores_noise(frame: Frame) -> bool:
    """Whether the code scores the jitter of AUC-J, which it adds to the map itself.

    That shows where a map of the size of its frame is constant, and somebody looked at it.
    """
    return (
        frame.original.shape == frame.prediction.shape
        and m.is_constant(frame.values)
        and bool(frame.fixations.any())
    )


@m.measure(
    "Pearson's correlation with the density map; about 0 for a constant map with fixations, whose "
    'jitter is scored',
    'density',
    'fixations',
)
def pearson(frame: Frame, rng: m.Rng = None) -> float:
    """Measure CC."""
    if _scores_noise(frame) and not m.is_constant(frame.density):
        return 0.0
    return float(F.cc(frame.values, frame.density))


@m.measure(
    'both maps brought to [0, 1], divided by their sums; sum of the pixelwise minimum; NaN where a '
    'map is constant, but for the jitter of a constant map with fixations, in expectation',
    'density',
    'fixations',
)
def similarity(frame: Frame, rng: m.Rng = None) -> float:
    """Measure SIM."""
    if m.is_constant(frame.density):
        return math.nan
    if _scores_noise(frame):
        return _similarity_of_noise(float(frame.values[0, 0]), frame.density)
    if m.is_constant(frame.values):
        return math.nan
    return float(F.sim(frame.values, frame.density))


def _similarity_of_noise(constant: float, density: np.ndarray) -> float:
    """Expected SIM of a constant map with jitter, in the single precision that it is stored in."""
    steps = (np.arange(1024) + 0.5) / 1024
    noise = np.float32(constant + JITTER * steps).astype(np.float64)
    if m.is_constant(noise):
        return math.nan
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    share = noise / noise.mean() / density.size
    wanted = np.sort(density.ravel().astype(np.float64) - density.min())
    wanted /= wanted.sum()
    below = np.concatenate([[0], wanted.cumsum()])
    smaller = np.searchsorted(wanted, share)
    return float((below[smaller] + (len(wanted) - smaller) * share).mean())


@m.measure(
    'thresholds at the fixated values; jitter of up to 1e-7 is added in single precision, which '
    'leaves the brighter levels of an 8-bit map tied: expectation in closed form, or one draw',
    'fixations',
)
def judd(frame: Frame, rng: m.Rng = None) -> float:
    """Measure AUC-Judd as DiffSal does."""
    if frame.original.shape != frame.prediction.shape or rng is not None:
        return m.judd.score(frame, rng)
    return _expected_judd(np.asarray(frame.prediction, np.float32), frame.fixations)


def _expected_judd(values: np.ndarray, fixations: np.ndarray) -> float:
    """Mean over the jitter of the area under the curve of `AUC_Judd.m`.

    Args:
        values: (H, W) float32 of few different values.
        fixations: (H, W) bool.
    """
    levels, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    fixated = np.bincount(place.ravel()[fixations.ravel()], minlength=len(levels))
    n = int(fixated.sum())
    if not n or n == values.size or np.isnan(levels).any():
        return math.nan
    # Of 16 bits there are many levels, and few that anybody looked at.
    seen = np.flatnonzero(fixated)
    shares = [_shares_of_steps(level, levels[0], levels[-1]) for level in levels[seen]]
    tied = np.array([(share**2).sum() for share in shares])
    above = values.size - counts.cumsum()
    # Of two pixels of a level, the one reaches the other half the time, and always where tied.
    reached = above[seen] + 1 + (counts[seen] - 1) * (1 + tied) / 2
    lowest = int(seen[0])
    at_least = shares[0][::-1].cumsum()[::-1]
    smallest = at_least ** fixated[lowest]
    smallest[:-1] -= smallest[1:]
    others = counts[lowest] - fixated[lowest]
    last = above[lowest] + fixated[lowest] + others * (smallest * at_least).sum()
    total = np.dot(fixated[seen], reached) - n * (n + 1) / 2
    return float(1 - (total - (last - n) / 2) / n / (values.size - n))


def _shares_of_steps(level: np.float32, low: np.float32, high: np.float32) -> np.ndarray:
    """How often a pixel of a level becomes each of its possible values, ascending."""
    steps = JITTER * (np.arange(4096) + 0.5) / 4096
    jittered = (level + steps).astype(np.float32)
    top = np.float32(high + JITTER)
    scaled = (jittered - low) / (top - low)
    ends = np.flatnonzero(np.diff(scaled, append=np.inf))
    return np.diff(ends, prepend=-1) / len(steps)


@m.measure(
    'mean over fixated pixels of the prediction z-scored with std of N; a map of another size is '
    'resized linearly here; about 0 for a constant map, whose jitter is scored',
    'fixations',
)
def nss(frame: Frame, rng: m.Rng = None) -> float:
    """Measure NSS."""
    if _scores_noise(frame):
        return 0.0
    values = frame.values
    if frame.original.shape != values.shape:
        values = resize_spline(VALUES['png-unit'](frame.original), values.shape, order=1)
    return float(F.nss(values.astype(np.float64), frame.fixations, ddof=0))


PROTOCOL = Protocol(
    name='diffsal',
    summary='The scoring of DiffSal: the MIT measures in Python, frames then videos.',
    description=(
        'Predictions are PNGs in its eyes. AUC-J adds its jitter of up to 1e-7 to the map itself, '
        'so that CC, SIM and NSS are of the jittered map: here of the map, but for constant ones.',
        'In single precision where the map is: about 1e-6.',
        'A fixation map holds 255 where somebody looked: there levels below 128 are none, here all '
        'above 0 count.',
        'One frame without fixations, or one constant map of another size than its frame, spoils '
        'the mean of a whole run: such a mean is NaN.',
        'compute_metrics.py prints no s-AUC and no KL.',
    ),
    measures={
        'CC': pearson,
        'SIM': similarity,
        'NSS': nss,
        'AUC-J': judd,
    },
    values='png-unit',
    resize='spline',
    average='videos',
    nan='keep',
)
