"""The one reader and the one writer of maps, each in a file of its own, and their resizing.

Where a number depends on how a map is resized, the rule has a name and its own code: `postprocess`
is PyTorch's bilinear interpolation and the blur of the published test scripts, and
`metrics.preparation` has the rules of the protocols, MATLAB's `imresize` among them.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..errors import CheckpointError, DataError
from ..utils.files import whole_file
from .array_files import ARRAY_SUFFIXES, check_array, load_array
from .images import (
    IMAGE_SUFFIXES,
    check_depth,
    deep_picture_array,
    is_deep_color,
    opened_image,
    picture_array,
    turned,
)
from .mat_files import read_mat_variable

MAP_SUFFIXES = IMAGE_SUFFIXES + ARRAY_SUFFIXES
# By how much the channels of a gray map may differ, as a share of white. Colour subsampling in
# JPEG files and videos leaves a level or two.
GRAY_TOLERANCE = 8 / 255
# Modes in which Pillow gives one number a pixel, black to white, perhaps with an alpha channel.
_GRAY_MODES = ('1', 'L', 'LA', 'La', 'I', 'I;16', 'I;16L', 'I;16B', 'I;16N', 'F')
# What a fixation map in a .mat file is called: by DHF1K, and by the audio-visual collection.
FIXATION_VARIABLES = ('I', 'eyeMap')
# Pixels that may be most of a tiny fixation map.
FEW_FIXATED = 50
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
    with opened_image(path) as image:
        return gray_values(image, path)


def gray_values(image: Image.Image, where: str | Path) -> np.ndarray:
    """The pixels (H, W) of a picture in gray, at its own depth, of a palette as it shows them.

    Args:
        image: an open picture, turned as its EXIF data say.
        where: its path.

    Returns:
        uint8 or uint16, or the floating point numbers of a TIFF file.

    Raises:
        DataError: it is in colour, or of numbers of which it is not known what white is; or what
            it shows is in how transparent it is.
    """
    image = _without_palette(image)
    if image.mode not in _GRAY_MODES:
        read = deep_picture_array if is_deep_color(image) else picture_array
        values = gray_map(read(image, where), str(where))
        _check_alpha(image, values, where)
        return values
    check_depth(image, where, floats=True)
    values = np.array(turned(image, where))
    if values.ndim == 3:
        # Beside it is an alpha channel.
        values = values[..., 0]
        _check_alpha(image, values, where)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind in 'iu' and values.dtype != np.uint8:
        # Pillow gives some files of 16 bits as 32, and some with the bytes the other way.
        return values.astype(np.uint16)
    return values


def _without_palette(image: Image.Image) -> Image.Image:
    """The picture in channels where its palette has transparent colors; else as it is."""
    is_transparent = image.mode == 'P' and 'transparency' in image.info
    return image.convert('RGBA') if is_transparent else image


def _check_alpha(image: Image.Image, values: np.ndarray, where: str | Path) -> None:
    """Raise DataError for a map of one gray that is here more and there less transparent."""
    if image.mode[-1] in 'Aa' and values.min() == values.max():
        low, high = image.getchannel(len(image.getbands()) - 1).getextrema()
        if low != high:
            raise DataError(
                f'{where}: expected a gray map, got one gray that is transparent in parts; store '
                'what the alpha channel holds as gray'
            )


def read_density_map(path: str | Path) -> np.ndarray:
    """Read a density map as `read_map` does.

    Raises:
        DataError: as `read_map`; or a value that is no density.
    """
    return checked_density(read_map(path), path)


def checked_density(values: np.ndarray, where: str | Path) -> np.ndarray:
    """A density map (H, W) as it is; DataError for values that are negative or not finite."""
    if values.dtype.kind == 'u':
        return values
    low, high = values.min(), values.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise DataError(f'{where}: expected a density, got values that are NaN or infinite')
    if low < 0:
        hint = ' (if it is a logarithm, store the density itself)' if high <= 0 else ''
        raise DataError(f'{where}: expected a density of at least 0, got {low:g}{hint}')
    return values


def check_no_logarithm(values: np.ndarray, where: str | Path) -> None:
    """Raise DataError for a predicted map (H, W) whose values are all negative, or 0 at most.

    Whatever divides such a map by its sum turns it upside down; maps of both signs are fine.
    """
    if values.dtype.kind != 'u' and values.max() <= 0 and values.min() < 0:
        raise DataError(
            f'{where}: expected a saliency map, got values from {values.min():g} to '
            f'{values.max():g}, none above 0; it looks like a log density: store exp of it'
        )


def check_prediction(
    saliency_map: np.ndarray, model: str, frame: str, precision: str | None, option: str
) -> None:
    """Check what a model predicts before it becomes a black map, or no score.

    Args:
        saliency_map: (h, w) float.
        model: what a message calls the model.
        frame: and the frame: of which video it is, and its name.
        precision: what was computed in, such as 'float16'; None where that is the file's own.
        option: what sets it to another one.

    Raises:
        CheckpointError: NaN or infinity. Weights that are finite may overflow in half precision.
    """
    if np.isfinite(saliency_map).all():
        return
    advice = f'try full precision, {option}'
    if precision is None:
        advice = 'try a file that was exported in full precision'
    elif precision in ('float32', 'exact'):
        advice = 'try an earlier checkpoint, and look at this frame'
    raise CheckpointError(
        f'{model}: predicts values that are no numbers (NaN or infinite) for {frame} in '
        f'{precision or "the precision of its file"}; {advice}'
    )


def read_fixation_map(path: str | Path) -> np.ndarray:
    """Read a binary fixation map (H, W) bool from an image (> 0) or a .mat file.

    The variable in that is one of `FIXATION_VARIABLES`.

    Raises:
        DataError: a file that cannot be read or holds no such map; one that is mostly fixated, such
            as black fixations on white.
    """
    fixated = _fixated(path)
    count = int(fixated.sum())
    if count > FEW_FIXATED and count * 2 > fixated.size:
        raise DataError(
            f'{path}: expected a fixation map, few points that are not 0, got {count} of '
            f'{fixated.size} pixels; is it a density map, or black on white?'
        )
    return fixated


def _fixated(path: str | Path) -> np.ndarray:
    if str(path).lower().endswith('.mat'):
        return read_mat_variable(path, *FIXATION_VARIABLES) > 0
    with opened_image(path) as image:
        is_lossy = image.format in ('JPEG', 'WEBP')
        values = fixation_values(image, path)
    if is_lossy and (levels := len(np.unique(values))) > 2:
        raise DataError(
            f'{path}: expected a fixation map of two levels, got {levels}: JPEG and WebP blur '
            'fixations into the pixels around them; store it as PNG'
        )
    if values.dtype.kind == 'f' and not values.min() >= 0:
        raise DataError(f'{path}: expected a fixation map, 0 or more, got {values.min():g}')
    return values > 0


def fixation_values(image: Image.Image, where: str | Path) -> np.ndarray:
    """The pixels (H, W) of a fixation map as `gray_values`; of black and a color, 0 and more.

    Raises:
        DataError: it is in colour otherwise.
    """
    image = _without_palette(image)
    if image.mode not in _GRAY_MODES:
        colors = image.convert('RGB').getcolors(2)
        if colors and (0, 0, 0) in [color for _, color in colors]:
            values = picture_array(image, where).max(2)
            _check_alpha(image, values, where)
            return values
    return gray_values(image, where)


def gray_map(image: np.ndarray, where: str, most: float = GRAY_TOLERANCE) -> np.ndarray:
    """The map (H, W) in an image (H, W, 3) of integers whose channels are all the same, or nearly.

    Args:
        image: the image.
        where: what a message calls it.
        most: by how much channels may differ, as a share of white.

    Returns:
        Integers as they are; where channels differ, their mean as float32 in [0, 1].

    Raises:
        DataError: it is in colour.
    """
    # Channel by channel, ten times as fast as along the last axis.
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    high, low = (choose(choose(red, green), blue) for choose in (np.maximum, np.minimum))
    spread, white = int((high - low).max()), np.iinfo(image.dtype).max
    if spread > most * white:
        raise DataError(
            f'{where}: expected a grey map, got colours: the channels of a pixel differ by '
            f'{spread} of {white}'
        )
    if not spread:
        return np.ascontiguousarray(green)
    return (red.astype(np.float32) + green + blue) / np.float32(3 * white)


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


def emphasized(saliency_map: np.ndarray, power: float) -> np.ndarray:
    """A map (H, W) >= 0 to a power, with a maximum of 1; as it is, where that is 1.

    Above 1, peaks count more beside what is around them; below, less.
    """
    if power == 1:
        return saliency_map
    peak = float(saliency_map.max()) or 1.0
    return (saliency_map / np.float64(peak)) ** power
