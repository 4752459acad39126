"""Single files: each is read once, and what is wrong with it by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...errors import DataError, reason_of
from ...media.images import image_size, opened_image, picture_array
from ...media.maps import (
    as_integers,
    checked_density,
    fixation_values,
    gray_values,
    read_fixation_map,
)
from ...utils.input_files import open_input_file
from .faults import Faults

# The parts of a video: what one of their files is called, and how to get it back.
NOUNS = {
    'images': 'frame',
    'maps': 'density map',
    'fixation': 'fixation map',
    'mats': 'fixation .mat file',
}
RESTORE = {
    'images': 'extract the frames again from the video (salkit prepare does)',
    'maps': 'unpack the density maps again, or make them anew from the fixations',
    'fixation': 'unpack the fixation maps again',
    'mats': 'unpack the .mat files again',
}
# What is taken for an image now and then, by its first bytes.
_DISGUISES = {
    b'<': 'a web page or XML',
    b'version https://git-lfs': 'a pointer of Git LFS, not the file',
    b'PK': 'an archive',
    b'Rar!': 'an archive',
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
        pixels: as data sets read it: (H, W, 3) of a frame, (H, W) of a map.
        color_problem: why it is no gray map; empty where it is one.
    """

    pixels: np.ndarray
    color_problem: str = ''

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def values(self) -> np.ndarray:
        """(H, W), of a map in color the first channel."""
        return self.pixels if self.pixels.ndim == 2 else self.pixels[..., 0]

    @cached_property
    def _counts(self) -> np.ndarray:
        """How many pixels have each value."""
        return np.bincount(self.values.astype(np.uint16).ravel())

    @cached_property
    def levels(self) -> int:
        """Number of different values other than 0."""
        return int(np.count_nonzero(self._counts[1:]))

    @property
    def nonzero(self) -> int:
        """Number of pixels that are not 0."""
        return self.values.size - int(self._counts[0])

    @property
    def share(self) -> float:
        """The share of pixels that are not 0."""
        return self.nonzero / self.values.size

    @property
    def is_empty(self) -> bool:
        """Whether it is 0 everywhere."""
        return not self.nonzero

    @property
    def is_constant(self) -> bool:
        """Whether every pixel has the same value, which is not 0."""
        return self.levels == self.share == 1 and self.values.size > 1

    @property
    def is_blurred(self) -> bool:
        """Whether it looks like a density map."""
        return (
            self.levels >= BLURRED_LEVELS
            and self.share > BLURRED_SHARE
            and self.nonzero > BLURRED_PIXELS
        )

    @property
    def is_points(self) -> bool:
        """Whether it looks like a fixation map: one value here and there."""
        return self.levels == 1 and self.share <= MOST_FIXATED


def read_picture(path: str, part: str, faults: Faults) -> Picture | None:
    """Decode a file of `part`, all of it; None, and a fault, where that is not possible."""
    with _reported(path, part, faults):
        if part == 'mats':
            return Picture(read_fixation_map(path))
        with opened_image(path, verified=True) as image:
            if part == 'images':
                return Picture(picture_array(image, path))
            read = fixation_values if part == 'fixation' else gray_values
            try:
                values = read(image, path)
            except DataError as error:
                return Picture(np.asarray(image), str(error).removeprefix(f'{path}: '))
            if values.dtype.kind == 'f':
                values = as_integers(checked_density(values, path) / (values.max() or 1), 16)
            return Picture(values)
    return None


def read_size(path: str, part: str, faults: Faults) -> tuple[int, int] | None:
    """(rows, columns) of an image, from its header alone; None, and a fault, without one."""
    with _reported(path, part, faults):
        return image_size(path)
    return None


@contextmanager
def _reported(path: str, part: str, faults: Faults) -> Iterator[None]:
    """Make a fault of what is raised while a file is read: for the reader it is one thing."""
    noun, remedy = NOUNS[part], RESTORE[part]
    try:
        yield
    except Exception as error:
        # Decoders raise many types.
        if not os.path.exists(path):
            found = 'a link to nothing' if os.path.islink(path) else 'nothing'
            faults.add('missing-file', path, found, f'a {noun}', remedy)
        elif os.path.isfile(path) and os.path.getsize(path) == 0:
            faults.add('empty-file', path, '0 bytes', f'a {noun}', remedy)
        else:
            expected = f'a {noun} that can be read as an image'
            if part == 'mats':
                expected = 'MATLAB data with a variable I or eyeMap, the fixation map'
            found = f'{_reason(path, error)}, {os.path.getsize(path)} bytes'
            faults.add('unreadable', path, found, expected, remedy)


def _reason(path: str, error: Exception) -> str:
    head = b''
    with suppress(DataError), open_input_file(path) as file:
        head = file.read(64).lstrip(b'\xef\xbb\xbf \r\n')
    for start, what in _DISGUISES.items():
        if head.startswith(start):
            return what
    return reason_of(error).removeprefix(f'{path}: ')


def check_density(path: str, density: Picture, fixations: Picture | None, faults: Faults) -> None:
    """Find what is wrong with the density map of a frame."""
    if density.color_problem:
        faults.add('not-grey', path, density.color_problem)
    elif density.is_empty and not (fixations and fixations.is_empty):
        faults.add('density-empty', path, 'zero in every pixel')
    elif density.is_constant:
        faults.add('density-constant', path, f'{density.values.flat[0]} in every pixel')


def check_fixations(path: str, fixations: Picture, density: Picture | None, faults: Faults) -> None:
    """Find what is wrong with the fixation map of a frame."""
    is_lossy = path.lower().endswith(('.jpg', '.jpeg', '.webp'))
    if fixations.color_problem:
        faults.add('not-grey', path, fixations.color_problem)
    elif fixations.is_empty and density and density.is_empty:
        faults.add('no-gaze', path, 'neither fixations nor density')
    elif fixations.is_empty:
        faults.add('fixation-empty', path, 'no fixation')
    elif fixations.is_blurred or (is_lossy and fixations.levels > 1):
        found = f'{fixations.levels} grey levels over {fixations.share:.0%} of the pixels'
        faults.add('fixation-grey', path, found)
    elif fixations.share > MOST_FIXATED and fixations.nonzero > FEW_PIXELS:
        faults.add('fixation-dense', path, f'{fixations.share:.0%} of the pixels are fixated')
