"""Densities: a Gaussian around every fixation."""

from __future__ import annotations

import numpy as np

from ..utils.density_options import DensityOptions


def gaussian_density(
    counts: np.ndarray,
    sigma_px: float | tuple[float, float],
    window_px: int | None = None,
    shift_px: int = 0,
) -> np.ndarray:
    """Sum a Gaussian of height 1 over all fixations; what falls outside of the frame is lost.

    A separable convolution, without any truncation but that of the window: the Gaussians down and
    across are matrices, of which only the rows and columns with fixations are multiplied.

    Args:
        counts: (H, W), fixations on each pixel; a binary map counts each pixel once.
        sigma_px: standard deviation in pixels; two, down and across, where pixels are not square.
        window_px: side of the square that each Gaussian is cut to; None for the whole frame. An
            even one has no middle pixel: it reaches a pixel less far down and right, and the
            Gaussian lies half a pixel above and left of its fixation, as with MATLAB's `fspecial`
            and `imfilter`.
        shift_px: pixels that a Gaussian is put below and right of its fixation, window included.

    Returns:
        (H, W) float64.
    """
    rows, columns = np.flatnonzero(counts.any(1)), np.flatnonzero(counts.any(0))
    if not len(rows):
        return np.zeros(counts.shape)
    sigmas = sigma_px if isinstance(sigma_px, tuple) else (sigma_px, sigma_px)
    down, across = (
        _profiles(length, at, sigma, window_px, shift_px)
        for length, at, sigma in zip(counts.shape, (rows, columns), sigmas, strict=True)
    )
    fixated = counts[np.ix_(rows, columns)].astype(np.float64)
    return np.linalg.multi_dot([down.T, fixated, across])


def density_of(
    counts: np.ndarray, options: DensityOptions, pixel_aspect: float = 1.0
) -> np.ndarray:
    """The density of fixations.

    Args:
        counts: (H, W), fixations on each pixel.
        options: how it is made.
        pixel_aspect: width of a pixel as shown by its height.

    Returns:
        (H, W) float32.
    """
    size = counts.shape[0], counts.shape[1]
    sigma = options.sigma_at(size, pixel_aspect)
    density = gaussian_density(counts, sigma, options.window_px, options.shift_px)
    if options.normalize is not None and density.any():
        density /= density.max() if options.normalize == 'max' else density.sum()
    return density.astype(np.float32)


def _profiles(
    length: int, at: np.ndarray, sigma_px: float, window_px: int | None, shift_px: int
) -> np.ndarray:
    """One Gaussian (`length`,) for each place in `at`."""
    offset = np.arange(length) - at[:, None] - shift_px
    even = window_px is not None and window_px % 2 == 0
    profiles = np.exp(-0.5 * ((offset + 0.5 * even) / sigma_px) ** 2)
    if window_px is not None:
        profiles[(offset < -(window_px // 2)) | (offset > (window_px - 1) // 2)] = 0
    return profiles
