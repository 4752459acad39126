"""The benchmark of the NTIRE 2026 and AIM 2024 challenges.

Its reader gives densities as float32 unless they come as float64, and its sums are of the
density's type: the formulas are written out, a rounding error of 1e-7 is part of its numbers.
"""

from __future__ import annotations

import math

import numpy as np

from ... import functional as F
from .. import measures as m
from ..frame import Frame
from ..preparation import to_unit_range
from ..protocol import Protocol


def standardized(values: np.ndarray) -> np.ndarray:
    """Z-scores with the deviation of N, plus 1e-7."""
    return (values - values.mean()) / (values.std() + values.dtype.type(1e-7))


def shares(values: np.ndarray, eps: float = 0.0) -> np.ndarray:
    """A map divided by (its sum + eps)."""
    return values / (values.sum() + values.dtype.type(eps))


def correlation(saliency: np.ndarray, density: np.ndarray) -> float:
    """CC of two maps; 0 where one of them is constant."""
    if m.is_constant(saliency) or m.is_constant(density):
        # Whatever rounding has left of the deviation.
        return 0.0
    x, y = standardized(saliency), standardized(density)
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum() + 1e-7))


def divergence(saliency: np.ndarray, density: np.ndarray) -> float:
    """KL(density || saliency) in nats."""
    density, saliency = shares(density), shares(saliency)
    return float((density * np.log(m.SHORT_EPS + density / (saliency + m.SHORT_EPS))).sum())


def judd_without_jitter(values: np.ndarray, counts: np.ndarray, negatives: int) -> float:
    """AUC-Judd over fixations, repeats included, of a map that is not brought to [0, 1] before.

    Args:
        values: (H, W).
        counts: (H, W) whole numbers of fixations.
        negatives: what the false alarms are divided by.
    """
    n, pixels = int(counts.sum()), values.size
    if n and m.is_constant(values):
        # All pixels reach every threshold: trapezoids of n false alarm rates in descending order.
        total = n * pixels - n * (n + 1) / 2
        return 1 - (total - (pixels - n) / 2) / n / negatives
    return float(F.auc_judd(values, counts, ties='pessimistic', repeats=True, negatives=negatives))


def _read_density(frame: Frame) -> np.ndarray:
    density = frame.stored_density
    return to_unit_range(density, np.float64 if density.dtype == np.float64 else np.float32)


@m.measure(
    "Pearson's correlation with the density map, both z-scored with std + 1e-7; 0 where a map is "
    'constant',
    'density',
)
def pearson(frame: Frame, rng: m.Rng = None) -> float:
    """Measure CC."""
    return correlation(frame.values, _read_density(frame))


@m.measure(
    'both maps divided by their sums + 1e-7, not brought to [0, 1] before; sum of the '
    'pixelwise minimum',
    'density',
)
def similarity(frame: Frame, rng: m.Rng = None) -> float:
    """Measure SIM."""
    density = _read_density(frame)
    return float(np.minimum(shares(frame.values, 1e-7), shares(density, 1e-7)).sum())


@m.measure(
    'KL(density || prediction) in nats, both divided by their sums, eps 2.2204e-16', 'density'
)
def kl(frame: Frame, rng: m.Rng = None) -> float:
    """Measure KL."""
    return divergence(frame.values, _read_density(frame))


@m.measure(
    'mean over all fixations, repeats included, of the prediction z-scored with std of N, + 1e-7',
    'fixations',
)
def nss(frame: Frame, rng: m.Rng = None) -> float:
    """Measure NSS."""
    return float(F.nss(frame.values, frame.counts, ddof=0, eps=1e-7, repeats=True))


@m.measure(
    'thresholds at the fixations, repeats included; no jitter, ties count against the prediction; '
    'false positives divided by number of pixels - 2; about 1 / 2n for a constant map',
    'fixations',
)
def judd(frame: Frame, rng: m.Rng = None) -> float:
    """Measure AUC-Judd."""
    if np.isnan(frame.values).any():
        return math.nan
    return judd_without_jitter(frame.values, frame.counts, frame.values.size - 2)


PROTOCOL = Protocol(
    name='ntire26',
    summary='The NTIRE 2026 and AIM 2024 challenges on video saliency (AViMoS data).',
    description=(
        'Fixations are a list, so one pixel may count several times; where only a fixation '
        'map is known, each pixel counts once.',
        'A constant prediction scores 0 in CC, SIM and NSS and about 1 / 2n in AUC-J, n being the '
        'number of fixations; so does a constant density map in CC and SIM. Reports count '
        'constant predictions.',
        'Videos are read to the level as ffmpeg on the same machine writes them as PNG, odd '
        'heights included; on CPUs other than x86-64 it may give up to 2 levels less for 8-bit '
        '4:2:0 and 4:2:2. ffmpeg repeats or drops frames where time stamps are uneven; here each '
        'counts once.',
        'Their code pairs frames and lists by the text order of %03d.png, so that from 1,000 '
        'frames on frame 1000 gets the place of frame 101; here they are paired by number.',
        'Entries of fixations.json behind the last frame are left out, as in their code; fewer '
        'entries than frames are an error here, where their code drops the frames.',
        'Their divisor in AUC-J is a slip of their code (it counts two columns, not the '
        'fixated pixels) and part of their numbers.',
    ),
    measures={
        'CC': pearson,
        'KL': kl,
        'SIM': similarity,
        'NSS': nss,
        'AUC-J': judd,
    },
    values='minmax',
    resize='bilinear-plain',
    average='videos',
    nan='drop',
)
