"""What a single ground-truth map shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .fault import Fault
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
        finite: whether all values are.
    """

    levels: int
    lowest: float
    highest: float
    share: float
    pixels: int
    finite: bool = True

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


def facts(values: np.ndarray) -> MapFacts:
    """Describe a map (H, W)."""
    if values.dtype == bool:
        values = values.view(np.uint8)
    if values.dtype in (np.uint8, np.uint16):
        counts = np.bincount(values.ravel())
        present = np.flatnonzero(counts)
        pixels = int(values.size - counts[0])
    else:
        finite = values[np.isfinite(values)]
        if finite.size < values.size:
            return MapFacts(0, 0, 0, 0, 0, finite=False)
        present, counted = np.unique(values, return_counts=True)
        pixels = int(counted[present != 0].sum())
    levels = int((present != 0).sum())
    return MapFacts(levels, float(present[0]), float(present[-1]), pixels / values.size, pixels)


def _in_colour(picture: Picture) -> str | None:
    """Says so if an image is not grey."""
    if picture.colours is not None:
        red = picture.colours[..., 0]
        same = np.array_equal(red, picture.pixels) or set(np.unique(picture.pixels)) <= {0, 1}
        return None if same else 'a palette image: what would be read are its indices'
    if picture.pixels.ndim == 3 and picture.pixels.shape[2] >= 3:
        first = picture.pixels[..., 0]
        same = all(np.array_equal(first, picture.pixels[..., c]) for c in (1, 2))
        return None if same else f'an image in colour ({picture.mode})'
    return None


def density_faults(path: str, picture: Picture, found: MapFacts) -> Iterator[Fault]:
    """What is wrong with a density map, apart from being empty."""
    colour = _in_colour(picture)
    if colour:
        yield Fault(
            'not-grey',
            path,
            colour,
            'a density map in grey',
            'put the density map there; an overlay or heat map in colour is none',
        )
    elif not found.finite or found.lowest < 0:
        yield Fault(
            'unreadable',
            path,
            'values below 0, infinite or not numbers',
            'a density from 0 on',
            'make the map anew from the fixations',
        )
    elif found.lowest == found.highest != 0 and picture.grey.size > 1:
        yield Fault(
            'density-constant',
            path,
            f'{found.highest:g} in every pixel',
            'a density map',
            'make the map anew from the fixations, or unpack it again',
        )


def fixation_faults(path: str, picture: Picture, found: MapFacts) -> Iterator[Fault]:
    """What is wrong with a fixation map, apart from being empty."""
    colour = _in_colour(picture)
    if colour:
        yield Fault(
            'not-grey',
            path,
            colour,
            'a black image with white fixations',
            'put the fixation map there; an overlay in colour is none',
        )
    elif found.is_blurred or (picture.format == 'JPEG' and found.levels > 1):
        lossy = ' stored as JPEG, which blurs' if picture.format == 'JPEG' else ''
        yield Fault(
            'fixation-grey',
            path,
            f'{found.levels} grey levels over {found.share:.0%} of the pixels{lossy}',
            'a few white pixels on black',
            'store the map as PNG, or unpack it again'
            if lossy
            else 'put the fixation map there: this looks like a density map, '
            'which belongs into maps',
        )
    elif found.share > MOST_FIXATED and found.pixels > FEW_PIXELS:
        inverted = found.share > 0.5
        yield Fault(
            'fixation-dense',
            path,
            f'{found.share:.0%} of the pixels are fixated',
            'a few white pixels on black',
            'invert the map: fixations are what is not black'
            if inverted
            else 'make the map anew from the fixation points, one pixel each',
        )
