"""Whether an exported model gives what the model gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from ...media.clips import ClipSettings
from ..backends.onnx import sized

SEED = 20260401
# Blocks of so many pixels have one color, in turn: noise alone is unlike any video.
_COARSENESS = (32, 8, 1)


@dataclass(frozen=True)
class Agreement:
    """How far the maps of two models lie apart.

    Attributes:
        batch_sizes: how many clips were compared at once.
        difference: the largest absolute difference of two values.
        allowed: the largest one allowed.
        low: the smallest value of the reference.
        high: the largest one.
    """

    batch_sizes: tuple[int, ...]
    difference: float
    allowed: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether the models agree; a difference of NaN is not allowed."""
        return self.difference <= self.allowed

    def __str__(self) -> str:
        sizes = ', '.join(map(str, self.batch_sizes))
        return (
            f'largest difference {self.difference:.2g} (allowed {self.allowed:.2g}) on '
            f'{sum(self.batch_sizes)} random clips, {sizes} at once; maps from {self.low:.4g} to '
            f'{self.high:.4g}'
        )


def random_clips(settings: ClipSettings, batch_sizes: Sequence[int]) -> Iterator[np.ndarray]:
    """Normalized clips (B, 3, T, H, W) float32, one for each batch size, the same every time.

    Colored blocks that change from frame to frame, large and small ones.
    """
    rows, columns = sized(settings)
    mean, std = (
        np.asarray(values, np.float32)[:, None, None, None]
        for values in (settings.pixel_mean, settings.pixel_std)
    )
    random, sides = np.random.default_rng(SEED), cycle(_COARSENESS)
    for batch in batch_sizes:
        clips = []
        for side in islice(sides, batch):
            shape = (3, settings.clip_len, -(-rows // side), -(-columns // side))
            blocks = random.integers(0, 256, shape).astype(np.float32)
            pixels = blocks.repeat(side, axis=2).repeat(side, axis=3)[:, :, :rows, :columns]
            clips.append((pixels / np.float32(255) - mean) / std)
        yield np.stack(clips)


def compare(
    reference: Sequence[np.ndarray],
    run: Callable[[np.ndarray], np.ndarray],
    settings: ClipSettings,
    tolerance: float,
    relative: bool,
) -> Agreement:
    """Compare the maps that a model gave of `random_clips` to those of `run`, its exported form.

    The tolerance is a value of the maps, or where it is relative, a share of their range.
    """
    sizes = tuple(len(maps) for maps in reference)
    clips = random_clips(settings, sizes)
    differences = [
        np.abs(found - maps).max() if found.shape == maps.shape else np.inf
        for maps, found in zip(reference, map(run, clips), strict=True)
    ]
    low = float(min(maps.min() for maps in reference))
    high = float(max(maps.max() for maps in reference))
    allowed = tolerance * (high - low) if relative else tolerance
    # NumPy's maximum keeps NaN, Python's may lose it.
    return Agreement(sizes, float(np.max(differences)), allowed, low, high)
