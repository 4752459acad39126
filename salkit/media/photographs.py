"""The photographs that scikit-image carries: pictures that are at hand wherever salkit is."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from ..errors import DataError
from .images import read_image


def read_photograph(name: str) -> np.ndarray:
    """A photograph of scikit-image by the name of its file, (H, W, 3) uint8 RGB.

    Raises:
        DataError: this scikit-image has none of the name.
    """
    try:
        return read_image(str(files('skimage') / 'data' / name))
    except DataError as error:
        raise DataError(f'scikit-image lacks its photograph {name}: reinstall it') from error
