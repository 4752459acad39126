"""AUC-Judd, the area under the ROC curve of fixated against all other pixels."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ._common import Maps, score_each
from ._order import check_choice, count, look_up, on_cpu, value_range
from .fixations import fixated_pixels

TIES = ('expected', 'pessimistic', 'half', 'sampled')


def auc_judd(
    pred: Maps,
    fixation_map: Maps,
    *,
    ties: Literal['expected', 'pessimistic', 'half', 'sampled'] = 'expected',
    repeats: bool = False,
    first_rank: int = 1,
    negatives: int | None = None,
    jitter: float = 1e-7,
    seed: int | np.random.Generator = 0,
) -> Maps:
    """Area under the ROC curve that tells fixated pixels from all others, in [0, 1]; 0.5 is chance.

    The MIT benchmark puts a threshold at each of the n fixated values, in descending order. At the
    i-th it has i hits and #{pixels >= threshold} - i false alarms, and it joins (0, 0), these
    points and (1, 1) by straight lines. What is left open is the order of equal values:

    - `'expected'`: its random jitter orders them by chance; this is the exact mean over all orders.
    - `'pessimistic'`: its run without jitter, equal unfixated pixels come first.
    - `'half'`: not its curve but the rank statistic (Mann-Whitney), the share of pairs of a fixated
      and an unfixated pixel in the right order, equal pairs counting 1/2. The benchmark's curve is
      above it, by its last false positive rate / 2n.
    - `'sampled'`: one run with jitter. It also swaps values closer than `jitter`, so its mean may
      be off `'expected'` where the prediction is not 8-bit.

    Not differentiable.

    Args:
        pred: saliency map (..., H, W), any unit; only its order matters (unless `'sampled'`).
        fixation_map: (..., H, W), a pixel is fixated where the value is > 0; each counts once.
        ties: how equal values are ordered, see above.
        repeats: the values of `fixation_map` are whole numbers of fixations (see
            `count_fixations`), n is their sum and each is a threshold of its own. The pixels >= a
            threshold still count once, as in NTIRE 2026, which makes the value a little larger
            than that of a curve; `'half'` only weighs the pairs.
        first_rank: what i begins with: 1, or 0 as in the TMFI scripts. `'half'` has no i.
        negatives: what the false alarms are divided by; None for the number of unfixated pixels.
            NTIRE 2026 has H * W - 2 there.
        jitter: `'sampled'` adds uniform noise of [0, jitter), in the unit of `pred`.
        seed: of that noise; a generator goes on from map to map and from call to call.

    Returns:
        (...), the leading dimensions. NaN without fixations, without an unfixated pixel, and where
        a fixated value is NaN; a NaN elsewhere ranks below everything. A constant prediction gives
        NaN if `'pessimistic'`, about 0.5 if `'expected'` or `'sampled'`, 0.5 if `'half'`.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.
        ValueError: `ties` is none of the four.

    Example:
        >>> import numpy as np
        >>> from salkit import functional
        >>> pred = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> fixation_map = np.array([[0, 0], [1, 0]])
        >>> round(float(functional.auc_judd(pred, fixation_map)), 4)
        0.8333

    Source: Judd et al., "Learning to predict where humans look", 2009; Bylinskii et al.,
    TPAMI 2018; `AUC_Judd.m` of the MIT saliency benchmark.
    """
    check_choice('ties', ties, TIES)
    if ties == 'sampled':
        rng = np.random.default_rng(seed)

    def area(values: Maps, fixation_map: Maps) -> float:
        index, counts = fixated_pixels(fixation_map, repeats)
        if ties == 'sampled':
            values = on_cpu(values) + jitter * rng.random(len(values))
        unfixated = len(values) - len(index)
        if len(index) == 0 or unfixated == 0:
            return math.nan
        divisor = unfixated if negatives is None else negatives
        return _area(values, index, counts, ties, first_rank, divisor)

    return score_each('auc_judd', area, pred, fixation_map)


def _area(
    values: Maps, index: np.ndarray, counts: np.ndarray, ties: str, first_rank: int, divisor: int
) -> float:
    """The area for one flat map, of which the pixels `index` are fixated `counts` times."""
    fixated = look_up(values, index)
    if np.isnan(fixated).any():
        return math.nan
    above, equal = count(values, fixated)
    n = counts.sum()
    lowest = fixated.argmin()
    if ties == 'half':
        fixated_above, fixated_equal = count(fixated, fixated)
        before = above - fixated_above + (equal - fixated_equal) / 2
        return 1 - np.dot(before, counts) / n / divisor
    if ties == 'expected':
        # Of k + m equal values, m of them fixated, the j-th fixated has j (k + m + 1) / (m + 1)
        # at or before it, on average. The mean over j is (k + m + 1) / 2.
        m = np.count_nonzero(fixated == fixated[lowest])
        reached = above + (equal + 1) / 2
        last = above[lowest] + m * (equal[lowest] + 1) / (m + 1)
    else:
        reached = above + equal
        last = reached[lowest]
        if above[lowest] == 0:
            low, high = value_range(values)
            if low == high:
                return math.nan
    # The false alarms of all n thresholds together, and of the last.
    total = np.dot(reached, counts) - n * (n - 1) / 2 - n * first_rank
    last = last - (n - 1) - first_rank
    # The trapezoids of the curve's n points, summed by parts.
    return 1 - (total - last / 2) / n / divisor
