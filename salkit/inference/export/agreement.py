"""Whether an exported model gives what the model gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from ...functional import cc
from ...media.clips import ClipSettings
from ...media.images import resize_image
from ...media.photographs import panned_photographs
from ..backends.exported import sized

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
        cc: the mean of the correlations of two maps each.
        least_cc: the least mean allowed; None where the difference says it all.
    """

    batch_sizes: tuple[int, ...]
    difference: float
    allowed: float
    low: float
    high: float
    cc: float = 1.0
    least_cc: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the models agree; what is NaN is not allowed."""
        return self.difference <= self.allowed and (
            self.least_cc is None or self.cc >= self.least_cc
        )

    def __str__(self) -> str:
        sizes = ', '.join(map(str, self.batch_sizes))
        clips = 'random clips' if self.least_cc is None else 'clips of photographs'
        correlated = (
            '' if self.least_cc is None else f', mean CC {self.cc:.4f} (at least {self.least_cc})'
        )
        return (
            f'largest difference {self.difference:.2g} (allowed {self.allowed:.2g}){correlated} on '
            f'{sum(self.batch_sizes)} {clips}, {sizes} at once; maps from {self.low:.4g} to '
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


@dataclass(frozen=True)
class Bounds:
    """What is allowed between the maps of two models.

    Attributes:
        difference: the largest one of two values; where it is relative, as a share of the range of
            the maps.
        relative: whether it is.
        cc: the least mean of the correlations of two maps each; None for any.
    """

    difference: float
    relative: bool = False
    cc: float | None = None


def panned_clips(
    settings: ClipSettings, batch_sizes: Sequence[int], photographs: slice
) -> Iterator[np.ndarray]:
    """Normalized clips (B, 3, T, H, W) float32 that look like video, one for each batch size.

    They are spread over a camera's pans over some of the `PHOTOGRAPHS`.
    """
    size, count = sized(settings), sum(batch_sizes)
    video = panned_photographs(photographs)
    lasts = iter(np.linspace(0, len(video) - 1, count + 2).astype(int)[1:-1])
    mean, std = (
        np.asarray(values, np.float32) for values in (settings.pixel_mean, settings.pixel_std)
    )
    for batch in batch_sizes:
        clips = [
            np.stack(
                [
                    (resize_image(video[number], size) / np.float32(255) - mean) / std
                    for number in settings.window(int(last), len(video))
                ]
            )
            for last in islice(lasts, batch)
        ]
        yield np.ascontiguousarray(np.stack(clips).transpose(0, 4, 1, 2, 3))


def compare(
    reference: Sequence[np.ndarray],
    found: Iterable[np.ndarray],
    bounds: Bounds,
) -> Agreement:
    """Compare the maps (B, H, W) of an exported model to those that the model gave.

    Args:
        reference: of the model, one array for each number of clips at once.
        found: of its exported form, for the same clips.
        bounds: what is allowed.
    """
    differences, ccs = [], []
    for maps, others in zip(reference, found, strict=True):
        same = others.shape == maps.shape
        differences.append(np.abs(others - maps).max() if same else np.inf)
        if bounds.cc is not None and same:
            ccs += list(cc(maps.astype(np.float64), others.astype(np.float64)))
    low = float(min(maps.min() for maps in reference))
    high = float(max(maps.max() for maps in reference))
    return Agreement(
        batch_sizes=tuple(len(maps) for maps in reference),
        # NumPy's maximum keeps NaN, Python's may lose it.
        difference=float(np.max(differences)),
        allowed=bounds.difference * (high - low if bounds.relative else 1),
        low=low,
        high=high,
        cc=float(np.mean(ccs)) if ccs else 1.0,
        least_cc=bounds.cc,
    )
