"""Information gain over a baseline."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._common import MAP_DIMS, Maps, is_constant, measure, normalize_sum
from .fixations import fixated_pixels

if TYPE_CHECKING:
    from torch import Tensor


def information_gain(
    pred: Maps,
    fixation_map: Maps,
    baseline_density: Maps,
    *,
    minmax: bool = False,
    eps: float = 2.0**-52,
    repeats: bool = False,
) -> Maps:
    """How much better a saliency map S tells the fixations than a baseline B does.

    Both maps are divided by their sums; then the mean of `log2(eps + S) - log2(eps + B)` over the
    fixated pixels, in bits per fixation; 0 is the baseline, which mostly is a center bias.

    Args:
        pred: saliency map (..., H, W), >= 0 unless `minmax`, any unit.
        fixation_map: (..., H, W), a pixel is fixated where the value is > 0; each counts once.
        baseline_density: (..., H, W), >= 0 unless `minmax`, any unit.
        minmax: bring both maps to [0, 1] before they are divided by their sums, as the code of
            the MIT benchmark does. It makes the darkest pixel as good as impossible.
        eps: what a probability of 0 counts as; > 0.
        repeats: the values of `fixation_map` are whole numbers of fixations (see
            `count_fixations`) and the mean is over these.

    Returns:
        (...), the leading dimensions. NaN without fixations and where a map holds a NaN or, unless
        `minmax`, a negative value. A map of zeros counts as `eps` everywhere; with `minmax`, any
        constant map gives NaN.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.

    Example:
        >>> import numpy as np
        >>> from salkit import functional
        >>> pred = np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> fixation_map = np.array([[0, 0], [0, 1]])
        >>> baseline = np.ones((2, 2))
        >>> round(float(functional.information_gain(pred, fixation_map, baseline)), 4)
        0.6781

    Source: Kümmerer et al., "Information-theoretic model comparison unifies saliency metrics",
    PNAS 2015; `InfoGain.m` of the MIT saliency benchmark.
    """
    maps = pred, fixation_map, baseline_density
    options = dict(minmax=minmax, eps=eps, repeats=repeats)
    return measure('information_gain', _of_tensors, _of_arrays, *maps, **options)


def _of_tensors(
    pred: Tensor, fixation_map: Tensor, baseline: Tensor, *, minmax: bool, eps: float, repeats: bool
) -> Tensor:
    fixated = fixation_map > 0
    counts = fixation_map.where(fixated, 0) if repeats else fixated.to(pred.dtype)
    count = counts.sum(MAP_DIMS)
    undefined = count == 0
    bits = []
    for maps in (pred, baseline):
        # A NaN anywhere is in the sum, hence in every value.
        if minmax:
            undefined = undefined | is_constant(maps)
            maps = maps - maps.amin(MAP_DIMS, keepdim=True)
        else:
            undefined = undefined | (maps.amin(MAP_DIMS) < 0)
        bits.append((eps + normalize_sum(maps)).log2())
    gain = ((bits[0] - bits[1]) * counts).where(fixated, 0).sum(MAP_DIMS)
    return (gain / count.clamp(min=1)).masked_fill(undefined, math.nan)


def _of_arrays(
    pred: np.ndarray,
    fixation_map: np.ndarray,
    baseline: np.ndarray,
    *,
    minmax: bool,
    eps: float,
    repeats: bool,
) -> float:
    index, counts = fixated_pixels(fixation_map, repeats)
    if len(index) == 0:
        return math.nan
    bits = []
    for values in (pred, baseline):
        values = values.astype(np.float64)
        low = values.min()
        if minmax:
            if low == values.max():
                return math.nan
            values -= low
        elif low < 0:
            return math.nan
        total = values.sum()
        bits.append(np.log2(eps + values[index] / (total if total != 0 else 1.0)))
    return np.dot(bits[0] - bits[1], counts) / counts.sum()
