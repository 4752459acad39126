"""Reading image files with an error that names the file."""

from pathlib import Path

import mmcv
import numpy as np

from ..errors import DataError


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
        # Decoders raise many types; for the reader it is one thing.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f'{path}: cannot be read as an image ({reason})') from error
    if image is None or image.size == 0:
        raise DataError(f'{path}: cannot be read as an image')
    return image[..., 0] if flag == 'unchanged' and image.ndim == 3 else image
