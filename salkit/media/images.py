"""Reading and resizing pictures.

With Pillow alone, so that prediction with an exported model needs neither PyTorch nor mmcv; the
pixels are those of mmcv's Pillow backend.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from PIL import Image, JpegImagePlugin

from ..errors import ConfigError, DataError, SalkitError, reason_of
from ..utils.input_files import FrugalFile, open_input_file

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')
# No other decoder of Pillow is ever asked, whatever a file holds: some start programs.
_FORMATS = ('PNG', 'SALKIT_JPEG', 'BMP', 'WEBP', 'TIFF')
# What a picture may declare, looked at before memory is taken: 8K and as much again.
MOST_PIXELS = 2**26
# Uncompressed, with four channels of 16 bits.
_MOST_BYTES = 8 * MOST_PIXELS + 2**20
# Width and height of the tiles of a TIFF file, each of which is decoded whole.
_TILE = (322, 323)
# Bytes that may be read beside the pixels: profiles, previews, lists of tiles.
_MOST_BESIDE = 2**23
# Packed BMP files are decoded by Python itself.
_MOST_PACKED_PIXELS = 2**22
# Which way up a picture is, in its EXIF data; from 5 on, rows and columns change places.
_ORIENTATION, _FIRST_TURNED = 0x0112, 5
_TURNS = dict(
    zip(
        range(2, 9),
        (
            *(Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180),
            *(Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.TRANSPOSE),
            *(Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90),
        ),
        strict=True,
    )
)
# Cameras write up to 64 kB. Each of their entries may claim them all.
_MOST_EXIF = {'exif': 2**16, 'Raw profile type exif': 2**18}
# What shows through where a gray picture is transparent.
_BEHIND = (124, 117, 104)
# It comes above this limit, and would be said beside the error.
warnings.filterwarnings('ignore', category=Image.DecompressionBombWarning)


class _Jpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG file, of several pictures the first, whose EXIF data nobody reads unchecked."""

    def _read_dpi_from_exif(self) -> None:
        pass


Image.register_open('SALKIT_JPEG', _Jpeg, lambda start: start.startswith(b'\xff\xd8\xff'))


@contextmanager
def _opened(file: BinaryIO, path: str | Path) -> Iterator[Image.Image]:
    # Headers may name the same bytes, or nothing at all, as often as they like.
    frugal = FrugalFile(file, _MOST_BESIDE, f'{path}: has too much beside its pixels')
    with Image.open(cast(BinaryIO, frugal), formats=_FORMATS) as image:
        _check_header(image, path)
        frugal.left += 8 * image.width * image.height
        yield image


@contextmanager
def opened_image(path: str | Path, verified: bool = False) -> Iterator[Image.Image]:
    """An open image file, of which only the header was read.

    This is the one place where Pillow opens a file.

    Args:
        path: of the file.
        verified: compare all checksums first, which decoding does not look at.

    Raises:
        DataError: no regular file; no PNG, JPEG, BMP, WebP or TIFF; several pictures or too many
            pixels; and whatever goes wrong with it in the block.
    """
    with open_input_file(path, most_bytes=_MOST_BYTES) as file:
        try:
            if verified:
                with _opened(file, path) as image:
                    image.verify()
                file.seek(0)
            # Pillow refuses truncated files, which OpenCV fills up in silence.
            with _opened(file, path) as image:
                yield image
        except SalkitError:
            raise
        except Image.UnidentifiedImageError as error:
            raise DataError(
                f'{path}: cannot be read as an image (expected PNG, JPEG, BMP, WebP or TIFF)'
            ) from error
        except Exception as error:
            # Decoders raise many types; for the reader it is one thing.
            raise DataError(f'{path}: cannot be read as an image ({reason_of(error)})') from error


def _check_header(image: Image.Image, path: str | Path) -> None:
    tags = getattr(image, 'tag_v2', {})
    for width, height in (image.size, [tags.get(tag, 1) for tag in _TILE]):
        check_pixels(height, width, path)
    is_packed = image.format == 'BMP' and image.info['compression'] in (1, 2)
    if is_packed and image.width * image.height > _MOST_PACKED_PIXELS:
        raise DataError(f'{path}: is a packed BMP file of {image.width} x {image.height} pixels')
    if getattr(image, 'is_animated', False):
        # The pages of a TIFF file are a chain that may be endless.
        count = 'several' if image.format == 'TIFF' else getattr(image, 'n_frames', 'several')
        raise DataError(f'{path}: holds {count} pictures, expected one')


