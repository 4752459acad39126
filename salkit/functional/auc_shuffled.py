"""Shuffled AUC, the area under the ROC curve of fixated pixels against those of other frames."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ._common import Maps, score_each
from ._order import RULES, check_choice, fixated_values, pair_share, step_area, value_range


def auc_shuffled(
    pred: Maps,
    fixation_map: Maps,
    nonfixation_map: Maps,
    *,
    rule: Literal['matlab', 'octave', 'exact'] = 'matlab',
    splits: int | None = None,
    repeats: bool = False,
    seed: int | np.random.Generator = 0,
) -> Maps:
    """Area under the ROC curve that tells fixations from fixations of other frames, in [0, 1].

    A center bias gains nothing here. The MIT benchmark draws as many nonfixations as there are
    fixations (at most all), without replacement, 100 times, and averages. The area is linear in
    the share of nonfixations above each threshold, so its mean over all draws is the area for all
    nonfixations, without any noise.

    Not differentiable.

    Args:
        pred: saliency map (..., H, W), any unit.
        fixation_map: (..., H, W), a pixel is fixated where the value is > 0; each counts once.
        nonfixation_map: (..., H, W), > 0 where other frames were fixated; each pixel counts once.
            It may hold fixations of this frame as well.
        rule, splits, seed: see `auc_borji`.
        repeats: the values of both fixation maps are whole numbers of fixations (see
            `count_fixations`), and each counts.

    Returns:
        (...), the leading dimensions. NaN without fixations or nonfixations, and where a fixated
        value is NaN; a NaN elsewhere ranks below everything. A constant or infinite prediction
        gives NaN (unless `'exact'`: 0.5 for a constant).

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.
        ValueError: `rule` is none of the three.

    Example:
        >>> import numpy as np
        >>> from salkit import functional
        >>> pred = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> fixation_map = np.array([[0, 0], [1, 0]])
        >>> nonfixations = np.array([[0, 1], [0, 1]])
        >>> round(float(functional.auc_shuffled(pred, fixation_map, nonfixations)), 4)
        0.5

    Source: Zhang et al., "SUN: a Bayesian framework for saliency using natural statistics", 2008;
    `AUC_shuffled.m` of the MIT saliency benchmark.
    """
    check_choice('rule', rule, RULES)
    if splits is not None:
        rng = np.random.default_rng(seed)

    def area(values: Maps, fixation_map: Maps, nonfixation_map: Maps) -> float:
        fixated = fixated_values(values, fixation_map, repeats)
        others = fixated_values(values, nonfixation_map, repeats)
        if len(fixated) == 0 or len(others) == 0 or np.isnan(fixated).any():
            return math.nan
        if splits is not None:
            drawn = min(len(fixated), len(others))
            others = np.concatenate([rng.permutation(others)[:drawn] for _ in range(splits)])
        if rule == 'exact':
            return pair_share(fixated, others)
        return step_area(fixated, others, value_range(values), rule)

    return score_each('auc_shuffled', area, pred, fixation_map, nonfixation_map)
