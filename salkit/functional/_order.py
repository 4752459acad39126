"""What the AUCs ask of a flat map: values at pixels, and where a value stands among the others.

A map is an array where the CPU can read it, else a tensor on its device. Only the few numbers asked
for leave the device, and from there on everything is NumPy, in float64 or whole numbers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ._common import Maps

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
    return values.cpu().numpy() if isinstance(values, Tensor) else values


def look_up(values: Maps, index: np.ndarray) -> np.ndarray:
    """Values at the pixels `index`."""
    if isinstance(values, Tensor):
        return values[torch.from_numpy(index).to(values.device)].cpu().numpy()
    return values[index]


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
    if isinstance(values, Tensor):
        return _count_sorted_tensor(values, thresholds)
    if values.dtype in (np.uint8, np.bool_):
        histogram = _histogram(values.view(np.uint8))
        above = values.size - histogram.cumsum()
        levels = thresholds.astype(np.intp)
        return above[levels], histogram[levels]
    # NumPy sorts with vector instructions: no slower than counting in buckets, and always exact.
    ordered = np.sort(values)
    if ordered.dtype.kind == 'f':
        ordered = ordered[: np.searchsorted(ordered, np.nan)]
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
    rates = []
    for values in (positives, negatives):
        scaled = (values.astype(np.float64) - limits[0]) / span
        reached = [np.count_nonzero(scaled >= tenth) for tenth in _TENTHS[rule][::-1]]
        rates.append(np.array([0, *reached, len(values)]) / len(values))
    tp, fp = rates
    return np.sum(np.diff(fp) * (tp[1:] + tp[:-1])) / 2


def _histogram(values: np.ndarray) -> np.ndarray:
    """How many of the uint8 values are 0, 1, ..., 255."""
    if values.size < 2**16 or values.size % 2:
        return np.bincount(values, minlength=256)
    # Two pixels a step: half the steps, and fewer of them wait for the same bin.
    pairs = np.ascontiguousarray(values).view(np.uint16)
    counts = np.bincount(pairs, minlength=2**16).reshape(256, 256)
    return counts.sum(0) + counts.sum(1)


def _count_sorted_tensor(values: Tensor, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ordered = values.sort().values
    if ordered.is_floating_point():
        ordered = ordered[: len(ordered) - int(ordered.isnan().sum())]
    wanted = torch.from_numpy(thresholds).to(ordered)
    end = torch.searchsorted(ordered, wanted, right=True)
    start = torch.searchsorted(ordered, wanted)
    return (len(ordered) - end).cpu().numpy(), (end - start).cpu().numpy()
