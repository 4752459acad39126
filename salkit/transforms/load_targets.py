"""Reads the ground truth of a clip's last frame."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform

from ..errors import DataError
from ..registry import TRANSFORMS
from .image_io import read_image


def read_fixation_map(path: str) -> np.ndarray:
    """Read a binary fixation map (H, W) bool from an image (> 0) or a .mat file (variable `I`).

    Raises:
        DataError: a file that cannot be read or holds no such map.
    """
    if not path.endswith('.mat'):
        return read_image(path, 'unchanged') > 0
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except Exception as error:
        # scipy raises whatever the broken bytes lead it to.
        raise DataError(f'{path}: cannot be read as a .mat file ({error})') from error
    if 'I' not in content or np.ndim(content['I']) != 2:
        names = ', '.join(key for key in content if not key.startswith('__'))
        raise DataError(f'{path}: expected a variable I with a fixation map, found {names}')
    return np.asarray(content['I']) > 0


def resize_fixation_map(fixation_map: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Move each fixated pixel to the cell of a (rows, columns) grid that it falls into."""
    rows, columns = np.nonzero(fixation_map)
    height, width = fixation_map.shape
    resized = np.zeros(size, dtype=bool)
    resized[rows * size[0] // height, columns * size[1] // width] = True
    return resized


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
        self.size = None if size is None else tuple(size)

    def transform(self, results: dict) -> dict:
        """Add the two maps to `results`.

        Raises:
            DataError: a map that cannot be read or is of another size than its frame.
        """
        density = fixations = None
        if results.get('density_path'):
            raw = read_image(results['density_path'], 'unchanged')
            self._check_size(results['density_path'], raw, results)
            scale = np.iinfo(raw.dtype).max if np.issubdtype(raw.dtype, np.integer) else 1
            density = raw.astype(np.float32) / np.float32(scale)
            if self.size is not None and density.shape != self.size:
                resized = F.interpolate(
                    torch.from_numpy(density)[None, None], self.size, mode='bilinear',
                    align_corners=False, antialias=True,
                )  # fmt: skip
                density = resized[0, 0].clamp_min(0).numpy()
        if results.get('fixation_path'):
            fixations = read_fixation_map(results['fixation_path'])
            self._check_size(results['fixation_path'], fixations, results)
            if self.size is not None:
                fixations = resize_fixation_map(fixations, self.size)
        results['density_map'] = density
        results['fixation_map'] = fixations
        return results

    @staticmethod
    def _check_size(path: str, image: np.ndarray, results: dict) -> None:
        expected = tuple(results['size'])
        if image.shape != expected:
            raise DataError(
                f'{path}: the map is {image.shape[0]} x {image.shape[1]} pixels, its frame is '
                f'{expected[0]} x {expected[1]}'
            )
