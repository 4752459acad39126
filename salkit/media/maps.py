"""The one reader and the one writer of maps, each in a file of its own, and their resizing.

Where a number depends on how a map is resized, the rule has a name and its own code: `postprocess`
is PyTorch's bilinear interpolation and the blur of the published test scripts, and
`metrics.preparation` has the rules of the protocols, MATLAB's `imresize` among them.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..errors import DataError, reason_of
from ..utils.files import whole_file
from .images import IMAGE_SUFFIXES, opened_image, picture_array, read_image

ARRAY_SUFFIXES = ('.npy', '.npz')
MAP_SUFFIXES = IMAGE_SUFFIXES + ARRAY_SUFFIXES
# By how much the channels of a gray map may differ, as a share of white. Colour subsampling in
# JPEG files and videos leaves a level or two.
GRAY_TOLERANCE = 8 / 255
# Modes in which Pillow gives one number a pixel, black to white.
_GRAY_MODES = ('1', 'L', 'I', 'F')
# Formats of a map in a file of its own.
MAP_FORMATS = ('npy', 'png16', 'png')


def read_map(path: str | Path) -> np.ndarray:
    """Read the map in an image, .npy or .npz file.

    Returns:
        (H, W): uint8 or uint16 as stored in an image, else floats (whole numbers too, where an
        array file holds them).

    Raises:
        DataError: a file that cannot be read, holds no single map, or is in colour.
    """
    if str(path).lower().endswith(ARRAY_SUFFIXES):
        return check_array(load_array(path), str(path))
    return _read_image_map(path)


def _read_image_map(path: str | Path) -> np.ndarray:
    with opened_image(path) as image:
        is_gray = image.mode.startswith(_GRAY_MODES)
        values = np.array(image) if is_gray else picture_array(image)
    if not is_gray:
        return gray_map(values, str(path))
    if values.ndim == 3:
        # Beside it is an alpha channel.
        values = values[..., 0]
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind in 'iu' and values.dtype != np.uint8:
        # Pillow gives some files of 16 bits as 32, and some with the bytes the other way.
        return values.astype(np.uint16)
    return values


def read_fixation_map(path: str) -> np.ndarray:
    """Read a binary fixation map (H, W) bool from an image (> 0) or a .mat file (variable `I`).

    Raises:
        DataError: a file that cannot be read or holds no such map.
    """
    if not path.endswith('.mat'):
        return read_image(path, 'unchanged') > 0
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except Exception as error:
        # scipy raises whatever the broken bytes lead it to.
        raise DataError(f'{path}: cannot be read as a .mat file ({error})') from error
    if 'I' not in content or np.ndim(content['I']) != 2:
        names = ', '.join(key for key in content if not key.startswith('__'))
        raise DataError(f'{path}: expected a variable I with a fixation map, found {names}')
    return np.asarray(content['I']) > 0


def gray_map(image: np.ndarray, where: str) -> np.ndarray:
    """The map (H, W) in an image (H, W, 3) of integers whose channels are all the same.

    Raises:
        DataError: it is in colour.
    """
    spread = int((image.max(2) - image.min(2)).max())
    white = np.iinfo(image.dtype).max
    if spread > GRAY_TOLERANCE * white:
        raise DataError(
            f'{where}: expected a grey map, got colours: the channels of a pixel differ by '
            f'{spread} of {white}'
        )
    # Green has most of the gray of what was once gray.
    return np.ascontiguousarray(image[..., 1])


def load_array(path: str | Path, mapped: bool = False) -> np.ndarray:
    """The array in a .npy file, or the only one in a .npz file.

    Args:
        path: the file.
        mapped: map a .npy file into memory, to be read where it is looked at.

    Raises:
        DataError: a file that is no such file, would need pickle, or holds several arrays.
    """
    try:
        if str(path).lower().endswith('.npz'):
            with np.load(path) as content:
                names = content.files
                array = content[names[0]] if len(names) == 1 else None
        else:
            array = np.load(path, mmap_mode='r' if mapped else None)
    except Exception as error:
        # Truncated files raise ValueError, EOFError, zipfile and struct errors.
        raise DataError(f'{path}: cannot be read as an array file ({reason_of(error)})') from error
    if array is None:
        raise DataError(f'{path}: expected one array, found {len(names)}: {", ".join(names[:5])}')
    return array


def check_array(array: np.ndarray, where: str) -> np.ndarray:
    """One map (H, W) of an array file, dimensions of length 1 around it taken off.

    Raises:
        DataError: not one map, or not of numbers.
    """
    if array.dtype.kind not in 'buif':
        raise DataError(f'{where}: expected numbers, got {array.dtype}')
    shape = array.shape
    if array.ndim == 3 and 1 in (shape[0], shape[2]):
        array = array[0] if shape[0] == 1 else array[..., 0]
    if array.ndim != 2 or array.size == 0:
        raise DataError(f'{where}: expected a map (H, W), got an array of shape {shape}')
    array = np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def write_map(saliency_map: np.ndarray, path: str | Path, format: str) -> None:
    """Write one map to a file.

    Args:
        saliency_map: (H, W) in [0, 1]; what is outside is clipped.
        path: of the file, its suffix included.
        format: 'npy' (float32 as it is), 'png16' or 'png' (times 65535 or 255, as integers).

    Raises:
        OSError: it cannot be written.
    """
    with open(path, 'wb') as file:
        if format == 'npy':
            np.save(file, saliency_map.astype(np.float32))
        else:
            file.write(as_png(as_integers(saliency_map, 16 if format == 'png16' else 8)))


def as_integers(saliency_map: np.ndarray, bits: int = 8) -> np.ndarray:
    """A map in [0, 1] times 255 or 65535, as whole numbers; what is outside is clipped."""
    dtype = np.uint16 if bits == 16 else np.uint8
    return np.rint(saliency_map.clip(0, 1) * np.iinfo(dtype).max).astype(dtype)


def as_png(values: np.ndarray) -> bytes:
    """The PNG file of a map (H, W) of whole numbers."""
    # Not imwrite, which does not report a full disk.
    done, encoded = cv2.imencode('.png', values)
    if not done:
        raise DataError(f'a map of shape {values.shape} cannot be written as PNG')
    return encoded.tobytes()


def write_map_file(saliency_map: np.ndarray, stem: Path, format: str) -> None:
    """Write one map (H, W) in [0, 1] beside its name, complete or not at all.

    Args:
        saliency_map: see `write_map`.
        stem: path of the file without its suffix.
        format: one of `MAP_FORMATS`.
    """
    suffix = '.npy' if format == 'npy' else '.png'
    with whole_file(stem.with_name(stem.name + suffix)) as temporary:
        write_map(saliency_map, temporary, format)


def resize_map(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a map that is looked at: the mean over each new pixel, or bilinear where it grows.

    Args:
        values: (h, w), float32 or float64.
        size: rows and columns.

    Returns:
        (rows, columns), of the same type; `values` itself where it has that size.
    """
    if values.shape == tuple(size):
        return values
    shrinks = size[0] * size[1] < values.size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(values, (size[1], size[0]), interpolation=how)
