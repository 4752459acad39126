"""The one resizing of maps that are looked at or compared, not scored.

Where a number depends on how a map is resized, the rule has a name and its own code: `postprocess`
is PyTorch's bilinear interpolation and the blur of the published test scripts as matrices, and
`metrics.preparation` has the rules of the protocols, MATLAB's `imresize` among them, each with its
own treatment of the border. Densities of fixations are `functional.density.gaussian_density`.
"""

from __future__ import annotations

import cv2
import numpy as np


def resize_map(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a map: the mean over each new pixel where it shrinks, bilinear where it grows.

    Args:
        values: (h, w), float32 or float64.
        size: rows and columns.

    Returns:
        (rows, columns), of the same type; `values` itself where it has that size.
    """
    if values.shape == tuple(size):
        return values
    shrinks = size[0] * size[1] < values.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(values, (size[1], size[0]), interpolation=how)
