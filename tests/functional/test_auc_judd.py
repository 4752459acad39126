"""AUC-Judd: the three orders of ties against slow, literal definitions."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from salkit.functional import auc_judd

ORDERS = ['expected', 'pessimistic', 'half']
grid_maps = arrays(np.float64, (5, 6), elements=st.integers(0, 8).map(lambda i: i / 8))
masks = arrays(np.bool_, (5, 6))


def curve_area(false_positives, n):
    """Trapezoids over (0, 0), the n points of the curve, (1, 1)."""
    fp = np.concatenate([[0], false_positives, [1]])
    tp = np.concatenate([[0], np.arange(1, n + 1) / n, [1]])
    return float(np.sum(np.diff(fp) * (tp[1:] + tp[:-1]) / 2))


def literal_benchmark(values, fixated):
    """Thresholds in descending order; at the i-th all values >= it, less i, are false alarms."""
    n = int(fixated.sum())
    thresholds = np.sort(values[fixated])[::-1]
    fp = [((values >= t).sum() - i) / (values.size - n) for i, t in enumerate(thresholds, 1)]
    return curve_area(fp, n)


def all_orders_mean(values, fixated):
    """Mean area over every order of the pixels that keeps the values descending."""
    areas = []
    for order in itertools.permutations(range(values.size)):
        if all(values[a] >= values[b] for a, b in itertools.pairwise(order)):
            hits = fixated[list(order)]
            fp = np.cumsum(~hits)[hits] / (~fixated).sum()
            areas.append(curve_area(fp, int(hits.sum())))
    return float(np.mean(areas))


def pair_share(values, fixated):
    positives, negatives = values[fixated][:, None], values[~fixated][None]
    return float(((positives > negatives) + (positives == negatives) / 2).mean())


@given(grid_maps, masks)
def test_pessimistic_is_the_benchmark_without_jitter(pred, fixated):
    value = auc_judd(pred, fixated, ties='pessimistic')
    if fixated.all() or not fixated.any() or np.ptp(pred) == 0:
        assert np.isnan(value)
    else:
        np.testing.assert_allclose(value, literal_benchmark(pred, fixated), atol=1e-12)


@pytest.mark.parametrize('seed', range(12))
def test_expected_is_the_mean_over_all_orders(seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 3, 7) / 2
    fixated = rng.permutation(np.arange(7) < rng.integers(1, 6))
    value = auc_judd(values[None], fixated[None])
    np.testing.assert_allclose(value, all_orders_mean(values, fixated), atol=1e-12)


@given(grid_maps, masks)
def test_half_is_the_share_of_ordered_pairs(pred, fixated):
    value = auc_judd(pred, fixated, ties='half')
    if fixated.all() or not fixated.any():
        assert np.isnan(value)
    else:
        np.testing.assert_allclose(value, pair_share(pred, fixated), atol=1e-12)


@settings(max_examples=50)
@given(grid_maps, masks)
def test_only_the_order_matters(pred, fixated):
    for ties in ORDERS:
        value = auc_judd(pred, fixated, ties=ties)
        np.testing.assert_array_equal(auc_judd(np.exp(4 * pred) - 9, fixated, ties=ties), value)


@given(masks)
def test_without_ties_the_orders_agree(fixated):
    pred = np.random.default_rng(0).permutation(30).reshape(5, 6)
    if fixated.any():
        expected, pessimistic, half = (auc_judd(pred, fixated, ties=ties) for ties in ORDERS)
        np.testing.assert_allclose(expected, pessimistic, equal_nan=True)
        last = (pred[~fixated] > pred[fixated].min()).mean() if not fixated.all() else math.nan
        gap = last / (2 * fixated.sum())
        np.testing.assert_allclose(expected - half, gap, atol=1e-6)


def test_perfect_worst_and_constant():
    fixated = np.zeros((6, 8))
    fixated[2, 3:5] = 1
    assert auc_judd(fixated, fixated) == 1
    assert auc_judd(-fixated, fixated, ties='half') == 0
    constant = np.full((6, 8), 0.3)
    assert auc_judd(constant, fixated, ties='half') == 0.5
    assert auc_judd(constant, fixated) == pytest.approx(0.5 + 0.5 / 3)
    assert np.isnan(auc_judd(constant, fixated, ties='pessimistic'))


@pytest.mark.parametrize('ties', ORDERS)
def test_nan(ties):
    rng = np.random.default_rng(0)
    pred, fixated = rng.random((6, 8)), np.zeros((6, 8), bool)
    fixated[2, 3:5] = True
    lowest = pred.copy()
    pred[0, 0], lowest[0, 0] = np.nan, -1
    assert auc_judd(pred, fixated, ties=ties) == auc_judd(lowest, fixated, ties=ties)
    pred[2, 3] = np.nan
    assert np.isnan(auc_judd(pred, fixated, ties=ties))
    assert np.isnan(auc_judd(np.full((6, 8), np.nan), fixated, ties=ties))


def test_infinities_have_their_order():
    pred = np.array([[np.inf, 1.0, -np.inf, 0.0]])
    assert auc_judd(pred, np.array([[1, 1, 0, 0]]), ties='half') == 1
    assert auc_judd(pred, np.array([[0, 0, 1, 0]]), ties='half') == 0


def test_not_differentiable():
    pred = torch.rand(4, 5, requires_grad=True)
    assert not auc_judd(pred, torch.eye(4, 5)).requires_grad


def test_an_empty_batch():
    assert auc_judd(torch.rand(0, 4, 5), torch.rand(0, 4, 5)).shape == (0,)


def test_unknown_ties():
    with pytest.raises(ValueError, match="expected, pessimistic, half, got 'jitter'"):
        auc_judd(np.eye(3), np.eye(3), ties='jitter')
