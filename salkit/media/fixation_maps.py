"""The one reader of fixation maps."""

from __future__ import annotations

import numpy as np

from ..errors import DataError
from .images import read_image


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
