"""Reading image files with an error that names the file."""

from pathlib import Path

import mmcv
import numpy as np
from PIL import Image, ImageOps

from ..errors import DataError


def _unreadable(path: str | Path, error: Exception) -> DataError:
    # Decoders raise many types; for the reader it is one thing.
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(f'{path}: cannot be read as an image ({reason})')


def read_image(path: str | Path, flag: str = 'color') -> np.ndarray:
    """Read an image file.

    Args:
        path: PNG, JPEG or BMP.
        flag: 'color' -> (H, W, 3) uint8 RGB; 'unchanged' -> one channel (H, W) at the file's own
            depth, the first of it where there are several.

    Raises:
        DataError: missing, unreadable or truncated file.
    """
    try:
        # Pillow refuses truncated files, which OpenCV fills up in silence.
        image = mmcv.imread(str(path), flag=flag, channel_order='rgb', backend='pillow')
    except FileNotFoundError:
        raise DataError(f'{path}: the file does not exist') from None
    except Exception as error:
        raise _unreadable(path, error) from error
    if image is None or image.size == 0:
        raise DataError(f'{path}: cannot be read as an image')
    return image[..., 0] if flag == 'unchanged' and image.ndim == 3 else image


def read_reduced_jpeg(
    path: str | Path, size: tuple[int, int]
) -> tuple[np.ndarray, tuple[int, int]] | None:
    """Decode a JPEG file at the smallest of 1/2, 1/4 and 1/8 of its size that `size` fits into.

    The decoder leaves out what is finer, so that pixels differ from those of the resized image.

    Returns:
        (H, W, 3) uint8 RGB and the image's own (rows, columns) as shown; None for a file that is
        no such image, or too small.

    Raises:
        DataError: missing, unreadable or truncated file.
    """
    try:
        with Image.open(path) as image:
            if image.format != 'JPEG' or image.mode not in ('RGB', 'L'):
                return None
            stored = image.size
            turned = image.getexif().get(0x0112, 1) >= 5
            wanted = (size[0], size[1]) if turned else (size[1], size[0])
            image.draft(image.mode, wanted)
            if image.size == stored:
                return None
            frame = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    except FileNotFoundError:
        raise DataError(f'{path}: the file does not exist') from None
    except Exception as error:
        raise _unreadable(path, error) from error
    return frame, (stored if turned else stored[::-1])
