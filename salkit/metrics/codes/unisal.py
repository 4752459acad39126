"""The scoring of UNISAL."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import xlogy

from ... import functional as F
from .. import measures as m
from ..frame import Frame
from ..protocol import Protocol


def _shares(values: np.ndarray) -> np.ndarray:
    """A density map divided by its sum; one of zeros becomes even."""
    total = values.sum()
    return values / total if total > 0 else np.full(values.shape, 1 / values.size)


def _saliency(frame: Frame) -> np.ndarray:
    """The prediction divided by its sum, which many a level of 8 bits is no tenth after."""
    return frame.values / frame.values.sum()


@m.measure(
    'KL(density || prediction) in nats, both divided by their sums, without any eps: infinite '
    'where a prediction of 0 meets a density, undefined where it meets none',
    'density',
)
def kl(frame: Frame, rng: m.Rng = None) -> float:
    """Measure KL."""
    density, saliency = _shares(frame.density), _saliency(frame)
    return float((xlogy(density, density) - density * np.log(saliency)).sum())


@m.measure(
    'both maps divided by their sums, not brought to [0, 1] before; sum of the pixelwise minimum',
    'density',
)
def similarity(frame: Frame, rng: m.Rng = None) -> float:
    """Measure SIM."""
    return float(np.minimum(_saliency(frame), _shares(frame.density)).sum())


@m.measure(
    'mean over fixated pixels of the z-scored prediction, std with N - 1; 1 without fixations',
    'fixations',
)
def nss(frame: Frame, rng: m.Rng = None) -> float:
    """Measure NSS."""
    return float(F.nss(frame.values, frame.fixations)) if frame.fixations.any() else 1.0


@m.measure(
    'thresholds at the different fixated values; hits and false alarms rounded to 4 digits',
    'fixations',
)
def judd(frame: Frame, rng: m.Rng = None) -> float:
    """Measure AUC-Judd."""
    values = _saliency(frame)
    found = values[frame.fixations]
    if not len(found) or m.is_constant(values) or np.isnan(values).any():
        return math.nan
    thresholds, counts = np.unique(found, return_counts=True)
    hits = counts[::-1].cumsum()[::-1]
    alarms = values.size - np.searchsorted(np.sort(values, axis=None), thresholds) - hits
    tp = np.array([0, *np.round(hits / len(found), 4), 1])
    fp = np.array([0, *np.round(alarms / (values.size - len(found)), 4), 1])
    # Of the same rate of hits, what has more false alarms comes first.
    order = np.argsort(tp, kind='stable')
    return float(np.trapezoid(tp[order], fp[order]))


@m.measure(
    'thresholds every 0.1 below the maximum of the map brought to [0, 1]; expectation over the 100 '
    'draws of as many negatives as fixations, or sampled',
    'fixations',
    'nonfixations',
)
def shuffled(frame: Frame, rng: m.Rng = None) -> float:
    """Measure shuffled AUC."""
    pool = frame.nonfixations > 0
    options = m.splits_of(rng) | dict(rule='below-maximum')
    return float(F.auc_shuffled(_saliency(frame), frame.fixation_map, pool, **options))


PROTOCOL = Protocol(
    name='unisal',
    summary='The scoring of UNISAL: videos weighing the same, and frames beside.',
    description=(
        'Scored at the resolution of the ground truth; computed in double, where the code is in '
        'single precision.',
        'Predictions are densities in its eyes that are 0 nowhere. An 8-bit map mostly holds '
        'zeros: its KL is infinite or undefined, as by the code.',
        'A frame without fixations counts as NSS 1. The code stops at its AUC-J and s-AUC: they '
        'are undefined here, and spoil the mean.',
        'A fixation map holds 255 where somebody looked: there levels below 128 are none, here all '
        'above 0 count.',
        'The code computes the AUCs on a random half of the frames of each video; here on all, '
        'unless a seed is given.',
        's-AUC takes the fixated pixels of 10 videos, a frame of each, redrawn for every frame; '
        'its own video may be among them.',
        '`weighted` are the means of the videos weighed by their frames, which the code prints as '
        'well, and calls what the literature reports.',
    ),
    measures={
        'CC': m.pearson,
        'KL': kl,
        'SIM': similarity,
        'NSS': nss,
        'AUC-J': judd,
        's-AUC': shuffled,
    },
    values='as-read',
    resize='bilinear-plain',
    average='videos',
    more_averages=('weighted',),
    nan='keep',
    half_frames=frozenset({'AUC-J', 's-AUC'}),
    pool='ten-videos',
)
