"""The photographs that scikit-image carries: pictures that are at hand wherever salkit is."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np

from ..errors import DataError
from .images import read_image, resize_image

# Of scikit-image: faces, animals, things, and whole scenes.
PHOTOGRAPHS = (
    'astronaut.png',
    'chelsea.png',
    'coffee.png',
    'motorcycle_left.png',
    'rocket.jpg',
    'camera.png',
)
# Rows and columns of the video, its frames per second, and seconds for each photograph.
PAN_SIZE, PAN_FPS, PAN_SECONDS = (360, 640), 15, 2
# How much larger than the video a photograph is, so that there is something to pan over.
PAN_ROOM = 1.4


def read_photograph(name: str) -> np.ndarray:
    """A photograph of scikit-image by the name of its file, (H, W, 3) uint8 RGB.

    Raises:
        DataError: this scikit-image has none of the name.
    """
    try:
        return read_image(str(files('skimage') / 'data' / name))
    except DataError as error:
        raise DataError(f'scikit-image lacks its photograph {name}: reinstall it') from error


def panned_photographs(which: slice = slice(None)) -> np.ndarray:
    """The frames (T, H, W, 3) of a video whose camera pans over one photograph after another.

    Args:
        which: of the `PHOTOGRAPHS`.
    """
    frames = []
    for name in PHOTOGRAPHS[which]:
        rows, columns = PAN_SIZE
        photo = read_photograph(name)
        scale = PAN_ROOM * max(rows / photo.shape[0], columns / photo.shape[1])
        photo = resize_image(photo, (round(scale * photo.shape[0]), round(scale * photo.shape[1])))
        # Slow at both ends.
        share = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, PAN_FPS * PAN_SECONDS))
        room = np.array(photo.shape[:2]) - PAN_SIZE
        for down, across in share[:, None] * room:
            middle = (float(across + (columns - 1) / 2), float(down + (rows - 1) / 2))
            frames.append(cv2.getRectSubPix(photo, (columns, rows), middle))
    return np.stack(frames)
