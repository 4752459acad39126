"""Golden frames in the form that protocols take."""

from pathlib import Path

import numpy as np
import pytest

from salkit.metrics import Truth

DATA = Path(__file__).parents[1] / 'data'


@pytest.fixture(scope='session')
def golden_truth(sample_targets):
    """Function from a frame number to its `Truth`, uint8 density, repeats and all."""
    with np.load(DATA / 'metrics_golden.npz') as stored:
        pool, frames = stored['other_fixations'], stored['frames'].tolist()
        points = np.split(stored['coords'], stored['coords_offsets'][1:-1])

    def truth(frame):
        density, fixations = sample_targets(frame)
        density = np.rint(density * 255).astype(np.uint8)
        return Truth(density, fixations, points[frames.index(frame)], pool.astype(np.int64))

    return truth
