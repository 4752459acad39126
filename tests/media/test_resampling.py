import numpy as np
import pytest

from salkit.media.resampling import resize_map


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
