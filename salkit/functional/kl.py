"""KLDiv, the Kullback-Leibler divergence."""

from __future__ import annotations

from torch import Tensor

from ._common import MAP_DIMS, measure, normalize_sum


@measure
def kl_div(pred: Tensor, density_map: Tensor, *, eps: float = 2.0**-52) -> Tensor:
    """Divergence KL(D || S) of a saliency map S from a density map D, in nats; 0 is perfect.

    Both maps are divided by their sums; then `sum(D * log(eps + D / (S + eps)))`.

    Args:
        pred: saliency map (..., H, W), >= 0, any unit.
        density_map: ground truth (..., H, W), >= 0, any unit.
        eps: what a prediction of 0 counts as, in probability per pixel; > 0.

    Returns:
        (...), the leading dimensions. Finite for all maps >= 0: a density map of zeros gives 0, a
        prediction of zeros about -log(eps) less the entropy of D. NaN where a map holds a NaN.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.

    Source: Bylinskii et al., "What do different evaluation metrics tell us about saliency
    models?", TPAMI 2018; `KLdiv.m` of the MIT saliency benchmark.
    """
    saliency = normalize_sum(pred)
    density = normalize_sum(density_map)
    return (density * (eps + density / (saliency + eps)).log()).sum(MAP_DIMS)
