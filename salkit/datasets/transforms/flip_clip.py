"""Mirrors a training sample."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from ...errors import ConfigError
from ...registry import TRANSFORMS


def check_shares(owner: str, most: float = 1, **shares: float) -> None:
    """Raise ConfigError unless every value, by its argument's name, lies in [0, `most`]."""
    for name, value in shares.items():
        if not 0 <= value <= most:
            raise ConfigError(f'{owner}: {name} must be between 0 and {most}, got {value}')


@TRANSFORMS.register_module()
class FlipClip(BaseTransform):
    """Mirror clip, density_map and fixation_map together, drawn anew for each clip.

    Comes after `LoadClip` and `LoadTargets`. The draw follows from the data set's seed, the epoch
    and the video alone, through the generator that the data set puts into the sample.

    Args:
        horizontal: probability of mirroring left and right.
        vertical: probability of mirroring up and down.

    Raises:
        ConfigError: a probability outside [0, 1].
    """

    def __init__(self, horizontal: float = 0.5, vertical: float = 0.0) -> None:
        check_shares('FlipClip', horizontal=horizontal, vertical=vertical)
        self.horizontal = horizontal
        self.vertical = vertical

    def transform(self, results: dict) -> dict:
        """Mirror `clip` (T, H, W, 3) and the maps (H, W) of `results`, or leave them."""
        draws = results['rng'].random(2)
        for draw, probability, axis in (
            (draws[0], self.horizontal, 1),
            (draws[1], self.vertical, 0),
        ):
            if draw >= probability:
                continue
            results['clip'] = np.flip(results['clip'], axis + 1)
            for name in ('density_map', 'fixation_map'):
                if results.get(name) is not None:
                    results[name] = np.flip(results[name], axis)
        return results
