"""What the AUCs ask of a flat map: values at pixels, and where a value stands among the others.

A map is an array where the CPU can read it, else a tensor on its device. Only the few numbers asked
for leave the device, and from there on everything is NumPy, in float64 or whole numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ._common import Maps, is_tensor
from .fixations import fixated_pixels

if TYPE_CHECKING:
    from torch import Tensor

RULES = ('matlab', 'octave', 'below-maximum', 'exact')

# 0:0.1:1 as the two interpreters build it: MATLAB from both ends, Octave as multiples of the step.
# They differ in the last bit, and many pixels of an 8-bit map lie exactly on a threshold.
_TENTHS = {
    'matlab': np.array([*(np.arange(6) * 0.1), *(1 - np.arange(4, -1, -1) * 0.1)]),
    'octave': np.arange(11) * 0.1,
    # np.arange(0, 1, 0.1), as Python codes have it: none at the maximum itself.
    'below-maximum': np.arange(10) * 0.1,
}


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """ValueError if `value` is none of the choices."""
    if value not in choices:
        raise ValueError(f'{name}: expected one of {", ".join(choices)}, got {value!r}')


def on_cpu(values: Maps) -> np.ndarray:
    """The map as an array."""
    return values.cpu().numpy() if is_tensor(values) else values


def look_up(values: Maps, index: np.ndarray) -> np.ndarray:
    """Values at the pixels `index`."""
    if is_tensor(values):
        import torch

        return values[torch.from_numpy(index).to(values.device)].cpu().numpy()
    return values[index]


def fixated_values(values: Maps, fixation_map: Maps, repeats: bool) -> np.ndarray:
    """Values at the fixated pixels, once each or, with `repeats`, once a fixation."""
    index, counts = fixated_pixels(fixation_map, repeats)
    found = look_up(values, index)
    return np.repeat(found, counts) if repeats else found


def value_range(values: Maps) -> tuple[float, float]:
    """Smallest and largest value, NaNs left aside; both NaN where there is nothing else."""
    low, high = float(values.min()), float(values.max())
    if math.isnan(low):
        values = on_cpu(values)
        values = values[~np.isnan(values)]
        low, high = (float(values.min()), float(values.max())) if len(values) else (math.nan,) * 2
    return low, high


def count(values: Maps, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many values lie above, and at, each threshold, as int64; a NaN is below everything."""
    if is_tensor(values):
        return _count_sorted_tensor(values, thresholds)
    if values.dtype in (np.uint8, np.bool_):
        histogram = _histogram(values.view(np.uint8))
        above = values.size - histogram.cumsum()
        levels = thresholds.astype(np.intp)
        return above[levels], histogram[levels]
    # NumPy sorts with vector instructions: no slower than counting in buckets, and always exact.
    ordered = np.sort(values)
    if ordered.dtype.kind == 'f':
        # A NaN of float64 would have the whole map converted.
        ordered = ordered[: np.searchsorted(ordered, ordered.dtype.type(np.nan))]
    end = np.searchsorted(ordered, thresholds, side='right')
    return len(ordered) - end, end - np.searchsorted(ordered, thresholds)


def pair_share(positives: np.ndarray, negatives: Maps) -> float:
    """Share of pairs with the positive above the negative, equal pairs counting 1/2."""
    above, equal = count(negatives, positives)
    return 1 - (above + equal / 2).mean() / len(negatives)


def step_area(
    positives: np.ndarray, negatives: np.ndarray, limits: tuple[float, float], rule: str
) -> float:
    """Area under the curve whose thresholds go by tenths from the smallest to the largest value.

    It is the sum of the trapezoids over (0, 0), a point a threshold and (1, 1); NaN where the
    limits, the map's smallest and largest value, are equal or not finite.
    """
    span = limits[1] - limits[0]
    if not 0 < span < math.inf:
        return math.nan
    counts = []
    for values in (positives, negatives):
        scaled = values.astype(np.float64)
        scaled -= limits[0]
        scaled /= span
        reached = map(np.count_nonzero, scaled >= _TENTHS[rule][::-1, None])
        counts.append(np.array([0, *reached, len(values)]))
    tp, fp = counts
    return np.dot(np.diff(fp), tp[1:] + tp[:-1]) / 2 / len(positives) / len(negatives)


def _histogram(values: np.ndarray) -> np.ndarray:
    """How many of the uint8 values are 0, 1, ..., 255."""
    counts = np.zeros(256, np.int64)
    # Faster than bincount, but its counts are float32: exact up to 2^24.
    for start in range(0, len(values), 2**24):
        part = np.ascontiguousarray(values[start : start + 2**24])
        counts += cv2.calcHist([part], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return counts


def _count_sorted_tensor(values: Tensor, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import torch

    ordered = values.sort().values
    if ordered.is_floating_point():
        ordered = ordered[: len(ordered) - int(ordered.isnan().sum())]
    wanted = torch.from_numpy(thresholds).to(ordered)
    end = torch.searchsorted(ordered, wanted, right=True)
    start = torch.searchsorted(ordered, wanted)
    return (len(ordered) - end).cpu().numpy(), (end - start).cpu().numpy()
