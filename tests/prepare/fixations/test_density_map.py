import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from salkit.errors import ConfigError, DataError, ShapeError
from salkit.prepare.fixations import (
    DENSITY_RECIPES,
    DensityOptions,
    density_map,
    points_to_map,
)
from salkit.prepare.fixations.density import density_of

SIZE = (24, 37)


def summed(points, size, sigma, window=None, shift=0):
    """Gaussian after Gaussian, pixel after pixel as the definition says."""
    y, x = np.mgrid[: size[0], : size[1]]
    total = np.zeros(size)
    for row, column in points:
        dy, dx = y - row - shift, x - column - shift
        middle = 0.5 if window is not None and window % 2 == 0 else 0
        value = np.exp(-((dy + middle) ** 2 + (dx + middle) ** 2) / (2 * sigma**2))
        if window is not None:
            low, high = -(window // 2), window - window // 2
            value[(dy < low) | (dy >= high) | (dx < low) | (dx >= high)] = 0
        total += value
    return total


points_in_frame = st.lists(
    st.tuples(st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1)), min_size=1, max_size=12
)


@given(
    points_in_frame,
    st.floats(0.3, 40),
    st.one_of(st.none(), st.integers(1, 60)),
    st.sampled_from([0, 2, -1]),
)
def test_is_the_sum_over_points(points, sigma, window, shift):
    found = density_map(
        points, SIZE, sigma_px=sigma, window_px=window, shift_px=shift, normalize=None
    )
    expected = summed(points, SIZE, sigma, window, shift)
    assert found.dtype == np.float32 and found.shape == SIZE
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-7)


@given(points_in_frame)
def test_repeats_count_in_points_and_not_in_maps(points):
    marked = points_to_map(points, SIZE)
    assert marked.dtype == bool and marked.sum() == len(set(points))
    options = dict(sigma_px=3.0, normalize=None)
    once = summed(set(points), SIZE, 3.0)
    assert density_map(marked, **options) == pytest.approx(once, rel=1e-5, abs=1e-7)
    assert density_map(255 * marked.astype('u1'), **options) == pytest.approx(once, rel=1e-5)
    twice = density_map([*points, *points], SIZE, **options)
    assert twice == pytest.approx(2 * summed(points, SIZE, 3.0), rel=1e-5, abs=1e-7)


def test_agrees_with_scipy_away_from_its_truncation():
    rng = np.random.default_rng(0)
    fixations = rng.random((60, 80)) < 0.02
    expected = gaussian_filter(fixations.astype(float), 4.0, mode='constant', truncate=12)
    found = density_map(fixations, sigma_px=4.0, normalize='sum')
    assert found == pytest.approx(expected / expected.sum(), rel=1e-4, abs=1e-9)


def test_normalisation():
    points = [(3, 4), (3, 4), (20, 30)]
    assert density_map(points, SIZE, sigma_px=2.0).max() == 1
    assert density_map(points, SIZE, sigma_px=2.0, normalize='sum').sum() == pytest.approx(1)
    raw = density_map(points, SIZE, sigma_px=2.0, normalize=None)
    assert raw[3, 4] == pytest.approx(2) and raw[20, 30] == pytest.approx(1)


@pytest.mark.parametrize('normalize', ['max', 'sum', None])
def test_no_fixation_is_a_map_of_zeros(normalize):
    for empty in (np.zeros(SIZE, bool), []):
        size = SIZE if isinstance(empty, list) else None
        found = density_map(empty, size, sigma_px=2.0, normalize=normalize)
        assert found.shape == SIZE and not found.any()
    assert points_to_map([], SIZE).shape == SIZE


def test_degrees():
    points = [(10, 10)]
    assert np.array_equal(
        density_map(points, SIZE, ppd=5.0), density_map(points, SIZE, sigma_px=5.0)
    )
    assert np.array_equal(
        density_map(points, SIZE, ppd=5.0, sigma_deg=0.5), density_map(points, SIZE, sigma_px=2.5)
    )


def test_degrees_on_pixels_that_are_not_square():
    counts = np.zeros((41, 41))
    counts[20, 20] = 1
    # A pixel twice as wide as high: half as many across a degree.
    found = density_of(counts, DensityOptions(ppd=4.0), pixel_aspect=2.0)
    assert found[16, 20] == pytest.approx(np.exp(-0.5)) == found[20, 18]
    pixels = density_of(counts, DensityOptions(sigma_px=4.0), pixel_aspect=2.0)
    assert np.array_equal(pixels, density_of(counts, DensityOptions(ppd=4.0)))


