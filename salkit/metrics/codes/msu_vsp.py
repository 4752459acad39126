"""The Video Saliency Prediction Benchmark of Moscow State University."""

from __future__ import annotations

import math

import numpy as np

from ... import functional as F
from .. import measures as m
from ..frame import Frame
from ..protocol import Protocol
from .ntire26 import correlation, divergence, judd_without_jitter, shares


@m.measure(
    "Pearson's correlation with the density map, both z-scored with std + 1e-7; 0 where a map is "
    'constant',
    'density',
)
def pearson(frame: Frame, rng: m.Rng = None) -> float:
    """Measure CC."""
    return correlation(frame.values, frame.density)


@m.measure(
    'both maps divided by their sums + 1e-7, not brought to [0, 1] before; sum of the '
    'pixelwise minimum',
    'density',
)
def similarity(frame: Frame, rng: m.Rng = None) -> float:
    """Measure SIM."""
    return float(np.minimum(shares(frame.values, 1e-7), shares(frame.density, 1e-7)).sum())


@m.measure(
    'KL(density || prediction) in nats, both divided by their sums, eps 2.2204e-16', 'density'
)
def kl(frame: Frame, rng: m.Rng = None) -> float:
    """Measure KL."""
    return divergence(frame.values, frame.density)


@m.measure('mean over fixated pixels of the prediction z-scored with std of N, + 1e-7', 'fixations')
def nss(frame: Frame, rng: m.Rng = None) -> float:
    """Measure NSS."""
    return float(F.nss(frame.values, frame.fixations, ddof=0, eps=1e-7))


@m.measure(
    'thresholds at the fixated values; no jitter, ties count against the prediction; about 1 / 2n '
    'for a constant map',
    'fixations',
)
def judd(frame: Frame, rng: m.Rng = None) -> float:
    """Measure AUC-Judd."""
    values, counts = frame.values, frame.fixations.astype(np.int64)
    if np.isnan(values).any():
        return math.nan
    return judd_without_jitter(values, counts, values.size - int(counts.sum()))


PROTOCOL = Protocol(
    name='msu-vsp',
    summary='The Video Saliency Prediction Benchmark of Moscow State University.',
    description=(
        'Predictions and ground truth are 8-bit pictures in its eyes, each fitted into 360 x 640 '
        'with black around it, fixations with them; the black is scored too. Of files of 16 bits '
        'it takes the upper 8.',
        'Its code stops at a prediction, density or fixation map of zeros; here such values are '
        'undefined, left out of the mean, and counted.',
        'Its published tables are of maps after a fit: one monotone function of the grey levels '
        'and a share of a center prior, which fit all predictions to the densities best in the '
        'least squares. `salkit score --domain-adaptation CENTER_PRIOR` does that.',
    ),
    measures={
        'CC': pearson,
        'KL': kl,
        'SIM': similarity,
        'NSS': nss,
        'AUC-J': judd,
    },
    values='8-bit-unit',
    letterbox=(360, 640),
    adaptable=True,
    average='videos',
    nan='drop',
)
