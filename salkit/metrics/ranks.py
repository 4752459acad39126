"""A rank statistic over weighted negatives, for pools of millions of nonfixations."""

from __future__ import annotations

import math

import numpy as np


def weighted_pair_share(prediction: np.ndarray, fixated: np.ndarray, pool: np.ndarray) -> float:
    """Share of pairs of a fixated pixel and a nonfixation in the right order, equal ones 1/2.

    Equals `functional.auc_shuffled(..., rule='exact', repeats=True)` with each fixated pixel
    counting once, in time and memory that follow the number of pixels, not of nonfixations.

    Args:
        prediction: (H, W).
        fixated: (H, W) bool.
        pool: (H, W) whole numbers below 2^32, how often each pixel is a negative.

    Returns:
        NaN where there are no pairs or a fixated value is NaN; a NaN elsewhere is below everything.
    """
    positives = prediction[fixated]
    # Of a bool array it takes a tenth of the time.
    index = np.flatnonzero(pool != 0)
    if len(positives) == 0 or len(index) == 0 or np.isnan(positives).any():
        return math.nan
    negatives, counts = prediction.ravel()[index], pool.ravel()[index].astype(np.int64)
    total = counts.sum()
    undefined = np.isnan(negatives)
    lowest = counts[undefined].sum()
    if lowest:
        negatives, counts = negatives[~undefined], counts[~undefined]
    below, equal = _count(positives, negatives, counts)
    return float((lowest + below + equal / 2).mean() / total)


def _count(
    positives: np.ndarray, negatives: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How many of the counted negatives are below, and equal to, each positive value."""
    if positives.dtype in (np.uint8, np.bool_):
        levels = np.bincount(negatives.view(np.uint8), weights=counts, minlength=256)
        at = positives.view(np.uint8)
        return levels.cumsum()[at] - levels[at], levels[at]
    if positives.dtype == np.float32:
        # One sort of values and counts together is several times as fast as an argsort.
        positives = _order_keys(positives)
        packed = np.sort(_order_keys(negatives) << 32 | counts.astype(np.uint64))
        negatives, counts = packed >> 32, packed & 0xFFFFFFFF
    else:
        order = np.argsort(negatives)
        negatives, counts = negatives[order], counts[order]
    before = np.concatenate([[0], counts.astype(np.int64).cumsum()])
    below = before[np.searchsorted(negatives, positives)]
    return below, before[np.searchsorted(negatives, positives, side='right')] - below


def _order_keys(values: np.ndarray) -> np.ndarray:
    """Whole numbers below 2^32, as uint64, in the order of the float32 values."""
    # Adding 0 makes -0.0 and 0.0 one value.
    bits = (values + np.float32(0)).view(np.uint32)
    negative = bits >> 31 != 0
    return np.where(negative, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)
