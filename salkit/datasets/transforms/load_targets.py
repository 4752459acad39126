"""Reads the ground truth of a clip's last frame."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform

from ...errors import DataError
from ...media.images import checked_size
from ...media.maps import read_density_map, read_fixation_map
from ...registry import TRANSFORMS


def resize_fixation_map(fixation_map: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Move each fixated pixel to the cell of a (rows, columns) grid that it falls into."""
    rows, columns = np.nonzero(fixation_map)
    height, width = fixation_map.shape
    resized = np.zeros(size, dtype=bool)
    resized[rows * size[0] // height, columns * size[1] // width] = True
    return resized


def resize_density_map(density: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) float32 bilinearly with anti-aliasing to (rows, columns); it stays >= 0."""
    if density.shape == tuple(size):
        return density
    resized = F.interpolate(
        torch.from_numpy(np.ascontiguousarray(density))[None, None],
        tuple(size),
        mode='bilinear',
        align_corners=False,
        antialias=True,
    )
    return resized[0, 0].clamp_min(0).numpy()


def _check_size(path: str, image: np.ndarray, shown: tuple[int, int]) -> None:
    if image.shape != tuple(shown):
        raise DataError(
            f'{path}: the map is {image.shape[0]} x {image.shape[1]} pixels, its frame is '
            f'{shown[0]} x {shown[1]}'
        )


@TRANSFORMS.register_module()
class LoadTargets(BaseTransform):
    """Read `density_path` and `fixation_path`.

    Adds `density_map` (H, W) float32 in [0, 1] and `fixation_map` (H, W) bool, or None where the
    data set has none.

    Args:
        size: (rows, columns) to resize to, for training: the density map bilinearly with
            anti-aliasing, fixations point by point. None keeps them at the frame's size.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = None if size is None else checked_size('LoadTargets', size)

    def transform(self, results: dict) -> dict:
        """Add the two maps to `results`.

        Raises:
            DataError: a map that cannot be read or is of another size than its frame.
        """
        shown, size = results['size'], self.size
        density = fixations = None
        if path := results.get('density_path'):
            raw = read_density_map(path)
            _check_size(path, raw, shown)
            scale = np.iinfo(raw.dtype).max if np.issubdtype(raw.dtype, np.integer) else 1
            density = raw.astype(np.float32) / np.float32(scale)
            if size is not None:
                density = resize_density_map(density, size)
        if path := results.get('fixation_path'):
            fixations = read_fixation_map(path)
            _check_size(path, fixations, shown)
            if size is not None:
                fixations = resize_fixation_map(fixations, size)
        results['density_map'], results['fixation_map'] = density, fixations
        return results
