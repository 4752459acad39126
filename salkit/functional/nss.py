"""NSS, the normalized scanpath saliency."""

from __future__ import annotations

import torch
from torch import Tensor

from ._common import MAP_DIMS, center, measure


@measure
def nss(pred: Tensor, fixation_map: Tensor, *, ddof: int = 1, eps: float = 0.0) -> Tensor:
    """Mean of the z-scored saliency map at the fixated pixels, in standard deviations; 0 is chance.

    Args:
        pred: saliency map (..., H, W), any unit.
        fixation_map: (..., H, W), a pixel is fixated where the value is > 0; each counts once.
        ddof: the variance divides by H * W - ddof.
        eps: added to the standard deviation, in the unit of `pred`. Above 0 the value of every map
            with a fixation, and all gradients, are finite; a constant map counts as of deviation 1.

    Returns:
        (...), the leading dimensions. Without fixations NaN, whatever `eps`; such an item passes
        no NaN back to `pred` if its value is masked out with `torch.where`. A constant prediction
        gives NaN when `eps` is 0, else 0. NaN where the prediction holds a NaN.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.

    Source: Peters et al., "Components of bottom-up gaze allocation in natural images", 2005;
    `NSS.m` of the MIT saliency benchmark.
    """
    fixated = fixation_map > 0
    count = fixated.sum(MAP_DIMS)
    centered = center(pred)
    height, width = pred.shape[-2:]
    variance = centered.square().sum(MAP_DIMS) / (height * width - ddof)
    flat = variance == 0
    # The slope of sqrt at 0 is infinite. A std of 1 there keeps the value 0, its gradient small.
    std = torch.where(flat, torch.ones_like(variance), variance).sqrt()
    # The NaN of an unfixated pixel is in the mean, hence in every centered value.
    at_fixations = torch.where(fixated, centered, torch.zeros_like(centered)).sum(MAP_DIMS)
    value = at_fixations / count.clamp(min=1) / (std + eps)
    undefined = count == 0
    if eps == 0:
        undefined = undefined | flat
    return torch.where(undefined, torch.nan, value)
