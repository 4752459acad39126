"""CC, the linear correlation coefficient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._common import MAP_DIMS, Maps, center, inner_product, largest_magnitude, measure

if TYPE_CHECKING:
    from torch import Tensor


def cc(pred: Maps, density: Maps, *, eps: float = 0.0) -> Maps:
    """Pearson's correlation of a saliency map and a density map, in [-1, 1].

    Neither the scale nor the offset of a map matters, nor whether variances divide by N or N - 1.

    Args:
        pred: saliency map (..., H, W), any unit.
        density: ground truth (..., H, W), any unit.
        eps: added in quadrature to the product of the standard deviations of the two maps (each
            map scaled to a largest magnitude of 1). Above 0 the value and its gradients are finite
            whatever the maps.

    Returns:
        (...), the leading dimensions. A constant map, or a map of zeros, has no correlation: NaN
        when `eps` is 0, else 0. NaN where a map holds a NaN.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.

    Example:
        >>> import numpy as np
        >>> from salkit import functional
        >>> pred = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> density = np.array([[0.0, 1.0], [1.0, 2.0]])
        >>> round(float(functional.cc(pred, density)), 4)
        0.9487

    Source: Bylinskii et al., "What do different evaluation metrics tell us about saliency
    models?", TPAMI 2018; `CC.m` of the MIT saliency benchmark.
    """
    return measure('cc', _of_tensors, _of_arrays, pred, density, eps=eps)


def _of_tensors(pred: Tensor, density: Tensor, *, eps: float) -> Tensor:
    # The scale cancels; without it the variances of a map that sums to 1 underflow in float32.
    x = center(pred / largest_magnitude(pred))
    y = center(density / largest_magnitude(density))
    covariance = (x * y).mean(MAP_DIMS)
    variances = x.square().mean(MAP_DIMS) * y.square().mean(MAP_DIMS)
    # A constant map is exactly 0 once centered, so without an eps this is 0 / 0.
    return covariance / (variances + eps**2).sqrt()


def _of_arrays(pred: np.ndarray, density: np.ndarray, *, eps: float) -> float:
    x, y = _centered(pred), _centered(density)
    if x is None or y is None:
        return 0.0 if eps > 0 else math.nan
    variances = inner_product(x, x) * inner_product(y, y) / x.size**2
    return inner_product(x, y) / x.size / np.sqrt(variances + eps**2)


def _centered(values: np.ndarray) -> np.ndarray | None:
    """Values scaled to a largest magnitude of 1, less their mean, float64; None if constant."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return None
    values = values.astype(np.float64)
    values /= max(abs(low), abs(high))
    values -= values.mean()
    return values
