"""What a model sees in photographs that are at hand everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ..media.images import resize_image
from ..media.photographs import PHOTOGRAPHS, read_photograph
from ..utils.files import whole_file
from .overlay import Overlay, OverlayStyle
from .predictor import SaliencyPredictor

# Rows and columns of a photograph in the picture, and pairs of them side by side.
CELL, PAIRS, GAP = (240, 320), 2, 6


def draw_photographs(predictor: SaliencyPredictor, path: str | Path) -> None:
    """Write a picture of all photographs, each beside itself with its saliency over it, as JPEG.

    Args:
        predictor: the model.
        path: of the picture.
    """
    overlay, pairs = Overlay(OverlayStyle()), []
    for name in PHOTOGRAPHS:
        photo = _cut_to(read_photograph(name), CELL)
        saliency_map = predictor.predict(photo)[0]
        gap = np.full((CELL[0], GAP // 2, 3), 255, np.uint8)
        pairs.append(np.hstack([photo, gap, overlay(photo, saliency_map)]))
    lines = [_joined(pairs[at : at + PAIRS], axis=1) for at in range(0, len(pairs), PAIRS)]
    with whole_file(path) as temporary:
        Image.fromarray(_joined(lines, axis=0)).save(temporary, 'JPEG', quality=90)


def _cut_to(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of a photograph in the shape of `size` (rows, columns), resized to it."""
    scale = max(size[0] / photo.shape[0], size[1] / photo.shape[1])
    rows, columns = (
        min(n, round(wanted / scale)) for n, wanted in zip(photo.shape, size, strict=False)
    )
    top, left = (photo.shape[0] - rows) // 2, (photo.shape[1] - columns) // 2
    return resize_image(np.ascontiguousarray(photo[top : top + rows, left : left + columns]), size)


def _joined(pictures: list[np.ndarray], axis: int) -> np.ndarray:
    """Pictures beside each other (1) or below each other (0), white in between."""
    shape = list(pictures[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    spaced = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(spaced, axis=axis)
