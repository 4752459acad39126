"""What storing a map in 8 bits does to the AUC."""

from __future__ import annotations

import cv2
import numpy as np

# Warn where ties leave the mean AUC open by more than this, half a unit of the second digit.
WORTH_A_WARNING = 0.005


def tied_share(values: np.ndarray, fixated: np.ndarray) -> float:
    """Share of pairs of a fixated and another pixel that have the same value.

    An AUC counts such pairs as half right. Had the map been stored with more levels, each of them
    would have been right or wrong, so half of this share is how far the AUC may be off.

    Args:
        values: (h, w) uint8, the map as stored.
        fixated: (H, W) bool, of any size: its pixels are looked up where they fall.

    Returns:
        In [0, 1]; NaN without fixations.
    """
    index = np.flatnonzero(fixated)
    others = values.size - len(index)
    if len(index) == 0 or others <= 0:
        return np.nan
    rows, columns = np.divmod(index, fixated.shape[1])
    rows = rows * values.shape[0] // fixated.shape[0]
    columns = columns * values.shape[1] // fixated.shape[1]
    found = values[rows, columns]
    # Ten times as fast as bincount.
    counts = cv2.calcHist([values], [0], None, [256], [0, 256]).ravel()
    counts = counts - np.bincount(found, minlength=256)
    return float(counts[found].clip(0).mean() / others)
