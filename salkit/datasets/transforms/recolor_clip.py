"""Gives a training clip other colours."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from .flip_clip import check_shares


# Configs of 0.1 spell it RecolourClip.
@TRANSFORMS.register_module(name=['RecolorClip', 'RecolourClip'])
class RecolorClip(BaseTransform):
    """Swap the colour channels and turn the clip into its negative, all frames alike.

    A strong augmentation for models that learn from a handful of pictures. The draw follows from
    the data set's seed, the epoch and the video alone, as that of `FlipClip`.

    Args:
        permute: probability of a random order of R, G and B.
        invert: probability of the negative.

    Raises:
        ConfigError: a probability outside [0, 1].
    """

    def __init__(self, permute: float = 0.5, invert: float = 0.0) -> None:
        check_shares('RecolorClip', permute=permute, invert=invert)
        self.permute = permute
        self.invert = invert

    def transform(self, results: dict) -> dict:
        """Recolour `clip` (T, H, W, 3) of `results`, or leave it."""
        rng = results['rng']
        permute, invert = rng.random(2)
        order = rng.permutation(3)
        if permute < self.permute:
            results['clip'] = results['clip'][..., order]
        if invert < self.invert:
            results['clip'] = np.bitwise_not(results['clip'])
        return results
