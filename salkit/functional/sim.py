"""SIM, the similarity or histogram intersection."""

from __future__ import annotations

import torch
from torch import Tensor

from ._common import MAP_DIMS, is_constant, measure, normalize_sum


@measure
def sim(pred: Tensor, density_map: Tensor, *, minmax: bool = True, eps: float = 0.0) -> Tensor:
    """Overlap of a saliency map and a density map, `sum(min(S, D))`, in [0, 1].

    Args:
        pred: saliency map (..., H, W), any unit; >= 0 unless `minmax`.
        density_map: ground truth (..., H, W), any unit; >= 0 unless `minmax`.
        minmax: bring both maps to [0, 1] before they are divided by their sums, as the MIT
            benchmark does; without, they are only divided by their sums.
        eps: added to the sum of each map (its minimum subtracted first, if `minmax`), in the
            unit of the map. Above 0 the value and its gradients are finite whatever the maps.

    Returns:
        (...), the leading dimensions. A map of zeros overlaps nothing: 0. With `minmax`, another
        constant map gives NaN when `eps` is 0, else 0. NaN where a map holds a NaN.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.

    Source: Bylinskii et al., "What do different evaluation metrics tell us about saliency
    models?", TPAMI 2018; `similarity.m` of the MIT saliency benchmark.
    """
    overlap = torch.minimum(
        _distribution(pred, minmax, eps), _distribution(density_map, minmax, eps)
    )
    return overlap.sum(MAP_DIMS)


def _distribution(maps: Tensor, minmax: bool, eps: float) -> Tensor:
    if not minmax:
        return normalize_sum(maps, eps)
    # The division by max - min is left out: the one by the sum would undo it.
    smallest = maps.amin(MAP_DIMS, keepdim=True)
    distribution = normalize_sum(maps - smallest, eps)
    if eps > 0:
        return distribution
    undefined = is_constant(maps)[..., None, None] & (smallest != 0)
    return torch.where(undefined, torch.nan, distribution)
