"""Reading and resizing pictures.

With Pillow alone, so that prediction with an exported model needs neither PyTorch nor mmcv; the
pixels are those of mmcv's Pillow backend.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import ConfigError, DataError, reason_of

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp')
# What shows through where a gray picture is transparent.
_BEHIND = (124, 117, 104)


@contextmanager
def opened_image(path: str | Path) -> Iterator[Image.Image]:
    """An open image file; whatever goes wrong with it in the block is a DataError."""
    try:
        # Pillow refuses truncated files, which OpenCV fills up in silence.
        with Image.open(path) as image:
            yield image
    except FileNotFoundError:
        raise DataError(f'{path}: the file does not exist') from None
    except Exception as error:
        # Decoders raise many types; for the reader it is one thing.
        raise DataError(f'{path}: cannot be read as an image ({reason_of(error)})') from error


def picture_array(image: Image.Image) -> np.ndarray:
    """A picture as (H, W, 3) uint8 RGB, turned as its EXIF data say."""
    image = ImageOps.exif_transpose(image)
    if image.mode == 'LA':
        # The usual conversion gives black behind what is often black itself.
        transparent = image.convert('RGBA')
        image = Image.new('RGB', image.size, _BEHIND)
        image.paste(transparent, mask=transparent.getchannel('A'))
    return np.array(image.convert('RGB'))


def read_image(path: str | Path, flag: str = 'color') -> np.ndarray:
    """Read an image file.

    Args:
        path: PNG, JPEG or BMP.
        flag: 'color' -> (H, W, 3) uint8 RGB; 'unchanged' -> one channel (H, W) at the file's own
            depth, the first of it where there are several.

    Raises:
        DataError: missing, unreadable or truncated file.
    """
    with opened_image(path) as image:
        array = picture_array(image) if flag == 'color' else np.array(image)
    return array[..., 0] if flag == 'unchanged' and array.ndim == 3 else array


def checked_size(owner: str, size: Sequence[int]) -> tuple[int, int]:
    """A size as two integers.

    Args:
        owner: whose argument it is.
        size: (rows, columns).

    Raises:
        ConfigError: not two positive numbers.
    """
    if len(size) != 2 or min(size) < 1:
        raise ConfigError(f'{owner}: size must be (rows, columns), got {size!r}')
    return int(size[0]), int(size[1])


def resize_image(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 to `size` (rows, columns), bilinear with anti-aliasing."""
    if rgb.shape[:2] == tuple(size):
        return rgb
    return np.array(Image.fromarray(rgb).resize(size[::-1], Image.Resampling.BILINEAR))
