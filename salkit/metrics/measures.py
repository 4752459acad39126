"""The measures that protocols are put together from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import functional as F
from .frame import Frame
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


def ties_of(rng: Rng) -> dict:
    """Options of `auc_judd`: the expectation over the order of ties, or one draw of it."""
    return dict(ties='expected') if rng is None else dict(ties='sampled', seed=rng)


def splits_of(rng: Rng) -> dict:
    """Options of the AUCs with drawn negatives: the expectation over all draws, or some draws."""
    return {} if rng is None else dict(splits=SPLITS, seed=rng)


def is_constant(values: np.ndarray) -> bool:
    """Whether a map holds a single value."""
    return bool(values.min() == values.max())


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
    return float(F.auc_judd(frame.prediction, frame.fixation_map, **ties_of(rng)))


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
    return float(F.auc_shuffled(frame.prediction, frame.fixation_map, pool, **splits_of(rng)))


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
    return float(F.auc_borji(frame.prediction, frame.fixation_map, **splits_of(rng)))


@measure(
    'bits per fixation over the baseline; both maps brought to [0, 1] and divided by their sums',
    'fixations',
    'baseline',
)
def gain_minmax(frame: Frame, rng: Rng = None) -> float:
    """Measure information gain as the MIT benchmark does."""
    return float(F.information_gain(frame.values, frame.fixations, frame.baseline, minmax=True))


@measure(
    'bits per fixation over the baseline; both maps divided by their sums', 'fixations', 'baseline'
)
def gain(frame: Frame, rng: Rng = None) -> float:
    """Measure information gain of maps that are densities."""
    return float(F.information_gain(frame.values, frame.fixations, frame.baseline))
