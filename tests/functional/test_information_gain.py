"""Information gain against its definition."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from salkit.functional import information_gain

grid_maps = arrays(np.float64, (4, 5), elements=st.integers(0, 8).map(lambda i: i / 8))
counts = arrays(np.int64, (4, 5), elements=st.integers(0, 2))
EPS = 2.0**-52


def literal(pred, fixations, baseline, minmax):
    bits = []
    for maps in (pred, baseline):
        if minmax:
            maps = (maps - maps.min()) / np.ptp(maps)
        maps = maps / maps.sum() if maps.any() else maps
        bits.append(np.log2(EPS + np.repeat(maps, fixations.ravel())))
    return (bits[0] - bits[1]).mean()


@given(grid_maps, counts, grid_maps, st.booleans(), st.booleans())
def test_definition(pred, fixations, baseline, minmax, repeats):
    options = dict(minmax=minmax, repeats=repeats)
    tensors = [torch.from_numpy(each) for each in (pred, fixations, baseline)]
    constant = np.ptp(pred) == 0 or np.ptp(baseline) == 0
    for value in (
        information_gain(pred, fixations, baseline, **options),
        information_gain(*tensors, **options).numpy(),
    ):
        if not fixations.any() or (minmax and constant):
            assert np.isnan(value)
        else:
            times = fixations if repeats else np.minimum(fixations, 1)
            np.testing.assert_allclose(value, literal(pred, times, baseline, minmax), atol=1e-9)


@given(grid_maps, counts, grid_maps)
def test_the_baseline_gains_nothing_and_gains_are_opposite(pred, fixations, baseline):
    if fixations.any():
        assert information_gain(baseline, fixations, baseline) == 0
        gain = information_gain(pred, fixations, baseline)
        np.testing.assert_allclose(information_gain(baseline, fixations, pred), -gain, atol=1e-12)


def test_in_bits():
    baseline, fixations = np.ones((2, 4)), np.eye(2, 4)
    pred = np.where(fixations > 0, 2.0, 4 / 6)
    assert information_gain(pred, fixations, baseline) == pytest.approx(1)
    assert information_gain(fixations, fixations, baseline) == pytest.approx(2)
    assert information_gain(1 - fixations, fixations, baseline, eps=2.0**-10) < -6.9


@pytest.mark.parametrize('convert', [np.asarray, torch.from_numpy])
def test_a_map_of_zeros_counts_as_eps(convert):
    ones, zeros, fixations = np.ones((2, 4)), np.zeros((2, 4)), np.eye(2, 4)
    gain = information_gain(*map(convert, (ones, fixations, zeros)))
    assert gain.item() == pytest.approx(52 - 3)
    assert np.isnan(information_gain(*map(convert, (ones, fixations, zeros)), minmax=True).item())


@pytest.mark.parametrize('convert', [np.asarray, torch.from_numpy])
def test_negative_values_have_no_gain_unless_they_are_moved(convert):
    maps, fixations = np.linspace(-1, 1, 8).reshape(2, 4), np.eye(2, 4)
    for pair in ((maps, fixations, np.ones((2, 4))), (np.ones((2, 4)), fixations, maps)):
        assert np.isnan(information_gain(*map(convert, pair)).item())
    gain = information_gain(*map(convert, (maps, fixations, 2 * maps)), minmax=True)
    assert gain.item() == pytest.approx(0)


def test_gradients_are_finite():
    fixations = torch.eye(4, 5)
    for pred in (torch.zeros(4, 5), torch.full((4, 5), 0.3), torch.rand(4, 5)):
        leaf = pred.clone().requires_grad_()
        information_gain(leaf, fixations, torch.ones(4, 5)).backward()
        assert leaf.grad.isfinite().all()
    assert leaf.grad.any()
