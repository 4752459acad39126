"""From fixation points to maps that keep repeats."""

import numpy as np
import pytest

from salkit.errors import DataError, ShapeError
from salkit.functional import count_fixations


def test_points_are_counted_by_row_and_column():
    counts = count_fixations([(0, 3), (2, 1), (0, 3), (2, 4)], (3, 5))
    assert counts.dtype == np.int64
    assert counts.tolist() == [[0, 0, 0, 2, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1]]
    stored = np.array([[0, 3], [2, 1]], np.int16)
    assert count_fixations(stored, (3, 5)).sum() == 2


@pytest.mark.parametrize('empty', [[], np.zeros((0, 2), int)])
def test_no_points(empty):
    counts = count_fixations(empty, (3, 5))
    assert counts.shape == (3, 5) and not counts.any()


@pytest.mark.parametrize('point', [(3, 0), (0, 5), (-1, 0), (0, -1)])
def test_points_outside(point):
    message = rf'inside \(3, 5\), got \({point[0]}, {point[1]}\) and 1 more outside'
    with pytest.raises(DataError, match=message):
        count_fixations([(0, 0), point, point], (3, 5))


@pytest.mark.parametrize('points', [[1, 2], [[1, 2, 3]], [[[1, 2]]]])
def test_shapes(points):
    with pytest.raises(ShapeError, match=r'expected points \(n, 2\), got'):
        count_fixations(points, (3, 5))
