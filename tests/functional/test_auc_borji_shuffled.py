"""AUC-Borji and shuffled AUC against slow, literal definitions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from salkit.functional import auc_borji, auc_shuffled

RULES = ['matlab', 'octave', 'exact']
# 0:0.1:1 as MATLAB prints it with 17 digits, and as Octave does.
TENTHS = {
    'matlab': [0, 0.1, 0.2, 0.1 * 3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
    'octave': [0, 0.1, 0.2, 0.1 * 3, 0.4, 0.5, 0.1 * 6, 0.1 * 7, 0.8, 0.9, 1],
}
# Many values on a threshold, as 8-bit maps have them.
grid_maps = arrays(np.float64, (5, 6), elements=st.integers(0, 10).map(lambda i: i / 10))
masks = arrays(np.bool_, (5, 6))
counts = arrays(np.int64, (5, 6), elements=st.integers(0, 2))


def literal_curve(pred, positives, negatives, rule):
    if np.ptp(pred) == 0:
        return np.nan
    low, high = pred.min(), pred.max()
    positives, negatives = (positives - low) / (high - low), (negatives - low) / (high - low)
    points = [(0, 0)]
    for threshold in TENTHS[rule][::-1]:
        points.append(((negatives >= threshold).mean(), (positives >= threshold).mean()))
    fp, tp = np.array([*points, (1, 1)]).T
    return np.sum(np.diff(fp) * (tp[1:] + tp[:-1]) / 2)


def literal(pred, positives, negatives, rule):
    if rule == 'exact':
        positives, negatives = positives[:, None], negatives[None]
        return ((positives > negatives) + (positives == negatives) / 2).mean()
    return literal_curve(pred, positives, negatives, rule)


@given(grid_maps, masks, masks, st.sampled_from(RULES))
def test_shuffled(pred, fixated, others, rule):
    value = auc_shuffled(pred, fixated, others, rule=rule)
    if not fixated.any() or not others.any():
        assert np.isnan(value)
    else:
        expected = literal(pred, pred[fixated], pred[others], rule)
        np.testing.assert_allclose(value, expected, atol=1e-12)


@given(grid_maps, masks, st.sampled_from(RULES))
def test_borji(pred, fixated, rule):
    value = auc_borji(pred, fixated, rule=rule)
    if fixated.sum() < 2:
        assert np.isnan(value)
    else:
        expected = literal(pred, pred[fixated], pred.ravel(), rule)
        np.testing.assert_allclose(value, expected, atol=1e-12)


@given(grid_maps, counts, counts, st.sampled_from(RULES))
def test_repeated_fixations(pred, fixations, others, rule):
    positives, negatives = (np.repeat(pred, each.ravel()) for each in (fixations, others))
    value = auc_shuffled(pred, fixations, others, rule=rule, repeats=True)
    if len(positives) and len(negatives):
        expected = literal(pred, positives, negatives, rule)
        np.testing.assert_allclose(value, expected, atol=1e-12)
    once = auc_shuffled(pred, fixations, others, rule=rule)
    np.testing.assert_array_equal(once, auc_shuffled(pred, fixations > 0, others > 0, rule=rule))
    value = auc_borji(pred, fixations, rule=rule, repeats=True)
    if len(positives) > 1:
        expected = literal(pred, positives, pred.ravel(), rule)
        np.testing.assert_allclose(value, expected, atol=1e-12)
    once = auc_borji(pred, fixations, rule=rule)
    np.testing.assert_array_equal(once, auc_borji(pred, fixations > 0, rule=rule))


@given(grid_maps, masks, masks)
def test_only_the_order_matters_where_all_thresholds_count(pred, fixated, others):
    warped = np.exp(3 * pred) - 9
    for measure, maps in ((auc_shuffled, (fixated, others)), (auc_borji, (fixated,))):
        value = measure(pred, *maps, rule='exact')
        np.testing.assert_array_equal(measure(warped, *maps, rule='exact'), value)


@pytest.mark.parametrize('tenth', range(1, 10))
def test_the_interpreters_differ_at_six_and_seven_tenths(tenth):
    # A fixated pixel that lies on a threshold reaches it or not, above or at the nonfixation.
    pred = np.array([[0.0, 1.0, tenth / 10, tenth / 10 - 0.05]])
    fixated, others = np.array([[0, 0, 1, 0]]), np.array([[0, 0, 0, 1]])
    values = [auc_shuffled(pred, fixated, others, rule=rule) for rule in ('matlab', 'octave')]
    assert values == ([1.0, 0.5] if tenth in (6, 7) else [values[0]] * 2)


@pytest.mark.parametrize('rule', RULES)
def test_draws_scatter_about_the_expectation(rule):
    rng = np.random.default_rng(3)
    pred = rng.integers(0, 256, (12, 14), dtype=np.uint8)
    fixated, others = rng.random((12, 14)) < 0.1, rng.random((12, 14)) < 0.3
    assert 5 < fixated.sum() < others.sum()
    for measure, maps in ((auc_shuffled, (fixated, others)), (auc_borji, (fixated,))):
        draws = np.array([measure(pred, *maps, rule=rule, splits=2, seed=rng) for _ in range(600)])
        error = draws.std() / 600**0.5
        expected = measure(pred, *maps, rule=rule)
        assert 0 < error < 0.01
        assert abs(draws.mean() - expected) < 4 * error
        first, again = (measure(pred, *maps, rule=rule, splits=3, seed=5) for _ in range(2))
        assert first == again
        tensors = [torch.from_numpy(each) for each in (pred.astype(float), *maps)]
        assert measure(*tensors, rule=rule, splits=3, seed=5) == pytest.approx(first, abs=1e-12)


def test_shuffled_draws_are_as_many_as_fixations_and_never_twice_the_same():
    # Three fixations on a pool of four: each draw leaves one out, and the area tells which.
    pred = np.array([[9.0, 9.0, 9.0, 0.0, 3.0, 5.0, 10.0]])
    fixated = np.array([[1, 1, 1, 0, 0, 0, 0]])
    others = np.array([[0, 0, 0, 1, 1, 1, 1]])
    draws = {
        float(auc_shuffled(pred, fixated, others, rule='exact', splits=1, seed=i))
        for i in range(40)
    }
    assert sorted(draws) == pytest.approx([2 / 3, 1])
    # A pool smaller than the fixations is taken whole.
    few = np.array([[0, 0, 0, 1, 0, 0, 1]])
    assert auc_shuffled(pred, fixated, few, rule='exact', splits=7) == 0.5


@pytest.mark.parametrize('rule', RULES)
def test_degenerate_maps(rule):
    rng = np.random.default_rng(0)
    pred, fixated, others = rng.random((6, 8)), np.zeros((6, 8), bool), np.zeros((6, 8), bool)
    fixated[2, 3:5] = others[2:4, 4] = True
    none = np.zeros_like(fixated)
    assert np.isnan(auc_shuffled(pred, none, others, rule=rule))
    assert np.isnan(auc_shuffled(pred, fixated, none, rule=rule))
    assert np.isnan(auc_borji(pred, none, rule=rule))
    for constant in (0.0, 0.3):
        flat = np.full_like(pred, constant)
        for value in (
            auc_shuffled(flat, fixated, others, rule=rule),
            auc_borji(flat, fixated, rule=rule),
        ):
            assert value == 0.5 if rule == 'exact' else np.isnan(value)
    value = auc_shuffled(pred, fixated, others, rule=rule)
    # Where nobody looks a NaN changes nothing; at a nonfixation it is below everything.
    pred[5, 5] = np.nan
    assert auc_shuffled(pred, fixated, others, rule=rule) == value
    below, at_other = pred.copy(), pred.copy()
    below[3, 4], at_other[3, 4] = -1, np.nan
    if rule == 'exact':
        expected = auc_shuffled(below, fixated, others, rule=rule)
        assert auc_shuffled(at_other, fixated, others, rule=rule) == expected
        assert auc_borji(at_other, fixated, rule=rule) > auc_borji(pred, fixated, rule=rule)
    else:
        assert np.isfinite(auc_shuffled(at_other, fixated, others, rule=rule))
    pred[2, 3] = np.nan
    assert np.isnan(auc_shuffled(pred, fixated, others, rule=rule))
    assert np.isnan(auc_borji(pred, fixated, rule=rule))
    nothing = np.full_like(pred, np.nan)
    assert np.isnan(auc_shuffled(nothing, fixated, others, rule=rule))
    if rule != 'exact':
        pred[2, 3] = np.inf
        assert np.isnan(auc_shuffled(pred, fixated, others, rule=rule))


def test_single_fixation():
    pred, single = np.arange(12.0).reshape(3, 4), np.zeros((3, 4), bool)
    single[2, 1] = True
    assert np.isnan(auc_borji(pred, single))
    assert auc_shuffled(pred, single, ~single, rule='exact') == pytest.approx(9 / 11)


def test_not_differentiable():
    pred = torch.rand(4, 5, requires_grad=True)
    assert not auc_borji(pred, torch.eye(4, 5)).requires_grad
    assert not auc_shuffled(pred, torch.eye(4, 5), torch.ones(4, 5)).requires_grad


def test_unknown_rule():
    message = "rule: expected one of matlab, octave, below-maximum, exact, got 'judd'"
    with pytest.raises(ValueError, match=message):
        auc_borji(np.eye(3), np.eye(3), rule='judd')
    with pytest.raises(ValueError, match=message):
        auc_shuffled(np.eye(3), np.eye(3), np.eye(3), rule='judd')
