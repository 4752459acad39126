"""Pictures are read as mmcv's Pillow backend reads them, and only known ones, of a known size."""

import struct
import zlib

import mmcv
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from salkit.errors import DataError
from salkit.media.images import image_size, opened_image, picture_array, read_image, resize_image

MODES = ['1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK', 'I;16']


def picture(mode, seed=0):
    rng = np.random.default_rng(seed)
    if mode == 'I;16':
        return Image.fromarray(rng.integers(0, 65536, (11, 13), dtype=np.uint16))
    base = Image.fromarray(rng.integers(0, 256, (11, 13, 4), dtype=np.uint8), 'RGBA')
    if mode in ('P', 'CMYK', '1'):
        return base.convert('RGB').convert(mode)
    return base.convert(mode)


@pytest.mark.parametrize('turned', [None, 3, 6])
@pytest.mark.parametrize('mode', MODES)
def test_every_kind_of_picture(tmp_path, mode, turned):
    path = tmp_path / ('picture.jpg' if mode == 'CMYK' else 'picture.png')
    exif = Image.Exif()
    if turned:
        exif[0x0112] = turned
    picture(mode).save(path, exif=exif)
    expected = mmcv.imread(str(path), channel_order='rgb', backend='pillow')
    if mode == 'I;16':
        # There, all but the darkest would be white.
        levels = ImageOps.exif_transpose(Image.open(path))
        expected = np.repeat(np.array(levels)[..., None] // 256, 3, axis=2)
    read = read_image(path)
    assert read.shape == ((13, 11, 3) if turned == 6 else (11, 13, 3))
    np.testing.assert_array_equal(read, expected)


@given(st.tuples(*[st.integers(1, 40)] * 4), st.integers(0, 99))
def test_resizing(sides, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (*sides[:2], 3), dtype=np.uint8)
    expected = mmcv.imresize(pixels, sides[:1:-1], backend='pillow')
    np.testing.assert_array_equal(resize_image(pixels, sides[2:]), expected)


def test_what_is_no_picture(tmp_path):
    (tmp_path / 'text.png').write_text('no picture')
    picture('RGB').save(tmp_path / 'whole.png')
    (tmp_path / 'cut.png').write_bytes((tmp_path / 'whole.png').read_bytes()[:-40])
    with pytest.raises(DataError, match=r'nothing\.png: the file does not exist'):
        read_image(tmp_path / 'nothing.png')
    for name in ('text.png', 'cut.png'):
        with pytest.raises(DataError, match=f'{name}: cannot be read as an image'):
            read_image(tmp_path / name)


# What files of strangers hold ---------------------------------------------------------------------


def test_only_known_formats_are_opened(tmp_path, monkeypatch):
    def no_program(*arguments, **options):
        raise AssertionError('a program was started')

    monkeypatch.setattr('PIL.EpsImagePlugin.Ghostscript', no_program)
    eps = '%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n'
    (tmp_path / 'EPS.png').write_text(eps)
    # Pillow itself would.
    with pytest.raises(AssertionError), Image.open(tmp_path / 'EPS.png') as image:
        image.load()
    for format in ('GIF', 'PPM', 'TGA', 'PDF', 'ICNS', 'JPEG2000', 'PCX', 'ICO', 'SGI'):
        picture('RGB').resize((16, 16)).save(tmp_path / f'{format}.png', format)
    for path in tmp_path.iterdir():
        for read in (read_image, image_size):
            with pytest.raises(DataError, match='expected PNG, JPEG, BMP, WebP or TIFF') as caught:
                read(path)
            assert str(caught.value).startswith(f'{path}: ')


@pytest.mark.parametrize('name', ['a.webp', 'a.tif', 'a.TIFF', 'a.bmp', 'a.png'])
def test_the_content_decides(tmp_path, name):
    path = tmp_path / 'lossless.jpg'
    picture('RGB').save(tmp_path / name, **({'lossless': True} if 'webp' in name else {}))
    (tmp_path / name).rename(path)
    np.testing.assert_array_equal(read_image(path), np.asarray(picture('RGB')))
    assert image_size(path) == (11, 13)


@pytest.mark.parametrize(
    ('name', 'count'), [('a.webp', 3), ('a.png', 3), ('a.tif', 'several'), ('a.tiff', 'several')]
)
def test_several_pictures_in_a_file(tmp_path, name, count):
    first, *others = (picture('RGB', seed) for seed in range(3))
    first.save(tmp_path / name, save_all=True, append_images=others)
    with pytest.raises(DataError, match=f'{name}: holds {count} pictures, expected one'):
        read_image(tmp_path / name)
    # A phone keeps a preview beside the picture.
    first.save(tmp_path / 'phone.jpg', 'MPO', save_all=True, append_images=others)
    assert read_image(tmp_path / 'phone.jpg').shape == (11, 13, 3)


@pytest.mark.parametrize(('width', 'height'), [(11_000, 6_200), (13_300, 13_300), (2**31 - 1,) * 2])
def test_declared_sizes_are_looked_at_before_memory_is_taken(tmp_path, recwarn, width, height):
    picture('L').save(tmp_path / 'a.png')
    content = bytearray((tmp_path / 'a.png').read_bytes())
    content[16:24] = struct.pack('>II', width, height)
    content[29:33] = struct.pack('>I', zlib.crc32(content[12:29]))
    (tmp_path / 'a.png').write_bytes(content)
    for read in (read_image, image_size):
        with pytest.raises(DataError, match=r'a\.png: (has .* pixels, expected|.*exceeds limit)'):
            read(tmp_path / 'a.png')


def test_tiles_are_part_of_what_is_declared(tmp_path):
    # Of a picture of 8 x 8 pixels, 900 million would be decoded.
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 277: 1, 322: 30_000, 323: 30_000, 324: 200}
    entries = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in tags.items())
    content = b'II*\0' + struct.pack('<IH', 8, len(tags)) + entries + bytes(300)
    (tmp_path / 'a.tif').write_bytes(content)
    with pytest.raises(DataError, match=r'a\.tif: has 30000 x 30000 pixels, expected at most 67'):
        read_image(tmp_path / 'a.tif')


