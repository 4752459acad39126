"""AUC-Judd, the area under the ROC curve of fixated against all other pixels."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ._common import measure

TIES = ('expected', 'pessimistic', 'half')


@measure
def auc_judd(
    pred: Tensor,
    fixation_map: Tensor,
    *,
    ties: Literal['expected', 'pessimistic', 'half'] = 'expected',
) -> Tensor:
    """Area under the ROC curve that tells fixated pixels from all others, in [0, 1]; 0.5 is chance.

    The MIT benchmark puts a threshold at each of the n fixated values, counts the unfixated pixels
    before each fixated one, and joins (0, 0), these points and (1, 1) by straight lines. What is
    left open is the order of equal values:

    - `'expected'`: its random jitter orders them by chance; this is the exact mean over all orders.
    - `'pessimistic'`: its run without jitter, equal unfixated pixels come first.
    - `'half'`: not its curve but the rank statistic (Mann-Whitney), the share of pairs of a fixated
      and an unfixated pixel in the right order, equal pairs counting 1/2. The benchmark's curve is
      above it, by its last false positive rate / 2n.

    Not differentiable.

    Args:
        pred: saliency map (..., H, W), any unit; only its order matters.
        fixation_map: (..., H, W), a pixel is fixated where the value is > 0; each counts once.
        ties: how equal values are ordered, see above.

    Returns:
        (...), the leading dimensions. NaN without fixations, without an unfixated pixel, and where
        a fixated value is NaN; a NaN elsewhere ranks below everything. A constant prediction gives
        NaN if `'pessimistic'`, about 0.5 if `'expected'`, 0.5 if `'half'`.

    Raises:
        ShapeError: the maps differ in H, W, do not broadcast, or have a rank below 2.
        ValueError: `ties` is none of the three.

    Source: Judd et al., "Learning to predict where humans look", 2009; Bylinskii et al.,
    TPAMI 2018; `AUC_Judd.m` of the MIT saliency benchmark.
    """
    if ties not in TIES:
        raise ValueError(f'ties: expected one of {", ".join(TIES)}, got {ties!r}')
    values = pred.detach().flatten(-2)
    fixated = fixation_map.flatten(-2) > 0
    areas = [
        _area(map_values, map_fixated, ties)
        for map_values, map_fixated in zip(
            values.reshape(-1, values.shape[-1]), fixated.reshape(-1, values.shape[-1]), strict=True
        )
    ]
    return pred.new_tensor(areas).reshape(pred.shape[:-2])


def _area(values: Tensor, fixated: Tensor, ties: str) -> float:
    """The area for one flat map: (H * W,) values and bools."""
    thresholds = values[fixated].sort(descending=True).values
    n = len(thresholds)
    unfixated = len(values) - n
    if n == 0 or unfixated == 0 or thresholds.isnan().any():
        return math.nan
    ordered = _sorted_without_nan(values)
    if ties == 'pessimistic' and ordered[0] == ordered[-1]:
        return math.nan
    above, equal = _count(ordered, thresholds)
    fixated_above, fixated_equal = _count(thresholds.flip(0), thresholds)
    rivals = equal - fixated_equal
    before = above - fixated_above
    rank = torch.arange(1, n + 1, dtype=torch.float64)
    if ties == 'pessimistic':
        # As the benchmark counts: of m equal fixated values the first also has the m - 1 others
        # before it.
        before = above + equal - rank
    elif ties == 'expected':
        # k rivals fall into the m + 1 gaps that m equal fixated values leave, each as likely.
        before = before + rivals * (rank - fixated_above) / (fixated_equal + 1)
    else:
        before = before + rivals / 2
    false_positives = before / unfixated
    area = 1 - false_positives.mean()
    if ties != 'half':
        # The trapezoids of the curve's n points, summed by parts.
        area = area + false_positives[-1] / (2 * n)
    return area.item()


def _sorted_without_nan(values: Tensor) -> Tensor:
    if values.device.type == 'cpu':
        # Some 50 times faster than torch.sort there.
        ordered = torch.from_numpy(np.sort(values.numpy()))
    else:
        ordered = values.sort().values
    return ordered[: len(ordered) - int(ordered.isnan().sum())]


def _count(ordered: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """How many of the ascending values lie above, and at, each threshold; float64 on the CPU."""
    end = torch.searchsorted(ordered, thresholds, right=True)
    start = torch.searchsorted(ordered, thresholds)
    # A few hundred numbers from here on, and not every accelerator has float64.
    return (len(ordered) - end).cpu().double(), (end - start).cpu().double()
