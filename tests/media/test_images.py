"""Pictures are read as mmcv's Pillow backend reads them."""

import mmcv
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from salkit.errors import DataError
from salkit.media.images import read_image, resize_image

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
