"""Changes light and colours of a training clip."""

from __future__ import annotations

import math

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from .flip_clip import check_shares

# ITU-R BT.601: the share of each colour in the grey of a pixel, and the plane of the hues.
GRAY = np.array([0.299, 0.587, 0.114])
YIQ = np.array([GRAY, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def color_matrix(
    brightness: float, contrast: float, saturation: float, hue: float, mean: float
) -> np.ndarray:
    """The (3, 4) matrix that takes (R, G, B, 1) to its changed colours.

    Args:
        brightness: factor of all values.
        contrast: factor of the distance from the mean grey.
        saturation: factor of the distance from a pixel's own grey.
        hue: turn around the grey axis, in full turns; grey is left as it is.
        mean: mean grey of the clip.
    """
    angle = 2 * math.pi * hue
    turn = np.eye(3)
    turn[1:, 1:] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    colors = np.linalg.inv(YIQ) @ turn @ YIQ
    colors = (saturation * np.eye(3) + (1 - saturation) * GRAY) @ colors
    shift = (1 - contrast) * brightness * mean
    return np.column_stack([contrast * brightness * colors, np.full(3, shift)])


# Configs of 0.1 spell it ColourJitterClip.
@TRANSFORMS.register_module(name=['ColorJitterClip', 'ColourJitterClip'])
class ColorJitterClip(BaseTransform):
    """Change brightness, contrast, saturation and hue of a clip, all frames alike.

    A factor is drawn evenly from 1 - x to 1 + x, the turn of the hue from -x to x. All changes are
    one matrix, rounded and cut to 0 ... 255 once. Contrast changes around the mean of the whole
    clip, so that what stands still keeps its colour from frame to frame. The draw follows from the
    data set's seed, the epoch and the video alone, as that of `FlipClip`.

    Args:
        brightness: 0 to 1.
        contrast: 0 to 1.
        saturation: 0 to 1.
        hue: 0 to 0.5, in full turns of the colour circle.

    Raises:
        ConfigError: an argument out of range.
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
    ) -> None:
        check_shares('ColorJitterClip', brightness=brightness, contrast=contrast)
        check_shares('ColorJitterClip', saturation=saturation)
        check_shares('ColorJitterClip', most=0.5, hue=hue)
        self.spread = np.array([brightness, contrast, saturation, hue], np.float64)

    def transform(self, results: dict) -> dict:
        """Change `clip` (T, H, W, 3) uint8 of `results`."""
        draws = np.array([1, 1, 1, 0]) + self.spread * results['rng'].uniform(-1, 1, 4)
        if not self.spread.any():
            return results
        clip = np.ascontiguousarray(results['clip'])
        rows = clip.reshape(-1, *clip.shape[2:])
        mean = float(GRAY @ cv2.mean(rows)[:3])
        brightness, contrast, saturation, hue = draws.tolist()
        matrix = color_matrix(brightness, contrast, saturation, hue, mean)
        results['clip'] = cv2.transform(rows, matrix).reshape(clip.shape)
        return results
