"""The steps from a map as it was read to the one that a protocol scores."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from scipy.ndimage import correlate1d
from scipy.sparse import csr_array
from skimage.transform import resize


def quantize(values: np.ndarray) -> np.ndarray:
    """Grey levels 0..255, as an 8-bit PNG holds them.

    Floats in [0, 1] are multiplied by 255 and rounded. Other floats, and such whose maximum is
    below 1 / 255 (a density that sums to 1), are brought to 0..255 by their range first, so
    that something is left of them.

    Returns:
        (h, w) uint8; float64 with the NaNs where there are any.
    """
    if values.dtype == np.uint8:
        return values
    values = as_unit(values).astype(np.float64, copy=False)
    low, high = values.min(), values.max()
    if low < 0 or high > 1 or 0 < high < 1 / 255:
        low = min(low, 0.0)
        values = (values - low) / (high - low)
    levels = np.rint(values * 255)
    return levels.astype(np.uint8) if np.isfinite(levels).all() else levels


def as_unit(values: np.ndarray) -> np.ndarray:
    """Whole numbers divided by the largest that their type holds, as float32; floats unchanged."""
    if values.dtype.kind == 'f':
        return values
    largest = 1 if values.dtype == np.bool_ else np.iinfo(values.dtype).max
    # 16 bits fit into a float32, wider types are no image format.
    return values.astype(np.float32) / np.float32(largest)


def to_unit_range(values: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """(values - min) / (max - min + 2^-23), the min-max of the NTIRE 2026 reader."""
    values = values.astype(dtype)
    low = values.min()
    return (values - low) / (values.max() - low + dtype(np.finfo(np.float32).eps))


def blur(values: np.ndarray, kernel: int) -> np.ndarray:
    """Gaussian blur with the sigma that OpenCV takes for a kernel of this side, in float32."""
    return cv2.GaussianBlur(values.astype(np.float32, copy=False), (kernel, kernel), 0)


def stretch(values: np.ndarray) -> np.ndarray:
    """Grey levels 0..255 brought to [0, 1] by their range; all 0 become NaN, other constants 0.5.

    Source: `postprocessMap.m` and `normalizeImage1.m` of the code of STAViS.
    """
    levels = quantize(values).astype(np.float64)
    low, high = levels.min(), levels.max()
    if low == high:
        return np.full(levels.shape, np.nan if high == 0 else 0.5)
    return (levels - low) / (high - low)


def smooth(values: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur within 3 sigma, the map mirrored at its border, as MATLAB's `fspecial`."""
    radius = int(np.ceil(3 * sigma_px))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2)
    # Beyond the border the edge pixel comes twice, which SciPy calls reflection.
    for axis in (0, 1):
        values = correlate1d(values, weights / weights.sum(), axis=axis, mode='reflect')
    return values


def fit_map(values: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """Resize a map to fit into `canvas` (rows, columns), its shape kept, black around it."""
    fitted = np.zeros(canvas)
    place, size = _inside(values.shape, canvas)
    fitted[place] = cv2.resize(values.astype(np.float64), size[::-1])
    return fitted


def fit_fixations(fixated: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """Where the fixated pixels (H, W) of a map fall when it is fitted as `fit_map` does."""
    fitted = np.zeros(canvas, bool)
    place, size = _inside(fixated.shape, canvas)
    moved = np.rint(np.argwhere(fixated) * np.divide(size, fixated.shape)).astype(np.intp)
    fitted[place][tuple(np.minimum(moved, np.subtract(size, 1)).T)] = True
    return fitted


def _inside(
    shape: tuple[int, ...], canvas: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """Where a map of a shape lies in the middle of a canvas, and with which size."""
    (rows, columns), (height, width) = shape, canvas
    if rows * width > columns * height:
        size = height, columns * height // rows
    else:
        size = rows * width // columns, width
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return (slice(top, top + size[0]), slice(left, left + size[1])), size


def resize_spline(values: np.ndarray, size: tuple[int, int], order: int = 3) -> np.ndarray:
    """Resize by splines, blurred before where it shrinks, as scikit-image does by default."""
    return resize(values, size, order=order, mode='reflect')


def resize_plain(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear without antialiasing, as OpenCV's; float32 stays, all else becomes float64."""
    if values.dtype != np.float32:
        values = values.astype(np.float64)
    return cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)


def resize_smooth(values: np.ndarray, size: tuple[int, int], kernel: str) -> np.ndarray:
    """Resize with a kernel that widens when shrinking, as MATLAB's `imresize`, in float64.

    Args:
        values: (h, w).
        size: rows and columns.
        kernel: 'cubic' (Keys, a = -0.5) or 'linear'.
    """
    rows = _weights(values.shape[0], size[0], kernel)
    columns = _weights(values.shape[1], size[1], kernel)
    return np.ascontiguousarray((columns @ (rows @ values.astype(np.float64)).T).T)


@lru_cache(maxsize=64)
def _weights(before: int, after: int, kernel: str) -> csr_array:
    """How much of each of the old pixels is in each of the new ones, (after, before)."""
    reach, shape = KERNELS[kernel]
    shrink = min(1.0, after / before)
    center = (np.arange(after) + 0.5) * before / after - 0.5
    first = np.floor(center - reach / shrink).astype(np.intp)
    taps = first[:, None] + np.arange(int(np.ceil(2 * reach / shrink)) + 2)
    weights = shape(np.abs(center[:, None] - taps) * shrink)
    weights /= weights.sum(1, keepdims=True)
    # Beyond the border the map goes on as its mirror image.
    taps = taps % (2 * before)
    taps = np.minimum(taps, 2 * before - 1 - taps)
    lines = np.repeat(np.arange(after), taps.shape[1])
    matrix = csr_array((weights.ravel(), (lines, taps.ravel())), shape=(after, before))
    matrix.eliminate_zeros()
    return matrix


def _cubic(x: np.ndarray) -> np.ndarray:
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))


def _linear(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - x, 0)


# Half of the kernel's width in pixels, and its shape.
KERNELS = {'cubic': (2, _cubic), 'linear': (1, _linear)}
VALUES = {
    'as-read': lambda values: values,
    '8-bit': quantize,
    '8-bit-unit': lambda values: quantize(values) / 255,
    'png-unit': lambda values: as_unit(quantize(values) if values.dtype.kind == 'f' else values),
    '8-bit-stretched': stretch,
    'unit': as_unit,
    'minmax': to_unit_range,
}
RESIZE = {
    'bicubic': lambda values, size: resize_smooth(values, size, 'cubic'),
    'bilinear': lambda values, size: resize_smooth(values, size, 'linear'),
    'bilinear-plain': resize_plain,
    'spline': resize_spline,
}
