"""The window's size, and what it keeps where."""

import numpy as np
import pytest

from salkit.errors import ConfigError, DataError
from salkit.inference.reframe.window import CropWindow, between_places, kept_shares
from salkit.utils.reframe_options import ReframeOptions, parse_aspect


@pytest.mark.parametrize(
    'aspect, frame, pixels, size, axis',
    [
        ('9:16', (1080, 1920), 1, (1080, 606), 1),
        ('1:1', (1080, 1920), 1, (1080, 1080), 1),
        ('1:1', (1920, 1080), 1, (1080, 1080), 0),
        ('16:9', (1920, 1080), 1, (606, 1080), 0),
        ('16:9', (1080, 1920), 1, (1080, 1920), 1),
        ('2.4:1', (241, 427), 1, (176, 426), 0),
        # Pixels that are shown twice as wide as high: DV, HDV and the like.
        ('1:1', (480, 640), 2, (480, 240), 1),
    ],
)
def test_the_largest_window(aspect, frame, pixels, size, axis):
    window = CropWindow.largest(parse_aspect(aspect), frame, pixels)
    assert (window.size, window.axis) == (size, axis)
    grid = window.grid()
    assert grid[0] == 0 and grid[-1] == window.free >= 0
    corners = window.corners(np.rint(grid).astype(int))
    assert (corners >= 0).all() and (corners + size[::-1] <= frame[::-1]).all()


@pytest.mark.parametrize(
    'text',
    ['', '9', '9:0', '0:9', '9:16:1', '-9:16', 'a:b', '1:30', '1e3:1', '٣:٤', '9:16\n9', 0.5625],
)
def test_aspects_that_are_none(text):
    with pytest.raises(ConfigError, match='aspect must be WIDTH:HEIGHT'):
        parse_aspect(text)


def test_a_window_of_hardly_any_pixels():
    with pytest.raises(DataError, match='64 x 24 pixels has 12 x 24'):
        CropWindow.largest(0.5, (24, 64))


def test_options_have_ranges():
    for name, value in (
        ('max_speed', 3),
        ('emphasis', 0),
        ('move_cost', -1),
        ('turn_cost', np.nan),
    ):
        with pytest.raises(ConfigError, match=name):
            ReframeOptions(**{name: value})


@pytest.mark.parametrize('frame', [(36, 64), (64, 36)])
def test_shares_are_those_of_the_pixels_inside(frame):
    window = CropWindow.largest(1.0, frame)
    maps = np.random.default_rng(0).random((4, *frame)) ** 4
    kept, emphasized = kept_shares(iter(maps), 4, window, emphasis=3.0)
    at = np.arange(window.free + 1) / window.free * (kept.shape[1] - 1)
    for table, power in ((kept, 1), (emphasized, 3)):
        for place in range(window.free + 1):
            inside = np.moveaxis(maps**power, 1 + window.axis, 1)[:, place : place + 36]
            expected = inside.sum((1, 2)) / (maps**power).sum((1, 2))
            found = between_places(table, np.full(4, at[place]))
            np.testing.assert_allclose(found, expected, atol=0.02)
    # At the ends, nothing is between places of the grid.
    expected = np.moveaxis(maps, 1 + window.axis, 1)[:, :36].sum((1, 2)) / maps.sum((1, 2))
    np.testing.assert_allclose(kept[:, 0], expected, rtol=1e-5)


def test_maps_of_other_sizes_and_of_zeros():
    window = CropWindow.largest(9 / 16, (360, 640))
    maps = [np.zeros((9, 16)), np.ones((20, 31), np.uint8), np.full((9, 16), 1e-30)]
    kept, emphasized = kept_shares(maps, 3, window, emphasis=2.0)
    np.testing.assert_allclose(kept, window.size[1] / 640, rtol=1e-5)
    np.testing.assert_allclose(emphasized, kept, rtol=1e-5)
