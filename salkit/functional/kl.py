"""KLDiv, the Kullback-Leibler divergence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._common import MAP_DIMS, Maps, measure, normalize_sum

if TYPE_CHECKING:
    from torch import Tensor


def kl_div(pred: Maps, density: Maps, *, eps: float = 2.0**-52) -> Maps:
    """Divergence KL(D || S) of a saliency map S from a density map D, in nats; 0 is perfect.

    Both maps are divided by their sums; then `sum(D * log(eps + D / (S + eps)))`.

    Args:
        pred: saliency map (..., H, W), >= 0, any unit.
        density: ground truth (..., H, W), >= 0, any unit.
        eps: what a prediction of 0 counts as, in probability per pixel; > 0. Python codes that
            write it as 2.2204e-16 differ in the seventh digit where a prediction is 0.

    Returns:
        (...), the leading dimensions. Finite for all maps >= 0: a density map of zeros gives 0, a
        prediction of zeros about -log(eps) less the entropy of D. NaN where a map holds a NaN or an
        infinite value.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.

    Example:
        >>> import numpy as np
        >>> from salkit import functional
        >>> pred = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> density = np.array([[0.0, 1.0], [1.0, 2.0]])
        >>> round(float(functional.kl_div(pred, density)), 4)
        0.1218

    Source: Bylinskii et al., "What do different evaluation metrics tell us about saliency
    models?", TPAMI 2018; `KLdiv.m` of the MIT saliency benchmark.
    """
    return measure('kl_div', _of_tensors, _of_arrays, pred, density, eps=eps)


def _of_tensors(pred: Tensor, density: Tensor, *, eps: float) -> Tensor:
    saliency = normalize_sum(pred)
    density = normalize_sum(density)
    return (density * (eps + density / (saliency + eps)).log()).sum(MAP_DIMS)


def _of_arrays(pred: np.ndarray, density: np.ndarray, *, eps: float) -> float:
    totals = pred.sum(dtype=np.float64), density.sum(dtype=np.float64)
    if not np.isfinite(totals).all():
        return math.nan
    # The logarithm is what takes the time, and where the density is 0 it counts for nothing.
    inside = np.flatnonzero(density != 0)
    saliency, density = (
        values[inside] / (total if total != 0 else 1.0)
        for values, total in zip((pred, density), totals, strict=True)
    )
    return (density * np.log(eps + density / (saliency + eps))).sum()
