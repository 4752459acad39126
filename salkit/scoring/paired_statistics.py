"""Statistics of paired differences: what can be said from the same videos scored twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.stats

# All 2**n sign patterns are gone through up to this many videos; above, some are drawn.
EXACT_UP_TO = 12
LEVEL = 0.95
# Bootstrap samples, and sign flips where not all are gone through.
RESAMPLES = 10_000
SEED = 0
# Rows worked on at once: 1,000 x 1,000 videos are 8 MB.
_BLOCK = 1_000


def bootstrap_interval(
    values: np.ndarray,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    weights: np.ndarray | None = None,
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean (Efron and Tibshirani 1993, sec. 13.3).

    Args:
        values: (N,) one value a video.
        resamples: how often N videos are drawn with replacement.
        seed: of the draws; the same seed draws the same videos for every N-video array.
        weights: (N,) what each video weighs in the mean, its frames where these are pooled; None
            for equal ones.
    """
    data = (values,) if weights is None else (values * weights, weights)
    low, high = scipy.stats.bootstrap(
        data,
        np.mean if weights is None else _quotient_of_sums,
        paired=True,
        n_resamples=resamples,
        batch=_BLOCK,
        confidence_level=LEVEL,
        method='percentile',
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return float(low), float(high)


def _quotient_of_sums(weighted: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    return weighted.sum(axis) / weights.sum(axis)


def sign_flip_p(differences: np.ndarray, flips: int = RESAMPLES, seed: int = SEED) -> float:
    """Two-sided p-value of the paired permutation test on the mean.

    If the two systems are exchangeable, each video's difference is as likely to have the other
    sign. Up to 12 videos every pattern of signs is counted, the observed one included; above,
    `flips` patterns are drawn and the observed one is added, p = (1 + count) / (1 + flips)
    (Phipson and Smyth 2010), so p is never 0.

    Args:
        differences: (N,) one value a video.
        flips: drawn patterns where N > 12.
        seed: of the draws.
    """
    count = len(differences)
    # Patterns that tie with the observed one are not to be lost to rounding.
    bound = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()
    if count <= EXACT_UP_TO:
        patterns = np.arange(2**count)[:, None] >> np.arange(count) & 1
        return float(np.mean(np.abs((1 - 2 * patterns) @ differences) >= bound))
    rng = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, flips, _BLOCK):
        rows = min(_BLOCK, flips - start)
        signs = 1 - 2 * rng.integers(2, size=(rows, count), dtype=np.int8)
        extreme += int(np.sum(np.abs(signs @ differences) >= bound))
    return (1 + extreme) / (1 + flips)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down method (Holm 1979).

    The i-th smallest of m (from 0) is multiplied by m - i; none becomes smaller than one before
    it or larger than 1.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind='stable')
    corrected = np.empty_like(p)
    factors = len(p) - np.arange(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return corrected.tolist()
