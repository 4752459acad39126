"""Random changes of a training sample, between `LoadTargets` and `PackClip`.

All draws follow from the data set's seed, the epoch and the video alone, through the generator that
the data set puts into the sample.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from ...errors import ConfigError, DataError
from ...media.images import checked_size, resize_image
from ...registry import TRANSFORMS
from .load_targets import resize_density_map, resize_fixation_map

MAPS = ('density_map', 'fixation_map')
# ITU-R BT.601: the share of each colour in the grey of a pixel, and the plane of the hues.
GRAY = np.array([0.299, 0.587, 0.114])
YIQ = np.array([GRAY, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def _check_shares(owner: str, most: float = 1, **shares: float) -> None:
    """Raise ConfigError unless every value, by its argument's name, lies in [0, `most`]."""
    for name, value in shares.items():
        if not 0 <= value <= most:
            raise ConfigError(f'{owner}: {name} must be between 0 and {most}, got {value}')


@TRANSFORMS.register_module()
class FlipClip(BaseTransform):
    """Mirror clip, density_map and fixation_map together, drawn anew for each clip.

    Args:
        horizontal: probability of mirroring left and right.
        vertical: probability of mirroring up and down.

    Raises:
        ConfigError: a probability outside [0, 1].
    """

    def __init__(self, horizontal: float = 0.5, vertical: float = 0.0) -> None:
        _check_shares('FlipClip', horizontal=horizontal, vertical=vertical)
        self.horizontal = horizontal
        self.vertical = vertical

    def transform(self, results: dict) -> dict:
        """Mirror `clip` (T, H, W, 3) and the maps (H, W) of `results`, or leave them."""
        across, over = results['rng'].random(2)
        for draw, probability, axis in ((across, self.horizontal, 1), (over, self.vertical, 0)):
            if draw >= probability:
                continue
            results['clip'] = np.flip(results['clip'], axis + 1)
            for name in MAPS:
                if results.get(name) is not None:
                    results[name] = np.flip(results[name], axis)
        return results


@TRANSFORMS.register_module()
class RandomResizedCropClip(BaseTransform):
    """Cut the same random part out of clip, density_map and fixation_map, and resize it.

    `LoadClip` and `LoadTargets` are given one size, larger than the clips that the model takes: 256
    for 224 keeps files cached and small, None reads frames at their own size.

    The part of the density map keeps its values, in [0, 1]: the losses are blind to its scale.
    Fixations move point by point. A part in which nobody looked at anything is drawn again, and
    after `tries` draws the whole frame is taken.

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
        for name, value, fits, expected in (
            ('scale', scale, len(scale) == 2 and 0 < scale[0] <= scale[-1] <= 1, 'rising, to 1'),
            ('ratio', ratio, len(ratio) == 2 and 0 < ratio[0] <= ratio[-1], 'rising, from 0'),
            ('tries', tries, tries >= 1, 'at least 1'),
        ):
            if not fits:
                raise ConfigError(f'RandomResizedCropClip: {name} must be {expected}, got {value}')
        self.size = checked_size('RandomResizedCropClip', size)
        self.scale = scale
        self.ratio = ratio
        self.tries = tries

    def _draw_box(self, rng: np.random.Generator, frame: tuple[int, int]) -> tuple[slice, slice]:
        area = rng.uniform(*self.scale)
        stretch = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
        # A side that would leave the frame is as long as the frame's.
        height = min(frame[0], max(1, round(frame[0] * math.sqrt(area / stretch))))
        width = min(frame[1], max(1, round(frame[1] * math.sqrt(area * stretch))))
        top = int(rng.integers(0, frame[0] - height + 1))
        left = int(rng.integers(0, frame[1] - width + 1))
        return slice(top, top + height), slice(left, left + width)

    def _draw(self, results: dict, frame: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of the part."""
        # A map without anything in it does not set good parts apart from bad ones.
        maps = [results[k] for k in MAPS if results.get(k) is not None and results[k].any()]
        for _ in range(self.tries):
            box = self._draw_box(results['rng'], frame)
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
        results['clip'] = np.stack([resize_image(f, self.size) for f in clip[:, rows, columns]])
        if results.get('density_map') is not None:
            part = np.asarray(results['density_map'][rows, columns], np.float32)
            # Rounding must not lift it above the largest value.
            results['density_map'] = np.minimum(resize_density_map(part, self.size), 1)
        if results.get('fixation_map') is not None:
            part = results['fixation_map'][rows, columns]
            results['fixation_map'] = resize_fixation_map(part, self.size)
        return results


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
    clip, so that what stands still keeps its colour from frame to frame.

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
        shares = dict(brightness=brightness, contrast=contrast, saturation=saturation)
        _check_shares('ColorJitterClip', **shares)
        _check_shares('ColorJitterClip', most=0.5, hue=hue)
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


# Configs of 0.1 spell it RecolourClip.
@TRANSFORMS.register_module(name=['RecolorClip', 'RecolourClip'])
class RecolorClip(BaseTransform):
    """Swap the colour channels and turn the clip into its negative, all frames alike.

    A strong augmentation for models that learn from a handful of pictures.

    Args:
        permute: probability of a random order of R, G and B.
        invert: probability of the negative.

    Raises:
        ConfigError: a probability outside [0, 1].
    """

    def __init__(self, permute: float = 0.5, invert: float = 0.0) -> None:
        _check_shares('RecolorClip', permute=permute, invert=invert)
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
