"""The measures of pysaliency, which the MIT/Tuebingen benchmark is computed with."""

from __future__ import annotations

import math

import numpy as np

from ... import functional as F
from .. import measures as m
from ..frame import Frame
from ..protocol import Protocol


def _density(values: np.ndarray) -> np.ndarray:
    """A map as a density that sums to 1: negative ones are lifted, one of zeros becomes even."""
    values = values - min(values.min(), 0)
    total = values.sum()
    return values / total if total != 0 else np.full(values.shape, 1 / values.size)


def _ordered(frame: Frame) -> np.ndarray:
    """The prediction in the type that is sorted fastest, where its order is all that counts."""
    return frame.values if frame.prediction.dtype.kind == 'f' else frame.prediction


@m.measure("Pearson's correlation with the density map; 0 for a constant prediction", 'density')
def pearson(frame: Frame, rng: m.Rng = None) -> float:
    """Measure CC."""
    if m.is_constant(frame.values) and not m.is_constant(frame.density):
        return 0.0
    return float(F.cc(frame.values, frame.density))


@m.measure(
    'KL(density || prediction) in nats, both lifted to 0 and divided by their sums, eps 2.2204e-16 '
    'in the divisor and the logarithm',
    'density',
)
def kl(frame: Frame, rng: m.Rng = None) -> float:
    """Measure image-based KL."""
    return float(F.kl_div(_density(frame.values), _density(frame.density), eps=m.SHORT_EPS))


@m.measure(
    'both maps lifted to 0 and divided by their sums, not brought to [0, 1] before; sum of the '
    'pixelwise minimum',
    'density',
)
def similarity(frame: Frame, rng: m.Rng = None) -> float:
    """Measure SIM."""
    return float(np.minimum(_density(frame.values), _density(frame.density)).sum())


@m.measure(
    'mean over all fixations, repeats included, of the prediction z-scored with std of N; 0 for a '
    'constant map',
    'fixations',
)
def nss(frame: Frame, rng: m.Rng = None) -> float:
    """Measure NSS."""
    if m.is_constant(frame.values) and frame.counts.any():
        return 0.0
    return float(F.nss(frame.values, frame.counts, ddof=0, repeats=True))


@m.measure(
    'rank statistic of all fixations, repeats included, against all pixels, the fixated ones too; '
    'ties count 1/2',
    'fixations',
)
def judd_of_all_pixels(frame: Frame, rng: m.Rng = None) -> float:
    """Measure AUC with uniform nonfixations."""
    everywhere = np.ones(frame.prediction.shape, bool)
    return float(
        F.auc_shuffled(_ordered(frame), frame.counts, everywhere, rule='exact', repeats=True)
    )


@m.measure(
    'rank statistic of all fixations against those of all other frames, repeats included; ties '
    'count 1/2',
    'fixations',
    'nonfixations',
)
def shuffled(frame: Frame, rng: m.Rng = None) -> float:
    """Measure shuffled AUC."""
    return float(
        F.auc_shuffled(
            _ordered(frame), frame.counts, frame.nonfixations, rule='exact', repeats=True
        )
    )


@m.measure(
    'bits per fixation over the baseline, repeats included; both maps divided by their sums, '
    'without any eps: minus infinite where somebody looked at a prediction of 0',
    'fixations',
    'baseline',
)
def gain(frame: Frame, rng: m.Rng = None) -> float:
    """Measure information gain of maps that are densities."""
    for values in (frame.values, frame.baseline):
        if values.min() < 0 or not values.any():
            return math.nan
    return float(
        F.information_gain(frame.values, frame.counts, frame.baseline, eps=0.0, repeats=True)
    )


PROTOCOL = Protocol(
    name='pysaliency',
    summary='pysaliency, the code of the MIT/Tuebingen benchmark, each frame an image.',
    description=(
        'All frames weigh the same, as its average="image" does; frames without fixations are '
        'left out of NSS, AUC and IG.',
        'Every fixation counts; where only a fixation map is known, each pixel counts once.',
        'A constant density map makes the mean CC NaN there; here the frame is left out.',
        'It takes no prediction of another size; here such are resized as `exact` does.',
        'IG is that of maps which are densities (its probabilistic models). KL is image-based, '
        'as MIT_KLDiv.',
        's-AUC takes the fixations of all other frames, which are mostly of the same video: ask '
        'for it where frames are pictures of their own.',
        'Whether a map is constant, its code asks of the deviation: a constant that is no sum of '
        'powers of 2 may be noise of rounding there.',
    ),
    measures={
        'CC': pearson,
        'KL': kl,
        'SIM': similarity,
        'NSS': nss,
        'AUC-J': judd_of_all_pixels,
        's-AUC': shuffled,
        'IG': gain,
    },
    extra=('s-AUC', 'IG'),
    values='as-read',
    resize='bilinear',
    average='frames',
    nan='drop',
    pool='other-frames',
)
