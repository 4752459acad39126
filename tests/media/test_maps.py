"""Maps in files of their own: written and read again, gray ones only."""

import os

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from salkit.errors import DataError
from salkit.media.maps import (
    MAP_FORMATS,
    as_integers,
    gray_map,
    read_density_map,
    read_fixation_map,
    read_map,
    resize_map,
    write_map_file,
)

MAP = np.linspace(0, 1, 12 * 16, dtype=np.float32).reshape(12, 16)


@pytest.mark.parametrize('format', MAP_FORMATS)
def test_maps_come_back(tmp_path, format):
    write_map_file(MAP, tmp_path / 'deep' / '0001.5', format)
    (name,) = os.listdir(tmp_path / 'deep')
    assert name == ('0001.5.npy' if format == 'npy' else '0001.5.png')
    read = read_map(tmp_path / 'deep' / name)
    expected = {'npy': MAP, 'png16': as_integers(MAP, 16), 'png': as_integers(MAP)}[format]
    assert read.dtype == expected.dtype
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize('mode', ['L', 'LA', 'RGB', 'RGBA', 'P'])
def test_gray_in_any_kind_of_picture(tmp_path, mode):
    levels = as_integers(MAP)
    Image.fromarray(levels).convert(mode).save(tmp_path / 'a.png')
    np.testing.assert_array_equal(read_map(tmp_path / 'a.png'), levels)


def test_black_and_white(tmp_path):
    Image.fromarray(MAP > 0.5).save(tmp_path / 'a.png')
    read = read_map(tmp_path / 'a.png')
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, 255 * (MAP > 0.5))


def test_colours_are_refused(tmp_path):
    path = tmp_path / 'a.png'
    Image.new('RGB', (4, 3), (200, 100, 0)).save(path)
    with pytest.raises(DataError) as caught:
        read_map(path)
    assert str(caught.value).startswith(f'{path}: expected a grey map, got colours')


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_tinge_counts_as_the_mean_of_the_channels(dtype):
    # What JPEG and videos leave of gray is gray.
    white = np.iinfo(dtype).max
    levels = gray_map(np.array([[[white - 2, white, white - 1], [7, 0, 0]]], dtype), 'a')
    np.testing.assert_allclose(levels * white, [[white - 1, 7 / 3]], rtol=1e-6)
    levels = gray_map(np.array([[[7, 7, 7], [white] * 3]], dtype), 'a')
    assert levels.dtype == dtype and levels.tolist() == [[7, white]]


@pytest.mark.parametrize('alpha', [False, True])
def test_every_bit_of_gray_in_deep_color_counts(tmp_path, alpha):
    levels = as_integers(MAP, 16)
    opaque = [np.full_like(levels, 65535)] * alpha
    cv2.imwrite(str(tmp_path / 'a.png'), np.dstack([levels, levels, levels, *opaque]))
    read = read_map(tmp_path / 'a.png')
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, levels)
    cv2.imwrite(
        str(tmp_path / 'a.png'), np.dstack([levels, levels, levels.T.reshape(levels.shape)])
    )
    with pytest.raises(DataError, match=r'a\.png: expected a grey map, got .* \d{4,} of 65535'):
        read_map(tmp_path / 'a.png')


def shuffled_palette(levels, seed=0):
    """The picture (H, W) as indices into a palette that holds its levels in any order."""
    order = np.random.default_rng(seed).permutation(256)
    image = Image.fromarray(np.argsort(order)[levels].astype(np.uint8), 'L')
    image.putpalette([level for level in order.tolist() for _ in 'rgb'])
    return image


@given(st.integers(0, 99))
def test_a_palette_is_no_map_of_its_own(tmp_path_factory, seed):
    path = tmp_path_factory.mktemp('palette') / 'a.png'
    levels = as_integers(MAP)
    image = shuffled_palette(levels, seed)
    image.save(path)
    assert Image.open(path).mode == 'P'
    np.testing.assert_array_equal(read_density_map(path), levels)
    points = np.eye(12, 16, dtype=np.uint8) * 255
    shuffled_palette(points, seed).save(path)
    np.testing.assert_array_equal(read_fixation_map(path), points > 0)


