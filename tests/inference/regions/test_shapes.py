"""Which part of every pixel a form covers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salkit.errors import ConfigError, ShapeError
from salkit.inference.regions import Box, Mask, Outline

SIZE = (23, 31)
places = st.floats(-10, 40, allow_nan=False)


def area(points):
    x, y = np.array(points).T
    return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


@given(places, places, st.floats(0.01, 60), st.floats(0.01, 60))
@settings(max_examples=50, deadline=None)
def test_a_polygon_of_a_rectangle_covers_what_the_rectangle_does(x, y, width, height):
    box = Box(x, y, width, height).cover(SIZE, SIZE).mask()
    corners = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    outline = Outline(corners).cover(SIZE, SIZE).mask()
    across = min(max(x + width, 0), 31) - min(max(x, 0), 31)
    down = min(max(y + height, 0), 23) - min(max(y, 0), 23)
    assert box.sum() == pytest.approx(across * down, abs=1e-3)
    np.testing.assert_allclose(outline, box, atol=2e-5)


@given(st.lists(st.tuples(st.floats(0, 31), st.floats(0, 23)), min_size=3, max_size=3, unique=True))
@settings(max_examples=50, deadline=None)
def test_a_triangle_covers_its_area(points):
    if area(points) < 1e-3:
        return
    mask = Outline(tuple(points)).cover(SIZE, SIZE).mask()
    assert mask.sum() == pytest.approx(area(points), abs=1e-3)
    assert mask.min() >= 0 and mask.max() <= 1


@given(st.floats(0, 31), st.floats(0, 31))
@settings(max_examples=30, deadline=None)
def test_neighbors_add_up_to_the_whole(above, below):
    left = Outline(((0, 0), (above, 0), (below, 23), (0, 23))) if above or below else None
    right = (
        Outline(((above, 0), (31, 0), (31, 23), (below, 23))) if min(above, below) < 31 else None
    )
    both = sum(each.cover(SIZE, SIZE).mask() for each in (left, right) if each)
    np.testing.assert_allclose(both, 1, atol=2e-5)


def test_a_star_of_many_points_agrees_with_supersampling():
    skdraw = pytest.importorskip('skimage.draw')
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = np.where(np.arange(40) % 2, 10, 4)
    points = np.stack([15 + radius * np.cos(angles), 11 + radius * np.sin(angles)], 1)
    fine = skdraw.polygon2mask((23 * 16, 31 * 16), points[:, ::-1] * 16 - 0.5)
    expected = fine.reshape(23, 16, 31, 16).mean((1, 3))
    mask = Outline(tuple(map(tuple, points))).cover(SIZE, SIZE).mask()
    assert np.abs(mask - expected).max() < 0.03


def test_numbers_in_other_units_cover_the_same():
    pixels = Box(3, 2, 20, 10).cover(SIZE, SIZE).mask()
    shares = Box(3 / 31, 2 / 23, 20 / 31, 10 / 23).cover(SIZE, (1, 1)).mask()
    np.testing.assert_allclose(shares, pixels, atol=1e-5)
    doubled = Box(6, 4, 40, 20).cover(SIZE, (46, 62)).mask()
    np.testing.assert_allclose(doubled, pixels, atol=1e-6)


def test_a_mask_is_stretched_to_the_map():
    values = np.zeros((46, 62), bool)
    values[4:24, 6:46] = True
    np.testing.assert_allclose(
        Mask(values).cover(SIZE, (46, 62)).mask(), Box(3, 2, 20, 10).cover(SIZE, SIZE).mask()
    )
    cover = Mask(values).cover((46, 62), (46, 62))
    assert cover.weights.shape == (20, 40) and cover.mask().sum() == 800
    assert cover.at(np.array([[3, 6], [4, 6], [23, 45], [24, 45]])).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda: Box(0, 0, -1, 1), 'width must be above 0, got -1'),
        (lambda: Box(0, float('nan'), 1, 1), 'y must be a number, got nan'),
        (lambda: Box(1e300, 0, 1, 1), 'x must be a number, got 1e'),
        (lambda: Outline(((0, 0), (1, 1))), '3 to 10,000 points'),
        (lambda: Outline(((0, 0), (1, 1), (2, 2))), 'points on a line'),
        (lambda: Mask(np.zeros((3, 3))), 'got 0 everywhere'),
        (lambda: Mask(np.full((3, 3), 2.0)), 'from 0 to 1, got 2 to 2'),
    ],
)
def test_what_is_no_form_is_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r'expected a mask \(H, W\)'):
        Mask(np.zeros(3))
