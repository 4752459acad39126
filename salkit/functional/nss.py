"""NSS, the normalized scanpath saliency."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._common import MAP_DIMS, Maps, center, inner_product, measure
from .fixations import fixated_pixels

if TYPE_CHECKING:
    from torch import Tensor


def nss(
    pred: Maps, fixation_map: Maps, *, ddof: int = 1, eps: float = 0.0, repeats: bool = False
) -> Maps:
    """Mean of the z-scored saliency map at the fixated pixels, in standard deviations; 0 is chance.

    Args:
        pred: saliency map (..., H, W), any unit.
        fixation_map: (..., H, W), a pixel is fixated where the value is > 0; each counts once.
        ddof: the variance divides by H * W - ddof.
        eps: added to the standard deviation, in the unit of `pred`. Above 0 the value of every map
            with a fixation, and all gradients, are finite; a constant map counts as of deviation 1.
        repeats: the values of `fixation_map` are whole numbers of fixations (see
            `count_fixations`) and the mean is over these.

    Returns:
        (...), the leading dimensions. Without fixations NaN, whatever `eps`; such an item passes
        no NaN back to `pred` if its value is masked out with `torch.where`. A constant prediction
        gives NaN when `eps` is 0, else 0. NaN where the prediction holds a NaN.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.

    Example:
        >>> import numpy as np
        >>> from salkit import functional
        >>> pred = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> fixation_map = np.array([[0, 0], [0, 1]])
        >>> round(float(functional.nss(pred, fixation_map)), 4)
        1.1619

    Source: Peters et al., "Components of bottom-up gaze allocation in natural images", 2005;
    `NSS.m` of the MIT saliency benchmark.
    """
    options = dict(ddof=ddof, eps=eps, repeats=repeats)
    return measure('nss', _of_tensors, _of_arrays, pred, fixation_map, **options)


def _of_tensors(
    pred: Tensor, fixation_map: Tensor, *, ddof: int, eps: float, repeats: bool
) -> Tensor:
    fixated = fixation_map > 0
    counts = fixation_map.where(fixated, 0) if repeats else fixated.to(pred.dtype)
    count = counts.sum(MAP_DIMS)
    centered = center(pred)
    height, width = pred.shape[-2:]
    variance = centered.square().sum(MAP_DIMS) / (height * width - ddof)
    flat = variance == 0
    # The slope of sqrt at 0 is infinite. A std of 1 there keeps the value 0, its gradient small.
    std = variance.masked_fill(flat, 1).sqrt()
    # The NaN of an unfixated pixel is in the mean, hence in every centered value.
    at_fixations = (centered * counts).where(fixated, 0).sum(MAP_DIMS)
    value = at_fixations / count.clamp(min=1) / (std + eps)
    undefined = count == 0
    if eps == 0:
        undefined = undefined | flat
    return value.masked_fill(undefined, math.nan)


def _of_arrays(
    pred: np.ndarray, fixation_map: np.ndarray, *, ddof: int, eps: float, repeats: bool
) -> float:
    index, counts = fixated_pixels(fixation_map, repeats)
    if len(index) == 0:
        return math.nan
    if pred.min() == pred.max():
        return 0.0 if eps > 0 else math.nan
    centered = pred.astype(np.float64)
    centered -= centered.mean()
    std = np.sqrt(inner_product(centered, centered) / (centered.size - ddof))
    return np.dot(centered[index], counts) / counts.sum() / (std + eps)
