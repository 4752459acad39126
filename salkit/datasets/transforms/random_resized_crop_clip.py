"""Cuts a random part out of a training sample."""

from __future__ import annotations

import math

import numpy as np
from mmcv.transforms import BaseTransform

from ...errors import ConfigError, DataError
from ...media.images import resize_image
from ...registry import TRANSFORMS
from .load_targets import resize_density_map, resize_fixation_map

MAPS = ('density_map', 'fixation_map')


def draw_box(
    rng: np.random.Generator,
    frame: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[int, int, int, int]:
    """Draw a part of a frame: its top, left, height and width in pixels.

    Args:
        rng: of the draw.
        frame: (rows, columns).
        scale: smallest and largest share of the frame's area.
        ratio: smallest and largest width by height, in terms of the frame's.
    """
    area = rng.uniform(*scale)
    stretch = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
    # A side that would leave the frame is as long as the frame's.
    height = min(frame[0], max(1, round(frame[0] * math.sqrt(area / stretch))))
    width = min(frame[1], max(1, round(frame[1] * math.sqrt(area * stretch))))
    top = int(rng.integers(0, frame[0] - height + 1))
    left = int(rng.integers(0, frame[1] - width + 1))
    return top, left, height, width


@TRANSFORMS.register_module()
class RandomResizedCropClip(BaseTransform):
    """Cut the same random part out of clip, density_map and fixation_map, and resize it.

    Comes after `LoadClip` and `LoadTargets`, which are given one size, larger than the clips that
    the model takes: 256 for 224 keeps files cached and small, None reads frames at their own size.

    The part of the density map keeps its values, in [0, 1]: the losses are blind to its scale.
    Fixations move point by point. A part in which nobody looked at anything is drawn again, and
    after `tries` draws the whole frame is taken. The draw follows from the data set's seed, the
    epoch and the video alone, as that of `FlipClip`.

    Args:
        size: (rows, columns) of the clips and maps that it gives.
        scale: smallest and largest share of the frame's area.
        ratio: smallest and largest width by height, in terms of the frame's: 1 keeps its shape.
        tries: draws.

    Raises:
        ConfigError: an argument out of range.
    """

    def __init__(
        self,
        size: tuple[int, int],
        scale: tuple[float, float] = (0.5, 1.0),
        ratio: tuple[float, float] = (0.75, 4 / 3),
        tries: int = 10,
    ) -> None:
        if len(size) != 2 or min(size) < 1:
            raise ConfigError(f'RandomResizedCropClip: size must be (rows, columns), got {size!r}')
        if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
            raise ConfigError(
                f'RandomResizedCropClip: scale must be two rising shares in (0, 1], got {scale!r}'
            )
        if len(ratio) != 2 or not 0 < ratio[0] <= ratio[1]:
            raise ConfigError(
                f'RandomResizedCropClip: ratio must be two rising numbers, got {ratio!r}'
            )
        if tries < 1:
            raise ConfigError(f'RandomResizedCropClip: tries must be at least 1, got {tries}')
        self.size = (int(size[0]), int(size[1]))
        self.scale = (float(scale[0]), float(scale[1]))
        self.ratio = (float(ratio[0]), float(ratio[1]))
        self.tries = tries

    def _draw(self, results: dict, frame: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of the part."""
        # A map without anything in it does not set good parts apart from bad ones.
        maps = [results[k] for k in MAPS if results.get(k) is not None and results[k].any()]
        for _ in range(self.tries):
            top, left, height, width = draw_box(results['rng'], frame, self.scale, self.ratio)
            box = slice(top, top + height), slice(left, left + width)
            if all(values[box].any() for values in maps):
                return box
        return slice(0, frame[0]), slice(0, frame[1])

    def transform(self, results: dict) -> dict:
        """Cut and resize `clip` (T, H, W, 3) and the maps (H, W) of `results`.

        Raises:
            DataError: maps of another size than the clip.
        """
        clip = results['clip']
        frame = clip.shape[1:3]
        for name in MAPS:
            if results.get(name) is not None and results[name].shape != frame:
                raise DataError(
                    f'RandomResizedCropClip: the clip is {frame[0]} x {frame[1]} pixels, its '
                    f'{name} {" x ".join(map(str, results[name].shape))}; give LoadTargets the '
                    'size of LoadClip'
                )
        rows, columns = self._draw(results, frame)
        parts = clip[:, rows, columns]
        if parts.shape[1:3] != self.size:
            parts = np.stack([resize_image(part, self.size) for part in parts])
        results['clip'] = parts
        if results.get('density_map') is not None:
            part = np.asarray(results['density_map'][rows, columns], np.float32)
            # Rounding must not lift it above the largest value.
            results['density_map'] = np.minimum(resize_density_map(part, self.size), 1)
        if results.get('fixation_map') is not None:
            part = results['fixation_map'][rows, columns]
            results['fixation_map'] = resize_fixation_map(part, self.size)
        return results
