"""Reads files whole, once, and says what is wrong with those that cannot be read."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .fault import Fault
from .naming import no_permission

AGAIN = {
    'frame': 'extract the frame again from the video, or download the archive again',
    'density map': 'unpack or download the archive again, or make the map from the fixations',
    'fixation map': 'unpack or download the archive again',
    'fixation .mat file': 'unpack or download the archive again',
}
# What is taken for an image now and then, by its first bytes.
_DISGUISES = {
    b'<': 'a web page or XML',
    b'version https://git-lfs': 'a pointer of Git LFS, not the file',
    b'PK': 'a zip archive',
    b'Rar!': 'a RAR archive',
    b'\0\0\0\0': 'nothing but zeros at its beginning',
}


class Unreadable(Exception):
    """Carries the fault of a file that cannot be read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass
class Picture:
    """A decoded image file.

    Attributes:
        pixels: (H, W) or (H, W, channels), at the file's own depth; indices of a palette image.
        mode: Pillow's name of the kind of pixels.
        format: such as 'PNG'.
        colours: (H, W, 3) uint8 of a palette image, else None.
    """

    pixels: np.ndarray
    mode: str = 'L'
    format: str = ''
    colours: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.pixels.shape[:2]

    @property
    def grey(self) -> np.ndarray:
        """(H, W), the first channel where there are several: what salkit reads."""
        return self.pixels if self.pixels.ndim == 2 else self.pixels[..., 0]


def read_bytes(path: str, noun: str) -> bytes:
    """The content of a file.

    Raises:
        Unreadable: missing, closed to us or empty.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(_no_file(path, noun, error)) from None
    if not content:
        raise Unreadable(_empty(path, noun))
    return content


def _no_file(path: str, noun: str, error: OSError) -> Fault:
    if isinstance(error, FileNotFoundError):
        found = 'a link to nothing' if os.path.islink(path) else 'nothing'
        return Fault('missing-file', path, found, f'a {noun}', AGAIN[noun])
    if isinstance(error, PermissionError):
        return no_permission(path, error)
    return _unreadable(path, noun, error.strerror or str(error))


def _empty(path: str, noun: str) -> Fault:
    return Fault('empty-file', path, '0 bytes', f'a {noun}', AGAIN[noun])


def _unreadable(path: str, noun: str, reason: str, kind: str = 'an image') -> Fault:
    expected = f'a {noun} that can be read as {kind}'
    return Fault('unreadable', path, reason, expected, AGAIN[noun])


def read_picture(path: str, noun: str) -> Picture:
    """Decode an image file, all of it.

    Raises:
        Unreadable: missing, empty, no image, truncated or with wrong checksums.
    """
    content = read_bytes(path, noun)
    try:
        with Image.open(io.BytesIO(content)) as image:
            # The checksums, which decoding does not look at; it leaves the image used up.
            image.verify()
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image)
            colours = np.asarray(image.convert('RGB')) if image.mode == 'P' else None
            mode, form = image.mode, image.format or ''
        if pixels.ndim not in (2, 3) or pixels.size == 0:
            raise ValueError(f'an image of shape {pixels.shape}')
    except Exception as error:
        # Decoders raise many types; for the reader it is one thing.
        raise Unreadable(_unreadable(path, noun, _reason(content, error))) from None
    return Picture(pixels, mode, form, colours)


def _reason(content: bytes, error: Exception) -> str:
    for start, what in _DISGUISES.items():
        if content.lstrip(b'\xef\xbb\xbf \r\n').startswith(start):
            return f'{what}, {len(content)} bytes'
    if isinstance(error, Image.UnidentifiedImageError):
        return f'no image that is known, {len(content)} bytes'
    return f'{str(error) or type(error).__name__}, {len(content)} bytes'


def read_size(path: str, noun: str) -> tuple[int, int]:
    """(rows, columns) of an image, from its header alone.

    Raises:
        Unreadable: missing, empty or no image.
    """
    try:
        if os.stat(path).st_size == 0:
            raise Unreadable(_empty(path, noun))
        with Image.open(path) as image:
            return image.height, image.width
    except OSError as error:
        if not isinstance(error, Image.UnidentifiedImageError):
            raise Unreadable(_no_file(path, noun, error)) from None
        with open(path, 'rb') as file:
            raise Unreadable(_unreadable(path, noun, _reason(file.read(64), error))) from None
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(_unreadable(path, noun, _reason(b'', error))) from None


def read_mat(path: str, noun: str) -> np.ndarray:
    """The fixation map `I` (H, W) of a .mat file.

    Raises:
        Unreadable: missing, empty, no .mat file, or without such a map.
    """
    from scipy.io import loadmat

    content = read_bytes(path, noun)
    try:
        stored = loadmat(io.BytesIO(content))
    except Exception as error:
        # scipy raises whatever the broken bytes lead it to.
        reason = f'{str(error).splitlines()[0] if str(error) else type(error).__name__}'
        raise Unreadable(_unreadable(path, noun, reason, 'MATLAB data')) from None
    value = stored.get('I')
    if value is None or np.ndim(value) != 2 or not np.issubdtype(value.dtype, np.number):
        names = ', '.join(name for name in stored if not name.startswith('__')) or 'none'
        raise Unreadable(
            Fault(
                'unreadable',
                path,
                f'variables: {names}',
                'a variable I with a fixation map',
                'unpack the fixation maps again; I is a matrix as large as the frame, 1 where a '
                'fixation is',
            )
        )
    return np.asarray(value)
