"""More of the golden predictions: float maps, which the measures of order need."""

from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[1] / 'data'


def _from_planes(planes):
    """A float32 map from the bytes of its second differences along the rows, (4, H, W) uint8."""
    differences = np.ascontiguousarray(np.moveaxis(planes, 0, -1)).view(np.int32)[..., 0]
    return differences.cumsum(1, dtype=np.int32).cumsum(1, dtype=np.int32).view(np.float32)


@pytest.fixture(scope='session')
def golden_predictions(golden_predictions):
    """As the fixture of all tests, plus 'b_001' (truth blurred, with noise), 'c_016' (noise)."""
    with np.load(DATA / 'metrics_golden.npz') as stored:
        floats = {key: _from_planes(stored[f'pred_{key}_planes']) for key in ('b_001', 'c_016')}
    return lambda key: floats[key] if key in floats else golden_predictions(key)


@pytest.fixture(scope='session')
def golden_fixations():
    """The pool of nonfixations (H, W), and fixation points (n, 2), y and x, by frame number."""
    with np.load(DATA / 'metrics_golden.npz') as stored:
        pool, frames = stored['other_fixations'], stored['frames'].tolist()
        points = np.split(stored['coords'], stored['coords_offsets'][1:-1])
    return pool, dict(zip(frames, points, strict=True))