def test_texts_that_unpack_to_much(tmp_path):
    texts = PngImagePlugin.PngInfo()
    texts.add_text('a', ' ' * 10**7, zip=True)
    picture('L').save(tmp_path / 'a.png', pnginfo=texts)
    assert (tmp_path / 'a.png').stat().st_size < 20_000
    with pytest.raises(DataError, match=r'a\.png: cannot be read as an image \(.*too large'):
        read_image(tmp_path / 'a.png')


def test_checksums(tmp_path):
    picture('L').save(tmp_path / 'a.png')
    content = bytearray((tmp_path / 'a.png').read_bytes())
    content[-15] ^= 1
    (tmp_path / 'a.png').write_bytes(content)
    with pytest.raises(DataError), opened_image(tmp_path / 'a.png', verified=True):
        pass


# What is white ------------------------------------------------------------------------------------


@pytest.mark.parametrize('name', ['a.png', 'a.tif', 'big-endian.tif'])
def test_frames_of_16_bits_are_those_of_8(tmp_path, name):
    levels = np.arange(256, dtype=np.uint16).reshape(8, 32)
    deep = (257 * levels).astype('>u2' if 'big' in name else '<u2')
    Image.fromarray(deep).save(tmp_path / name)
    expected = np.repeat(levels[..., None], 3, axis=2)
    np.testing.assert_array_equal(read_image(tmp_path / name), expected)
    with Image.open(tmp_path / name) as image:
        assert image.mode.startswith('I;16')
        np.testing.assert_array_equal(picture_array(image, 'x'), expected)


@pytest.mark.parametrize(
    ('dtype', 'told'), [(np.int32, '32'), (np.float32, 'floating point numbers')]
)
def test_numbers_without_a_white(tmp_path, dtype, told):
    image = Image.fromarray(np.arange(256, dtype=dtype).reshape(8, 32))
    image.save(tmp_path / 'a.tif')
    with pytest.raises(DataError, match=rf'a\.tif: expected 8 or 16 bits a pixel, got {told}'):
        read_image(tmp_path / 'a.tif')
    with pytest.raises(DataError, match=f'x: expected 8 or 16 bits a pixel, got {told}'):
        picture_array(image, 'x')


@pytest.mark.parametrize('name', ['a.jpg', 'a.tif', 'a.webp'])
@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_a_header_says_the_size_as_shown(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture('RGB').save(tmp_path / name, exif=exif)
    assert image_size(tmp_path / name) == read_image(tmp_path / name).shape[:2]


@pytest.mark.parametrize('value', [0, 1, 2, 5, 8, 9, 65535])
def test_the_size_is_that_of_the_picture(tmp_path, value):
    exif = Image.Exif()
    exif[0x0112] = value
    for name in ('x.jpg', 'x.png', 'x.webp', 'x.tif'):
        picture('RGB').save(tmp_path / name, exif=exif)
        shape = read_image(tmp_path / name).shape
        assert shape == ((13, 11, 3) if value in (5, 8) else (11, 13, 3))
        assert name == 'x.png' or image_size(tmp_path / name) == shape[:2]


def test_tags_that_claim_the_same_bytes(tmp_path):
    """Each of 5,000 entries has the same 100,000 bytes."""
    entries = [struct.pack('<HHII', 1000 + i, 7, 100_000, 0) for i in range(5000)]
    tags = b'II*\0' + struct.pack('<IH', 8, 5000) + b''.join(entries) + bytes(50_000)
    for name in ('x.png', 'x.webp'):
        picture('RGB').save(tmp_path / name, exif=tags)
    picture('RGB').save(tmp_path / 'x.jpg')
    content = (tmp_path / 'x.jpg').read_bytes()
    parts = [b'Exif\0\0' + tags[at : at + 60_000] for at in range(0, len(tags), 60_000)]
    parts = [b'\xff\xe1' + struct.pack('>H', 2 + len(part)) + part for part in parts]
    (tmp_path / 'x.jpg').write_bytes(content[:2] + b''.join(parts) + content[2:])
    for name in ('x.png', 'x.webp', 'x.jpg'):
        with pytest.raises(DataError, match=f'{name}: has more than 64 kB of EXIF data'):
            read_image(tmp_path / name)
    sides = [struct.pack('<HHII', tag, 4, 1, 9) for tag in (256, 257)]
    head = b'II*\0' + struct.pack('<IH', 8, 5002)
    (tmp_path / 'x.tif').write_bytes(head + b''.join(sides + entries) + bytes(100_000))
    with pytest.raises(DataError, match=r'x\.tif: has too much beside its pixels'):
        read_image(tmp_path / 'x.tif')


def test_packed_bmp_files_are_small(tmp_path):
    for side in (40, 4000):
        head = struct.pack('<IiiHHIIiiII', 40, side, side, 1, 8, 1, 0, 0, 0, 256, 0) + bytes(1024)
        content = head + b'\2\0\0\0' * side + b'\0\1'
        start = struct.pack('<IHHI', 14 + len(content), 0, 0, 14 + len(head))
        (tmp_path / f'{side}.bmp').write_bytes(b'BM' + start + content)
    assert read_image(tmp_path / '40.bmp').shape == (40, 40, 3)
    with pytest.raises(DataError, match=r'4000\.bmp: is a packed BMP file of 4000 x 4000 pixels'):
        read_image(tmp_path / '4000.bmp')
