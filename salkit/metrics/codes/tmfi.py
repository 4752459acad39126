"""The Python scripts of TMFI, which the authors of SalFoM scored their tables with."""

from __future__ import annotations

import math

from ... import functional as F
from .. import measures as m
from ..frame import Frame
from ..protocol import Measure, Protocol


def undefined_at_zero(inner: Measure) -> Measure:
    """A measure of two maps that divides a map of zeros by its sum, which gives NaN."""

    @m.measure(f'{inner.definition}; NaN where a map holds nothing but 0', *inner.needs)
    def score(frame: Frame, rng: m.Rng = None) -> float:
        if not frame.values.any() or not frame.density.any():
            return math.nan
        return inner.score(frame, rng)

    return score


@m.measure(
    'mean over fixated pixels of the z-scored prediction, std with N - 1, plus 2.2204e-16: 0 for '
    'a constant map',
    'fixations',
)
def nss(frame: Frame, rng: m.Rng = None) -> float:
    """Measure NSS as the TMFI scripts do."""
    return float(F.nss(frame.values, frame.fixations, eps=m.SHORT_EPS))


@m.measure(
    'as dhf1k-matlab, with ranks counted from 0, which puts every false positive rate 1 / (number '
    'of unfixated pixels) higher; expectation over the jitter of 1e-7, or sampled',
    'fixations',
)
def judd_from_zero(frame: Frame, rng: m.Rng = None) -> float:
    """Measure AUC-Judd as the TMFI scripts do."""
    return float(F.auc_judd(frame.prediction, frame.fixation_map, first_rank=0, **m.ties_of(rng)))


MEASURES = {
    'CC': m.pearson,
    'KL': undefined_at_zero(m.kl(m.SHORT_EPS)),
    'SIM': undefined_at_zero(m.similarity),
    'NSS': nss,
    'AUC-J': judd_from_zero,
}

PROTOCOL = Protocol(
    name='tmfi',
    summary='The Python scripts of TMFI, which the authors of SalFoM scored their tables with.',
    description=(
        'Predictions stay float: no 8-bit step. Computed in double, where the scripts use '
        'single precision, which moves their numbers by about 1e-6.',
        'One frame without fixations, or one constant map, spoils the mean of a whole run: '
        'such a mean is NaN.',
        'A constant map that is not 0 has a deviation of rounding errors in single precision, so '
        'that the CC and NSS of the scripts are anything there; here NaN and 0.',
        'The jitter of AUC-J is up to 1e-7 whatever the map is like: it jumbles large maps that '
        'sum to 1 (by .001 at 1080 x 1920), here with --seed only.',
        's-AUC is left out: the script for it reads pixel indices wrongly.',
    ),
    measures=MEASURES,
    values='unit',
    resize='bilinear-plain',
    blur_kernel=11,
    average='frames',
    nan='keep',
)