@pytest.mark.parametrize('color', [(255, 0, 0), (0, 255, 0), (0, 0, 200)])
@pytest.mark.parametrize('mode', ['P', 'RGB', 'RGBA'])
def test_fixations_in_one_color_on_black(tmp_path, color, mode):
    points = np.eye(12, 16, dtype=bool)
    image = Image.fromarray((points[..., None] * np.array(color)).astype(np.uint8)).convert(mode)
    image.save(tmp_path / 'a.png')
    np.testing.assert_array_equal(read_fixation_map(tmp_path / 'a.png'), points)
    image.putpixel((5, 0), tuple(reversed(color)) if mode == 'RGB' else 0)
    if mode == 'RGB' and color != (0, 255, 0):
        image.save(tmp_path / 'a.png')
        with pytest.raises(DataError, match=r'a\.png: expected a grey map, got colours'):
            read_fixation_map(tmp_path / 'a.png')


@pytest.mark.parametrize('name', ['a.jpg', 'a.webp'])
def test_fixations_that_were_blurred_by_packing(tmp_path, name):
    points = np.zeros((48, 64), np.uint8)
    Image.fromarray(points).save(tmp_path / name)
    assert not read_fixation_map(tmp_path / name).any()
    points[[5, 20, 33], [7, 40, 21]] = 255
    Image.fromarray(points).save(tmp_path / name)
    told = rf'{name}: expected a fixation map of two levels, got \d+: JPEG and WebP blur'
    with pytest.raises(DataError, match=told):
        read_fixation_map(tmp_path / name)
    Image.fromarray(points).save(tmp_path / 'a.webp', lossless=True)
    np.testing.assert_array_equal(read_fixation_map(tmp_path / 'a.webp'), points > 0)


@pytest.mark.parametrize('mode', ['LA', 'RGBA'])
@pytest.mark.parametrize(('color', 'level'), [('white', 255), ('black', 0)])
def test_a_map_in_the_alpha_channel_is_no_gray_map(tmp_path, mode, color, level):
    picture = Image.new(mode, (16, 12), color)
    picture.save(tmp_path / 'a.png')
    assert (read_map(tmp_path / 'a.png') == level).all()
    picture.putalpha(Image.fromarray(as_integers(MAP)))
    picture.save(tmp_path / 'a.png')
    indexed = Image.fromarray(as_integers(MAP)).convert('P')
    indexed.putpalette(256 * [level] * 3)
    indexed.save(tmp_path / 'b.png', transparency=bytes(range(256)))
    for read in (read_map, read_fixation_map):
        for name in ('a.png', 'b.png'):
            with pytest.raises(DataError, match=rf'{name}: expected a gray map, .* transparent in'):
                read(tmp_path / name)


def test_a_palette_of_a_color_map_is_no_gray_map(tmp_path):
    indexed = Image.fromarray(as_integers(MAP))
    indexed.putpalette(
        [value for i in range(256) for value in (i, 2 * abs(i - 128) % 256, 255 - i)]
    )
    indexed.save(tmp_path / 'a.png')
    for read in (read_map, read_fixation_map):
        with pytest.raises(DataError, match=r'a\.png: expected a grey map, got colours'):
            read(tmp_path / 'a.png')


@pytest.mark.parametrize('value', [-0.5, np.nan])
def test_fixations_are_no_less_than_0(tmp_path, value):
    points = np.eye(12, 16, dtype=np.float32)
    Image.fromarray(points).save(tmp_path / 'a.tif')
    np.testing.assert_array_equal(read_fixation_map(tmp_path / 'a.tif'), points > 0)
    points[3, 9] = value
    Image.fromarray(points).save(tmp_path / 'a.tif')
    with pytest.raises(
        DataError, match=rf'a\.tif: expected a fixation map, 0 or more, got {value}'
    ):
        read_fixation_map(tmp_path / 'a.tif')


