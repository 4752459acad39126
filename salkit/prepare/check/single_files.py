"""Single files: each is read once, and what is wrong with it, or what it shows, by itself."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ...errors import DataError
from ...media.maps import read_fixation_map
from .faults import Faults
from .naming import add_permission

# Parts of a video with what one of their files is called, what it should be, and how to get it.
NOUNS = {
    'images': 'frame',
    'maps': 'density map',
    'fixation': 'fixation map',
    'mats': 'fixation .mat file',
}
_EXPECTED = {'mats': 'MATLAB data with a variable I, the fixation map'}
_AGAIN = {
    'images': 'extract the frame again from the video, or download the archive again',
    'maps': 'unpack or download the archive again, or make the map from the fixations',
}
_UNPACK = 'unpack or download the archive again'
# What is taken for an image now and then, by its first bytes.
_DISGUISES = {
    b'<': 'a web page or XML',
    b'version https://git-lfs': 'a pointer of Git LFS, not the file',
    b'PK': 'a zip archive',
    b'Rar!': 'a RAR archive',
    b'\0\0\0\0': 'nothing but zeros at its beginning',
}
# A binary map with more fixated pixels than this share, and number, was not made of fixations:
# UCF-Sports, the fullest, has 0.2 %.
MOST_FIXATED, FEW_PIXELS = 0.1, 50
# A blurred map has many grey levels over a part of the frame.
BLURRED_LEVELS, BLURRED_SHARE, BLURRED_PIXELS = 8, 0.02, 20


@dataclass
class Picture:
    """A decoded file.

    Attributes:
        pixels: (H, W) or (H, W, channels), at the file's own depth; indices of a palette image.
        mode: Pillow's name of the kind of pixels.
        format: such as 'PNG'.
        palette_colors: (H, W, 3) uint8 of a palette image, else None.
    """

    pixels: np.ndarray
    mode: str = 'L'
    format: str = ''
    palette_colors: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def grey(self) -> np.ndarray:
        """(H, W), the first channel where there are several: what salkit reads."""
        return self.pixels if self.pixels.ndim == 2 else self.pixels[..., 0]

    @property
    def color_problem(self) -> str:
        """What is said of an image that is not grey; '' for one that is."""
        if self.palette_colors is not None:
            red = self.palette_colors[..., 0]
            same = np.array_equal(red, self.pixels) or set(np.unique(self.pixels)) <= {0, 1}
            return '' if same else 'a palette image: what would be read are its indices'
        if self.pixels.ndim == 3 and self.pixels.shape[2] >= 3:
            same = all(np.array_equal(self.grey, self.pixels[..., c]) for c in (1, 2))
            return '' if same else f'an image in colour ({self.mode})'
        return ''


def read_picture(path: str, part: str, faults: Faults) -> Picture | None:
    """Decode a file, all of it; None, and a fault, where that is not possible.

    Args:
        path: of an image, or a .mat file with a fixation map `I`.
        part: key of `NOUNS`.
        faults: gets what is wrong.
    """
    with _reported(path, part, faults):
        if part == 'mats':
            return Picture(read_fixation_map(path))
        content = Path(path).read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            # The checksums, which decoding does not look at; it leaves the image used up.
            image.verify()
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image)
            colors = np.asarray(image.convert('RGB')) if image.mode == 'P' else None
            mode, form = image.mode, image.format or ''
        if pixels.ndim not in (2, 3) or pixels.size == 0:
            raise ValueError(f'an image of shape {pixels.shape}')
        return Picture(pixels, mode, form, colors)
    return None


def read_size(path: str, part: str, faults: Faults) -> tuple[int, int] | None:
    """(rows, columns) of an image, from its header alone; see `read_picture`."""
    with _reported(path, part, faults), Image.open(path) as image:
        return image.height, image.width
    return None


@contextmanager
def _reported(path: str, part: str, faults: Faults) -> Iterator[None]:
    """Make a fault of what is raised while a file is read: for the reader it is one thing."""
    noun, remedy = NOUNS[part], _AGAIN.get(part, _UNPACK)
    try:
        yield
    except Exception as error:
        # Decoders raise many types; the map readers wrap them.
        cause = error.__cause__ if isinstance(error, DataError) and error.__cause__ else error
        if not os.path.exists(path):
            found = 'a link to nothing' if os.path.islink(path) else 'nothing'
            faults.add('missing-file', path, found, f'a {noun}', remedy)
        elif isinstance(cause, PermissionError):
            add_permission(faults, path, cause)
        elif os.path.getsize(path) == 0:
            faults.add('empty-file', path, '0 bytes', f'a {noun}', remedy)
        else:
            expected = _EXPECTED.get(part, f'a {noun} that can be read as an image')
            faults.add('unreadable', path, _reason(path, error), expected, remedy)


def _reason(path: str, error: Exception) -> str:
    size = os.path.getsize(path)
    with open(path, 'rb') as file:
        head = file.read(64).lstrip(b'\xef\xbb\xbf \r\n')
    for start, what in _DISGUISES.items():
        if head.startswith(start):
            return f'{what}, {size} bytes'
    if isinstance(error, UnidentifiedImageError):
        return f'no known kind of image, {size} bytes'
    first = str(error).removeprefix(f'{path}: ').splitlines()
    return f'{first[0] if first else type(error).__name__}, {size} bytes'


# What a map shows --------------------------------------------------------------------------------


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
