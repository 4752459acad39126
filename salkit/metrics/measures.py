"""The measures that protocols are put together from."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .. import functional as F
from .frame import Frame
from .preparation import to_unit_range
from .protocol import Measure
from .ranks import weighted_pair_share

# What the MIT benchmark's and most other codes write for 2^-52.
EPS = 2.0**-52
SHORT_EPS = 2.2204e-16
# Splits of the sampled AUCs in the MIT benchmark code.
SPLITS = 100


Rng = np.random.Generator | None


def measure(definition: str, *needs: str) -> Callable[[Callable[[Frame, Rng], float]], Measure]:
    """Decorator that makes a `Measure` of a function of a frame and a generator."""
    return lambda score: Measure(definition, frozenset(needs), score)


def _ties(rng: Rng) -> dict:
    return dict(ties='expected') if rng is None else dict(ties='sampled', seed=rng)


def _splits(rng: Rng) -> dict:
    return {} if rng is None else dict(splits=SPLITS, seed=rng)


@measure("Pearson's correlation with the density map", 'density')
def pearson(frame: Frame, rng: Rng = None) -> float:
    """Measure CC."""
    return float(F.cc(frame.values, frame.density))


def kl(eps: float) -> Measure:
    """Make the measure KL(D || S) whose zeros count as `eps`."""

    @measure(
        'KL(density || prediction) in nats, both divided by their sums, '
        f'eps {"2^-52" if eps == EPS else eps} in the divisor and the logarithm',
        'density',
    )
    def score(frame: Frame, rng: Rng = None) -> float:
        return float(F.kl_div(frame.values, frame.density, eps=eps))

    return score


@measure(
    'both maps brought to [0, 1], divided by their sums; sum of the pixelwise minimum', 'density'
)
def similarity(frame: Frame, rng: Rng = None) -> float:
    """Measure SIM."""
    return float(F.sim(frame.values, frame.density))


@measure('mean over fixated pixels of the z-scored prediction, std with N - 1', 'fixations')
def nss(frame: Frame, rng: Rng = None) -> float:
    """Measure NSS."""
    return float(F.nss(frame.values, frame.fixations))


@measure(
    'thresholds at the fixated values; expectation over the random order of ties (jitter), in '
    'closed form; sampled: noise below 1e-7 is added',
    'fixations',
)
def judd(frame: Frame, rng: Rng = None) -> float:
    """Measure AUC-Judd as the MIT benchmark does."""
    return float(F.auc_judd(frame.prediction, frame.fixation_map, **_ties(rng)))


@measure(
    'as dhf1k-matlab, with ranks counted from 0, which puts every false positive rate 1 / (number '
    'of unfixated pixels) higher; expectation over the jitter of 1e-7, or sampled',
    'fixations',
)
def judd_from_zero(frame: Frame, rng: Rng = None) -> float:
    """Measure AUC-Judd as the TMFI scripts do."""
    return float(F.auc_judd(frame.prediction, frame.fixation_map, first_rank=0, **_ties(rng)))


@measure('rank statistic of fixated against all unfixated pixels, ties count 1/2', 'fixations')
def judd_ranks(frame: Frame, rng: Rng = None) -> float:
    """Measure AUC-Judd without anybody's thresholds."""
    return float(F.auc_judd(frame.prediction, frame.fixation_map, ties='half'))


@measure(
    'thresholds every 0.1 of the map brought to [0, 1], as MATLAB builds them; expectation over '
    'the 100 draws of as many negatives as fixations, or sampled',
    'fixations',
    'nonfixations',
)
def shuffled(frame: Frame, rng: Rng = None) -> float:
    """Measure shuffled AUC as the MIT benchmark does."""
    pool = frame.nonfixations > 0
    return float(F.auc_shuffled(frame.prediction, frame.fixation_map, pool, **_splits(rng)))


@measure(
    'rank statistic of fixated pixels against all nonfixations, ties count 1/2',
    'fixations',
    'nonfixations',
)
def shuffled_ranks(frame: Frame, rng: Rng = None) -> float:
    """Measure shuffled AUC over a pool of any size, each nonfixation counting."""
    return weighted_pair_share(frame.prediction, frame.fixations, frame.nonfixations)


@measure(
    'as s-AUC, negatives drawn from all pixels; expectation over 100 draws, or sampled',
    'fixations',
)
def borji(frame: Frame, rng: Rng = None) -> float:
    """Measure AUC-Borji as the MIT benchmark does."""
    return float(F.auc_borji(frame.prediction, frame.fixation_map, **_splits(rng)))


# NTIRE 2026 -------------------------------------------------------------------------------------
# Its reader gives densities as float32 unless they come as float64, and its sums are of the
# density's type: the formulas are written out, a rounding error of 1e-7 is part of its numbers.


def _read_density(frame: Frame) -> np.ndarray:
    density = frame.stored_density
    return to_unit_range(density, np.float64 if density.dtype == np.float64 else np.float32)


def _standardized(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / (values.std() + values.dtype.type(1e-7))


def _shares(values: np.ndarray, eps: float = 0.0) -> np.ndarray:
    return values / (values.sum() + values.dtype.type(eps))


@measure("Pearson's correlation with the density map, both z-scored with std + 1e-7", 'density')
def pearson_ntire(frame: Frame, rng: Rng = None) -> float:
    """Measure CC as NTIRE 2026 does."""
    density = _read_density(frame)
    if any(values.min() == values.max() for values in (frame.values, density)):
        return math.nan
    x, y = _standardized(frame.values), _standardized(density)
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))


@measure(
    'both maps divided by their sums + 1e-7, not brought to [0, 1] before; sum of the '
    'pixelwise minimum',
    'density',
)
def similarity_ntire(frame: Frame, rng: Rng = None) -> float:
    """Measure SIM as NTIRE 2026 does."""
    density = _read_density(frame)
    return float(np.minimum(_shares(frame.values, 1e-7), _shares(density, 1e-7)).sum())


@measure('KL(density || prediction) in nats, both divided by their sums, eps 2.2204e-16', 'density')
def kl_ntire(frame: Frame, rng: Rng = None) -> float:
    """Measure KL as NTIRE 2026 does."""
    density, saliency = _shares(_read_density(frame)), _shares(frame.values)
    return float((density * np.log(SHORT_EPS + density / (saliency + SHORT_EPS))).sum())


@measure(
    'mean over all fixations, repeats included, of the prediction z-scored with std of N, + 1e-7',
    'fixations',
)
def nss_ntire(frame: Frame, rng: Rng = None) -> float:
    """Measure NSS as NTIRE 2026 does."""
    return float(F.nss(frame.values, frame.counts, ddof=0, eps=1e-7, repeats=True))


@measure(
    'thresholds at the fixations, repeats included; no jitter, ties count against the prediction; '
    'false positives divided by number of pixels - 2',
    'fixations',
)
def judd_ntire(frame: Frame, rng: Rng = None) -> float:
    """Measure AUC-Judd as NTIRE 2026 does."""
    negatives = frame.prediction.size - 2
    return float(
        F.auc_judd(
            frame.values, frame.counts, ties='pessimistic', repeats=True, negatives=negatives
        )
    )