def test_most_pixels_are_not_fixated(tmp_path):
    values = np.full((12, 16), 255, np.uint8)
    values[2, 3] = 0
    Image.fromarray(values).save(tmp_path / 'a.png')
    with pytest.raises(DataError, match=r'a\.png: expected a fixation map, .* got 191 of 192'):
        read_fixation_map(tmp_path / 'a.png')
    Image.fromarray(255 - values).save(tmp_path / 'a.png')
    assert np.argwhere(read_fixation_map(tmp_path / 'a.png')).tolist() == [[2, 3]]


def test_counts_of_fixations_are_fixations(tmp_path):
    counts = np.diag([1, 2, 3]).astype(np.uint8)
    for name in ('a.png', 'a.tif', 'a.bmp'):
        Image.fromarray(counts).save(tmp_path / name)
        np.testing.assert_array_equal(read_fixation_map(tmp_path / name), counts > 0)


@pytest.mark.parametrize(
    ('value', 'told'),
    [(np.nan, 'NaN or infinite'), (np.inf, 'NaN or infinite'), (-0.5, 'at least 0, got -0.5')],
)
def test_values_that_are_no_density(tmp_path, value, told):
    values = MAP.copy()
    values[3, 4] = value
    np.save(tmp_path / 'a.npy', values)
    Image.fromarray(values).save(tmp_path / 'a.tif')
    for name in ('a.npy', 'a.tif'):
        np.testing.assert_array_equal(read_map(tmp_path / name), values)
        with pytest.raises(DataError, match=rf'{name}: expected a density.*{told}$'):
            read_density_map(tmp_path / name)
    np.save(tmp_path / 'a.npy', np.array([[3, -1], [0, 2]]))
    with pytest.raises(DataError, match=r'a\.npy: expected a density of at least 0, got -1$'):
        read_density_map(tmp_path / 'a.npy')
    np.save(tmp_path / 'a.npy', np.log(MAP + 1e-9))
    with pytest.raises(DataError, match='if it is a logarithm, store the density itself'):
        read_density_map(tmp_path / 'a.npy')


def test_numbers_without_a_white(tmp_path):
    Image.fromarray(np.full((4, 5), 70_000, np.int32)).save(tmp_path / 'a.tif')
    with pytest.raises(DataError, match=r'a\.tif: expected 8 or 16 bits a pixel, got 32'):
        read_map(tmp_path / 'a.tif')
    # Lightness alone is no gray.
    lab = np.stack([as_integers(MAP), *[np.full_like(as_integers(MAP), 250)] * 2], 2)
    Image.fromarray(lab, 'LAB').save(tmp_path / 'lab.tif')
    with pytest.raises(DataError, match=r'lab\.tif: expected a grey map, got colours'):
        read_map(tmp_path / 'lab.tif')


@pytest.mark.parametrize('content', [np.zeros((2, 3, 4, 5)), np.array(['a']), np.zeros((0, 4))])
def test_arrays_that_are_no_maps(tmp_path, content):
    np.save(tmp_path / 'a.npy', content)
    with pytest.raises(DataError, match=r'a\.npy: expected'):
        read_map(tmp_path / 'a.npy')


def test_integers_are_rounded_and_clipped():
    np.testing.assert_array_equal(as_integers(np.array([[-1, 0.499, 2]])), [[0, 127, 255]])


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_a_map_that_shrinks_keeps_its_mean(dtype):
    values = np.random.default_rng(0).random((36, 64)).astype(dtype)
    found = resize_map(values, (9, 16))
    expected = values.reshape(9, 4, 16, 4).mean((1, 3), dtype=np.float64)
    assert found.dtype == dtype and found == pytest.approx(expected, rel=1e-5)


def test_a_map_that_grows_is_interpolated():
    # The middles of old pixels lie at 0.5 and 1.5, those of new ones at 0.25, 0.75, ...
    found = resize_map(np.array([[0.0, 1.0]]), (1, 4))
    assert found == pytest.approx(np.array([[0.0, 0.25, 0.75, 1.0]]))


def test_a_map_of_that_size_is_left_alone():
    values = np.eye(3)
    assert resize_map(values, (3, 3)) is values
