"""Maps in files of their own: written and read again, gray ones only."""

import os

import numpy as np
import pytest
from PIL import Image

from salkit.errors import DataError
from salkit.media.maps import (
    MAP_FORMATS,
    as_integers,
    gray_map,
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
    # What JPEG leaves of gray is gray.
    levels = gray_map(np.array([[[100, 101, 99]]], np.uint8), 'a')
    np.testing.assert_array_equal(levels, [[101]])


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
