"""What a single ground-truth map shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .faults import Faults
from .reading import Picture

# A binary map with more fixated pixels than this share, and number, was not made of fixations:
# UCF-Sports, the fullest, has 0.2 %.
MOST_FIXATED, FEW_PIXELS = 0.1, 50
# A blurred map has many grey levels over a part of the frame.
BLURRED_LEVELS, BLURRED_SHARE, BLURRED_PIXELS = 8, 0.02, 20


@dataclass(frozen=True)
class MapFacts:
    """What a map is like.

    Attributes:
        levels: number of different values other than 0.
        lowest: value.
        highest: value.
        share: of pixels that are not 0.
        pixels: number of pixels that are not 0.
        is_finite: whether all values are.
    """

    levels: int
    lowest: float
    highest: float
    share: float
    pixels: int
    is_finite: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether all values are 0."""
        return self.pixels == 0

    @property
    def is_blurred(self) -> bool:
        """Whether it looks like a density map."""
        return (
            self.levels >= BLURRED_LEVELS
            and self.share > BLURRED_SHARE
            and self.pixels > BLURRED_PIXELS
        )

    @property
    def is_points(self) -> bool:
        """Whether it looks like a fixation map: one value here and there."""
        return self.levels == 1 and self.lowest == 0 and self.share <= MOST_FIXATED


def map_facts(values: np.ndarray) -> MapFacts:
    """Describe a map (H, W)."""
    if values.dtype == bool:
        values = values.view(np.uint8)
    if values.dtype in (np.uint8, np.uint16):
        counts = np.bincount(values.ravel())
        present = np.flatnonzero(counts)
        pixels = int(values.size - counts[0])
    else:
        if not np.isfinite(values).all():
            return MapFacts(0, 0, 0, 0, 0, is_finite=False)
        present, counted = np.unique(values, return_counts=True)
        pixels = int(counted[present != 0].sum())
    levels = int((present != 0).sum())
    return MapFacts(levels, float(present[0]), float(present[-1]), pixels / values.size, pixels)


def check_density(path: str, picture: Picture, facts: MapFacts, faults: Faults) -> bool:
    """Find what is wrong with a density map, apart from being empty; True where nothing is."""
    before = len(faults)
    if problem := picture.color_problem:
        faults.add('not-grey', path, problem)
    elif not facts.is_finite or facts.lowest < 0:
        found = 'values below 0, infinite or not numbers'
        remedy = 'make the map anew from the fixations'
        faults.add('unreadable', path, found, 'a density from 0 on', remedy)
    elif facts.lowest == facts.highest != 0 and picture.grey.size > 1:
        faults.add('density-constant', path, f'{facts.highest:g} in every pixel')
    return len(faults) == before


def check_fixations(path: str, picture: Picture, facts: MapFacts, faults: Faults) -> bool:
    """Find what is wrong with a fixation map, apart from being empty; True where nothing is."""
    before = len(faults)
    is_lossy = picture.format == 'JPEG'
    if problem := picture.color_problem:
        faults.add('not-grey', path, problem)
    elif facts.is_blurred or (is_lossy and facts.levels > 1):
        found = f'{facts.levels} grey levels over {facts.share:.0%} of the pixels'
        if is_lossy:
            found += ' stored as JPEG, which blurs'
        remedy = 'store the map as PNG, or unpack it again' if is_lossy else ''
        faults.add('fixation-grey', path, found, remedy=remedy)
    elif facts.share > MOST_FIXATED and facts.pixels > FEW_PIXELS:
        inverted = 'invert the map: fixations are what is not black' if facts.share > 0.5 else ''
        faults.add(
            'fixation-dense', path, f'{facts.share:.0%} of the pixels are fixated', remedy=inverted
        )
    return len(faults) == before
