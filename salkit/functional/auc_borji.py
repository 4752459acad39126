"""AUC-Borji, the area under the ROC curve of fixated pixels against pixels drawn at random."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ._common import Maps, score_each
from ._order import (
    RULES,
    check_choice,
    fixated_values,
    look_up,
    on_cpu,
    pair_share,
    step_area,
    value_range,
)


def auc_borji(
    pred: Maps,
    fixation_map: Maps,
    *,
    rule: Literal['matlab', 'octave', 'exact'] = 'matlab',
    splits: int | None = None,
    repeats: bool = False,
    seed: int | np.random.Generator = 0,
) -> Maps:
    """Area under the ROC curve that tells fixated pixels from pixels drawn at random, in [0, 1].

    The MIT benchmark draws as many pixels as there are fixations, with replacement and fixated
    ones included, 100 times, and averages. The area is linear in the share of drawn pixels above
    each threshold, so its mean over all draws is the area for all pixels, without any noise.

    Not differentiable.

    Args:
        pred: saliency map (..., H, W), any unit.
        fixation_map: (..., H, W), a pixel is fixated where the value is > 0; each counts once.
        rule: where the thresholds are: every 0.1 of the min-max normalised map, as `'matlab'` or
            `'octave'` builds them (the last bit differs, which 8-bit maps feel); `'exact'`, the
            rank statistic with all of them, the share of pairs in the right order, equal pairs
            counting 1/2.
        splits: how many draws to average; None for the exact mean over all.
        repeats: the values of `fixation_map` are whole numbers of fixations (see
            `count_fixations`), and each counts.
        seed: of the draws; a generator goes on from map to map and from call to call.

    Returns:
        (...), the leading dimensions. NaN with fewer than two fixations, and where a fixated value
        is NaN; a NaN elsewhere ranks below everything. A constant or infinite prediction gives NaN
        (unless `'exact'`: 0.5 for a constant).

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.
        ValueError: `rule` is none of the three.

    Example:
        >>> import numpy as np
        >>> from salkit import functional
        >>> pred = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> fixation_map = np.array([[0, 0], [1, 1]])
        >>> round(float(functional.auc_borji(pred, fixation_map)), 4)
        0.75

    Source: Borji et al., "Analysis of scores, datasets, and models in visual saliency prediction",
    ICCV 2013; `AUC_Borji.m` of the MIT saliency benchmark.
    """
    check_choice('rule', rule, RULES)
    if splits is not None:
        rng = np.random.default_rng(seed)

    def area(values: Maps, fixation_map: Maps) -> float:
        fixated = fixated_values(values, fixation_map, repeats)
        if len(fixated) < 2 or np.isnan(fixated).any():
            return math.nan
        limits = value_range(values)
        size = len(values)
        if splits is not None:
            values = look_up(values, rng.integers(size, size=splits * len(fixated)))
        if rule == 'exact':
            return pair_share(fixated, values)
        return step_area(fixated, on_cpu(values), limits, rule)

    return score_each('auc_borji', area, pred, fixation_map)
