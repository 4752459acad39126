"""How concentrated a saliency map is."""

from __future__ import annotations

import numpy as np


def saliency_entropy(saliency_map: np.ndarray) -> float:
    """Shannon entropy of a map in bits, taken as a distribution over its pixels.

    0 where all attention is on one pixel, log2(H * W) where it is spread evenly. It grows with the
    size of the map: compare frames of one size only.

    Args:
        saliency_map: (H, W), at least 0; any scale, as it is divided by its sum. A map of zeros
            prefers no pixel and counts as even.

    Raises:
        ValueError: negative values, or values that are not finite.
    """
    values = np.asarray(saliency_map, np.float64).ravel()
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError('saliency_entropy: expected finite values of at least 0')
    total = values.sum()
    shares = values[values > 0] / total if total else np.full(values.size, 1 / values.size)
    # Rounding may leave a trace below 0; and -0.0 reads badly.
    return max(0.0, float(-(shares * np.log2(shares)).sum()))