def check_pixels(rows: int, columns: int, where: str | Path) -> None:
    """Raise DataError for a picture or map of a declared size above `MOST_PIXELS`."""
    if rows * columns > MOST_PIXELS:
        raise DataError(
            f'{where}: has {columns} x {rows} pixels, expected at most '
            f'{MOST_PIXELS / 1e6:.0f} million'
        )


def image_size(path: str | Path) -> tuple[int, int]:
    """(rows, columns) of an image file as shown, by its header.

    Raises:
        DataError: see `opened_image`.
    """
    with opened_image(path) as image:
        # Behind the pixels of a PNG file, they are not looked for; of TIFF, this is the size shown.
        may_turn = image.format in ('JPEG', 'WEBP')
        is_turned = may_turn and _orientation(image, path) >= _FIRST_TURNED
        return image.size if is_turned else (image.height, image.width)


def _orientation(image: Image.Image, where: str | Path) -> int:
    for name, most in _MOST_EXIF.items():
        if len(image.info.get(name, '')) > most:
            raise DataError(f'{where}: has more than 64 kB of EXIF data')
    value = image.getexif().get(_ORIENTATION)
    return value if value in _TURNS else 1


def turned(image: Image.Image, where: str | Path) -> Image.Image:
    """A picture turned as its EXIF data say.

    Pillow's own function writes these data anew, each entry as long as it claims to be.
    """
    image.load()
    turn = _TURNS.get(_orientation(image, where))
    return image if turn is None else image.transpose(turn)


def picture_array(image: Image.Image, where: str | Path) -> np.ndarray:
    """A picture as (H, W, 3) uint8 RGB, turned as its EXIF data say.

    Args:
        image: the picture.
        where: what a message calls it.

    Raises:
        DataError: numbers of which it is not known what white is.
    """
    check_depth(image, where)
    image = turned(image, where)
    if image.mode.startswith('I'):
        # Pillow's own conversion takes every value above 255 for white.
        levels = (np.array(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(levels[..., None], 3, axis=2)
    if image.mode == 'LA':
        # The usual conversion gives black behind what is often black itself.
        transparent = image.convert('RGBA')
        image = Image.new('RGB', image.size, _BEHIND)
        image.paste(transparent, mask=transparent.getchannel('A'))
    return np.array(image.convert('RGB'))


def is_deep_color(image: Image.Image) -> bool:
    """Whether an open PNG file has 16 bits a channel, of which Pillow gives the upper 8."""
    return (
        image.format == 'PNG' and image.mode in ('RGB', 'RGBA') and _raw_mode(image)[-4:] == ';16B'
    )


def _raw_mode(image: Image.Image) -> str:
    # Not there any more once the pixels are read.
    tiles = getattr(image, 'tile', [])
    return str(tiles[0][3]) if tiles else ''


def deep_picture_array(image: Image.Image, path: str | Path) -> np.ndarray:
    """A picture in deep color as (H, W, 3) uint16 RGB; see `picture_array` and `is_deep_color`."""
    upper = picture_array(image, path).astype(np.uint16)
    with opened_image(path) as again:
        # The same bytes in the other order: now Pillow gives the lower 8 bits.
        tiles: list[tuple] = getattr(again, 'tile', [])
        tiles[0] = (*tiles[0][:3], _raw_mode(again).replace('16B', '16L'))
        return upper << 8 | picture_array(again, path)


def check_depth(image: Image.Image, where: str | Path, floats: bool = False) -> None:
    """Raise DataError for numbers of which it is not known what white is.

    Args:
        image: the picture.
        where: what the message calls it.
        floats: whether floating point numbers are fine.
    """
    # Some versions of Pillow give PNG files of 16 bits as 32.
    if image.mode == 'I' and image.format != 'PNG':
        raise DataError(f'{where}: expected 8 or 16 bits a pixel, got 32')
    if image.mode == 'F' and not floats:
        raise DataError(f'{where}: expected 8 or 16 bits a pixel, got floating point numbers')


def read_image(path: str | Path) -> np.ndarray:
    """Read a picture, (H, W, 3) uint8 RGB.

    Args:
        path: PNG, JPEG, BMP, WebP or TIFF, 8 or 16 bits.

    Raises:
        DataError: missing, unreadable or truncated file.
    """
    with opened_image(path) as image:
        return picture_array(image, path)


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
