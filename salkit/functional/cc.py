"""CC, the linear correlation coefficient."""

from __future__ import annotations

from torch import Tensor

from ._common import MAP_DIMS, center, largest_magnitude, measure


@measure
def cc(pred: Tensor, density_map: Tensor, *, eps: float = 0.0) -> Tensor:
    """Pearson's correlation of a saliency map and a density map, in [-1, 1].

    Neither the scale nor the offset of a map matters, nor whether variances divide by N or N - 1.

    Args:
        pred: saliency map (..., H, W), any unit.
        density_map: ground truth (..., H, W), any unit.
        eps: added in quadrature to the product of the standard deviations of the two maps (each
            map scaled to a largest magnitude of 1). Above 0 the value and its gradients are finite
            whatever the maps.

    Returns:
        (...), the leading dimensions. A constant map, or a map of zeros, has no correlation: NaN
        when `eps` is 0, else 0. NaN where a map holds a NaN.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.

    Source: Bylinskii et al., "What do different evaluation metrics tell us about saliency
    models?", TPAMI 2018; `CC.m` of the MIT saliency benchmark.
    """
    # The scale cancels; without it the variances of a map that sums to 1 underflow in float32.
    x = center(pred / largest_magnitude(pred))
    y = center(density_map / largest_magnitude(density_map))
    covariance = (x * y).mean(MAP_DIMS)
    variances = x.square().mean(MAP_DIMS) * y.square().mean(MAP_DIMS)
    # A constant map is exactly 0 once centered, so without an eps this is 0 / 0.
    return covariance / (variances + eps**2).sqrt()
