"""SIM, the similarity or histogram intersection."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._common import MAP_DIMS, Maps, is_constant, measure, normalize_sum

if TYPE_CHECKING:
    from torch import Tensor


def sim(pred: Maps, density: Maps, *, minmax: bool = True, eps: float = 0.0) -> Maps:
    """Overlap of a saliency map and a density map, `sum(min(S, D))`, in [0, 1].

    Args:
        pred: saliency map (..., H, W), any unit; >= 0 unless `minmax`.
        density: ground truth (..., H, W), any unit; >= 0 unless `minmax`.
        minmax: bring both maps to [0, 1] before they are divided by their sums, as the MIT
            benchmark does; without, they are only divided by their sums.
        eps: added to the sum of each map (its minimum subtracted first, if `minmax`), in the
            unit of the map. Above 0 the value and its gradients are finite whatever the maps.

    Returns:
        (...), the leading dimensions. A map of zeros overlaps nothing: 0. With `minmax`, another
        constant map gives NaN when `eps` is 0, else 0. NaN where a map holds a NaN.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.

    Example:
        >>> import numpy as np
        >>> from salkit import functional
        >>> pred = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> density = np.array([[0.0, 1.0], [1.0, 2.0]])
        >>> round(float(functional.sim(pred, density)), 4)
        0.9167

    Source: Bylinskii et al., "What do different evaluation metrics tell us about saliency
    models?", TPAMI 2018; `similarity.m` of the MIT saliency benchmark.
    """
    return measure('sim', _of_tensors, _of_arrays, pred, density, minmax=minmax, eps=eps)


def _of_tensors(pred: Tensor, density: Tensor, *, minmax: bool, eps: float) -> Tensor:
    one, other = (_distribution(maps, minmax, eps) for maps in (pred, density))
    return one.minimum(other).sum(MAP_DIMS)


def _distribution(maps: Tensor, minmax: bool, eps: float) -> Tensor:
    if not minmax:
        return normalize_sum(maps, eps)
    # The division by max - min is left out: the one by the sum would undo it.
    smallest = maps.amin(MAP_DIMS, keepdim=True)
    distribution = normalize_sum(maps - smallest, eps)
    if eps > 0:
        return distribution
    undefined = is_constant(maps)[..., None, None] & (smallest != 0)
    return distribution.masked_fill(undefined, math.nan)


def _of_arrays(pred: np.ndarray, density: np.ndarray, *, minmax: bool, eps: float) -> float:
    distributions: list[np.ndarray] = []
    for values in (pred, density):
        low = values.min() if minmax else 0
        if low != 0 and eps == 0 and low == values.max():
            return math.nan
        values = values.astype(np.float64)
        if low != 0:
            values -= low
        total = values.sum() + eps
        if total != 0:
            values /= total
        distributions.append(values)
    first, second = distributions
    return np.minimum(first, second, out=first).sum()
