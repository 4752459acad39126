"""AUC-Judd: the orders of ties, and every way to count them, against slow, literal definitions."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from salkit.functional import _order, auc_judd

ORDERS = ['expected', 'pessimistic', 'half']
grid_maps = arrays(np.float64, (5, 6), elements=st.integers(0, 8).map(lambda i: i / 8))
masks = arrays(np.bool_, (5, 6))
DTYPES = [np.bool_, np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float64]
# What torch cannot sort or search; a device gets such maps as other types.
NO_TENSORS = [np.bool_, np.uint16]


def curve_area(false_positives, n):
    """Trapezoids over (0, 0), the n points of the curve, (1, 1)."""
    fp = np.concatenate([[0], false_positives, [1]])
    tp = np.concatenate([[0], np.arange(1, n + 1) / n, [1]])
    return float(np.sum(np.diff(fp) * (tp[1:] + tp[:-1]) / 2))


def literal_benchmark(values, fixations, first_rank=1, negatives=None):
    """Thresholds in descending order; at the i-th all values >= it, less i, are false alarms.

    Every fixation of a pixel is a threshold.
    """
    thresholds = np.sort(np.repeat(values, np.asarray(fixations, int).ravel()))[::-1]
    negatives = negatives or np.sum(fixations == 0)
    fp = [((values >= t).sum() - i) / negatives for i, t in enumerate(thresholds, first_rank)]
    return curve_area(fp, len(thresholds))


def all_orders_mean(values, fixations, **options):
    """Mean area over every order of the pixels that keeps the values descending."""
    areas = [
        literal_benchmark(-np.argsort(order), fixations, **options)
        for order in itertools.permutations(range(values.size))
        if all(values[a] >= values[b] for a, b in itertools.pairwise(order))
    ]
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
    counts = fixated * rng.integers(1, 4, 7)
    options = dict(first_rank=0, negatives=5)
    value = auc_judd(values[None], counts[None], repeats=True, **options)
    np.testing.assert_allclose(value, all_orders_mean(values, counts, **options), atol=1e-12)


@given(grid_maps, arrays(np.int64, (5, 6), elements=st.integers(0, 3)), st.integers(0, 1))
def test_repeated_fixations_are_thresholds_of_their_own(pred, counts, first_rank):
    options = dict(first_rank=first_rank, negatives=28)
    value = auc_judd(pred, counts, ties='pessimistic', repeats=True, **options)
    half = auc_judd(pred, counts, ties='half', repeats=True)
    if counts.all() or not counts.any():
        assert np.isnan(value) and np.isnan(half)
        return
    if np.ptp(pred) > 0:
        np.testing.assert_allclose(value, literal_benchmark(pred, counts, **options), atol=1e-12)
    positives, negatives = np.repeat(pred, counts.ravel())[:, None], pred[counts == 0][None]
    share = ((positives > negatives) + (positives == negatives) / 2).mean()
    np.testing.assert_allclose(half, share, atol=1e-12)


def test_without_repeats_the_values_of_a_fixation_map_do_not_matter():
    rng = np.random.default_rng(0)
    pred, counts = rng.random((5, 6)), rng.integers(0, 3, (5, 6))
    for ties in ORDERS:
        once = auc_judd(pred, counts > 0, ties=ties)
        assert auc_judd(pred, counts, ties=ties) == once
        assert auc_judd(pred, counts, ties=ties, repeats=True) != once
        assert auc_judd(pred, counts > 0, ties=ties, repeats=True) == once


@pytest.mark.parametrize('size', [(7, 9), (257, 257)])
@pytest.mark.parametrize('levels', [2, 40, 256])
def test_every_way_of_counting_is_the_same(size, levels):
    rng = np.random.default_rng(levels)
    pred = (256 // levels * rng.integers(0, levels, size)).astype(np.uint8)
    fixated = rng.random(size) < 0.05
    assert 0 < fixated.sum() < fixated.size
    flat, thresholds = pred.ravel(), pred[fixated]
    naive = [np.array([(f(flat, t)).sum() for t in thresholds]) for f in (np.greater, np.equal)]
    for dtype in DTYPES[1:]:
        counts = _order.count(flat.astype(dtype), thresholds.astype(dtype))
        np.testing.assert_array_equal(counts, naive)
        if dtype not in NO_TENSORS:
            # As on a device.
            counts = _order.count(torch.from_numpy(flat.astype(dtype)), thresholds.astype(dtype))
            np.testing.assert_array_equal(counts, naive)
    shifted = np.ascontiguousarray(pred.T).T
    for ties in ORDERS:
        value = auc_judd(pred, fixated, ties=ties)
        assert auc_judd(pred.astype(np.float64), fixated, ties=ties) == value
        assert auc_judd(shifted, fixated, ties=ties) == value
        assert auc_judd(torch.from_numpy(pred).double(), torch.from_numpy(fixated), ties=ties) == (
            value
        )


@given(st.sampled_from(DTYPES).flatmap(lambda dtype: arrays(dtype, (5, 6))), masks)
def test_counts_of_any_values(pred, fixated):
    flat, thresholds = pred.ravel(), pred[fixated]
    thresholds = thresholds[~np.isnan(thresholds)]
    above = [(flat > t).sum() for t in thresholds]
    equal = [(flat == t).sum() for t in thresholds]
    np.testing.assert_array_equal(_order.count(flat, thresholds), [above, equal])
    if flat.dtype not in NO_TENSORS:
        counts = _order.count(torch.from_numpy(flat), thresholds)
        np.testing.assert_array_equal(counts, [above, equal])


def test_counts_that_no_float32_holds():
    values = np.zeros(2**24 + 2, np.uint8)
    values[0] = 7
    above, equal = _order.count(values, np.array([0, 7], np.uint8))
    assert above.tolist() == [1, 0] and equal.tolist() == [2**24 + 1, 1]


@given(arrays(np.bool_, (5, 6)), masks)
def test_maps_of_two_values(pred, fixated):
    for ties in ORDERS:
        value = auc_judd(pred, fixated, ties=ties)
        np.testing.assert_array_equal(value, auc_judd(pred.astype(float), fixated, ties=ties))


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


def test_sampled_jitter_scatters_about_the_expectation():
    rng = np.random.default_rng(1)
    pred, fixated = rng.integers(0, 4, (8, 9), dtype=np.uint8), rng.random((8, 9)) < 0.2
    draws = np.array([auc_judd(pred, fixated, ties='sampled', seed=rng) for _ in range(800)])
    error = draws.std() / 800**0.5
    assert 0 < error < 0.01
    assert abs(draws.mean() - auc_judd(pred, fixated)) < 4 * error
    first, again = (auc_judd(pred, fixated, ties='sampled', seed=7) for _ in range(2))
    assert first == again != auc_judd(pred, fixated, ties='sampled', seed=8)
    # The maps of a batch have their own noise, in turn.
    batch = auc_judd(np.stack([pred] * 3), fixated, ties='sampled', seed=7)
    one_by_one = np.random.default_rng(7)
    loop = [auc_judd(pred, fixated, ties='sampled', seed=one_by_one) for _ in range(3)]
    assert batch.tolist() == loop and len(set(loop)) == 3
    tensors = torch.from_numpy(pred).double(), torch.from_numpy(fixated)
    assert auc_judd(*tensors, ties='sampled', seed=7) == first


def test_sampled_jitter_is_noise_and_may_swap_neighbours():
    pred, fixated = np.array([[0.0, 0.05, 1.0]]), np.array([[True, False, False]])
    assert auc_judd(pred, fixated, ties='sampled') == auc_judd(pred, fixated)
    draws = {float(auc_judd(pred, fixated, ties='sampled', jitter=0.5, seed=i)) for i in range(20)}
    assert len(draws) == 2


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
    for pred in (np.eye(3), np.zeros((0, 3, 3))):
        with pytest.raises(ValueError, match="expected, pessimistic, half, sampled, got 'jitter'"):
            auc_judd(pred, np.eye(3), ties='jitter')