def test_a_share_of_the_width_of_the_frame():
    points = [(3, 5), (3, 5), (8, 9)]
    found = density_map(points, (20, 40), sigma_width=0.05)
    assert np.array_equal(found, density_map(points, (20, 40), sigma_px=2.0))
    # A frame that is shown twice as wide: 4 rows, and 2 columns.
    counts = np.zeros((20, 40), int)
    counts[8, 9] = 1
    found = density_of(counts, DensityOptions(sigma_width=0.05), pixel_aspect=2.0)
    assert found[12, 9] == found[8, 11] == pytest.approx(np.exp(-0.5))


def test_points_fall_into_the_pixel_they_are_in():
    assert np.argwhere(points_to_map([(3.99, 0.0)], SIZE)).tolist() == [[3, 0]]
    with pytest.raises(DataError, match='inside'):
        points_to_map([(-0.3, 4)], SIZE)
    with pytest.raises(DataError, match='inside'):
        density_map([(3, SIZE[1])], SIZE, sigma_px=2)


@pytest.mark.parametrize(
    'arguments, message',
    [
        ({}, 'by one of a recipe'),
        (dict(sigma_px=2, ppd=3), 'by one of a recipe'),
        (dict(sigma_px=2, sigma_deg=3), 'sigma_deg goes with ppd'),
        (dict(sigma_px=2, sigma_width=0.03), 'by one of a recipe'),
        (dict(sigma_width=0.03, sigma_deg=2), 'sigma_deg goes with ppd, not with sigma_width'),
        (dict(sigma_width=-0.03), 'sigma_width must be above 0'),
        (dict(sigma_px=0), 'sigma_px must be above 0'),
        (dict(sigma_px=float('nan')), 'sigma_px must be above 0'),
        (dict(ppd=-1), 'ppd must be above 0'),
        (dict(ppd=3, sigma_deg=0), 'sigma_deg must be above 0'),
        (dict(sigma_px=2, window_px=0), 'window_px'),
        (dict(sigma_px=2, window_px=2.5), 'window_px'),
        (dict(sigma_px=2, normalize='mean'), 'normalize'),
    ],
)
def test_arguments_that_make_no_sense(arguments, message):
    with pytest.raises(ConfigError, match=message):
        density_map(np.ones(SIZE, bool), **arguments)


def test_points_without_a_size_are_refused():
    with pytest.raises(ShapeError, match='size'):
        density_map(np.array([(3, 4)]), sigma_px=2)


def test_recipe_of_dhf1k_has_its_width():
    found = density_map([(60, 80)], (121, 161), **DENSITY_RECIPES['dhf1k'])
    assert found[60, 80] == 1
    assert found[60, 80 + 15] == found[60 - 15, 80] == pytest.approx(0.5)
    assert DENSITY_RECIPES['dhf1k']['sigma_px'] == pytest.approx(12.74, abs=1e-3)
    published = density_map([(60, 80)], (121, 161), **DENSITY_RECIPES['dhf1k-published'])
    assert np.array_equal(published[2:, 2:], found[:-2, :-2])


def test_a_window_of_even_side_lies_up_and_left():
    found = density_map([(100, 100)], (201, 201), **DENSITY_RECIPES['ucf-hollywood2'])
    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (25, 174, 25, 174)
    assert found[99, 99] == found[100, 100] == found.max()


def test_recipe_of_ucf_makes_the_published_maps(sample_sequence):
    """Of 15.7 million pixels 6 differ, each by a level: halves that were rounded elsewhere."""
    names = sorted(path.name for path in (sample_sequence / 'fixation').glob('*.png'))
    assert len(names) == 54
    different = 0
    for name in names[::6]:
        fixations = np.asarray(Image.open(sample_sequence / 'fixation' / name)) > 0
        published = np.asarray(Image.open(sample_sequence / 'maps' / name))
        found = np.rint(255 * density_map(fixations, **DENSITY_RECIPES['ucf-hollywood2']))
        assert abs(found - published).max() <= 1
        different += (found != published).sum()
    assert different <= 6
