"""From the model's map to the frame's size, as two matrices.

Resizing and blurring are linear and act on rows and columns one after the other, so that both
together are `rows @ saliency_map @ columns.T`: the same values as an interpolation followed by a
convolution, an order of magnitude sooner on a CPU.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from ..errors import ConfigError


def _gaussian_kernel(size: int) -> np.ndarray:
    # The sigma that OpenCV takes for a kernel of this size when it is given none.
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    offset = np.arange(size) - (size - 1) / 2
    kernel = np.exp(-(offset**2) / (2 * sigma**2))
    return kernel / kernel.sum()


def _resize_matrix(length: int, wanted: int) -> np.ndarray:
    """Bilinear weights (wanted, length), pixel centres aligned as PyTorch does by default."""
    # In its precision too: at an edge, another rounding of a place is another value.
    scale = np.float32(length) / np.float32(wanted)
    place = scale * (np.arange(wanted, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    place = np.maximum(place, np.float32(0))
    low = np.minimum(place.astype(np.int64), length - 1)
    high = np.minimum(low + 1, length - 1)
    share = (place - low.astype(np.float32)).astype(np.float64)
    matrix = np.zeros((wanted, length))
    rows = np.arange(wanted)
    np.add.at(matrix, (rows, low), 1 - share)
    np.add.at(matrix, (rows, high), share)
    return matrix


def _blur_matrix(length: int, kernel: np.ndarray, mirrored: bool) -> np.ndarray:
    mode: Literal['reflect', 'edge'] = 'reflect' if mirrored else 'edge'
    padded = np.pad(np.arange(length), len(kernel) // 2, mode=mode)
    place = np.lib.stride_tricks.sliding_window_view(padded, len(kernel))
    matrix = np.zeros((length, length))
    np.add.at(matrix, (np.arange(length)[:, None], place), kernel)
    return matrix


@lru_cache(maxsize=8)
def postprocess_matrices(
    shape: tuple[int, int], size: tuple[int, int], blur_kernel: int = 11
) -> tuple[np.ndarray, np.ndarray]:
    """What resizes a map to its frame bilinearly, then blurs it, as the published test scripts do.

    Args:
        shape: rows and columns of the map.
        size: rows and columns of the frame.
        blur_kernel: odd side of the Gaussian kernel in pixels of the frame, 11 in the scripts
            (sigma 2.0); 0 for no blur.

    Returns:
        (size[0], shape[0]) and (size[1], shape[1]) float64, not to be changed: the finished map is
        `first @ saliency_map @ second.T`.

    Raises:
        ConfigError: an even or negative kernel.
    """
    if blur_kernel < 0 or (blur_kernel and blur_kernel % 2 == 0):
        raise ConfigError(f'blur_kernel must be 0 or an odd number, got {blur_kernel}')
    matrices = [_resize_matrix(*pair) for pair in zip(shape, size, strict=True)]
    if blur_kernel:
        kernel = _gaussian_kernel(blur_kernel)
        # Reflection needs more pixels than half the kernel; tiny maps repeat their border.
        mirrored = min(size) > blur_kernel // 2
        matrices = [_blur_matrix(len(m), kernel, mirrored) @ m for m in matrices]
    return matrices[0], matrices[1]


@lru_cache(maxsize=8)
def _float_matrices(
    shape: tuple[int, int], size: tuple[int, int], blur_kernel: int
) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = postprocess_matrices(shape, size, blur_kernel)
    return rows.astype(np.float32), np.ascontiguousarray(columns.T.astype(np.float32))


def postprocess_array(
    saliency_map: np.ndarray, size: tuple[int, int] | None = None, blur_kernel: int = 11
) -> np.ndarray:
    """Resize and blur a map; `models.postprocess_map` without PyTorch.

    Args:
        saliency_map: (h, w) float32.
        size: rows and columns of the frame; None keeps h, w.
        blur_kernel: see `postprocess_matrices`.

    Returns:
        (rows, columns) float32.
    """
    size = tuple(saliency_map.shape if size is None else size)
    if blur_kernel == 0:
        # Two neighbors a pixel: what the matrices hold beside zeros.
        return cv2.resize(saliency_map, size[::-1], interpolation=cv2.INTER_LINEAR)
    rows, columns = _float_matrices(tuple(saliency_map.shape), size, blur_kernel)
    return rows @ saliency_map @ columns
