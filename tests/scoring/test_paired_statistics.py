import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from salkit.scoring.paired_statistics import bootstrap_interval, holm, sign_flip_p

RNG = np.random.default_rng(0)


@pytest.mark.parametrize('count', [2, 3, 8, 12])
def test_sign_flips_are_those_of_all_patterns_and_of_scipy(count):
    differences = RNG.normal(0.5, 1, count)
    means = [
        abs(np.mean(differences * signs)) for signs in itertools.product((1, -1), repeat=count)
    ]
    expected = np.mean(np.array(means) >= abs(differences.mean()) - 1e-12)
    assert sign_flip_p(differences) == expected
    theirs = scipy.stats.permutation_test(
        (differences, np.zeros(count)),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type='samples',
        vectorized=True,
        n_resamples=np.inf,
    )
    assert sign_flip_p(differences) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_drawn_sign_flips_come_near_the_exact_p_value():
    differences = np.random.default_rng(2).normal(0.6, 1, 16)
    signs = 1 - 2 * (np.arange(2**16)[:, None] >> np.arange(16) & 1)
    exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9)
    drawn = sign_flip_p(differences)
    assert 0.005 < exact < 0.2
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact / 10_000))
    assert drawn == sign_flip_p(differences) != sign_flip_p(differences, seed=1)
    # Never 0, however clear it is.
    assert sign_flip_p(np.full(100, 3.0), flips=99) == 1 / 100


def test_p_values_under_no_difference_are_uniform():
    generator = np.random.default_rng(0)
    p = [sign_flip_p(generator.normal(size=20), flips=500, seed=i) for i in range(400)]
    assert scipy.stats.kstest(p, 'uniform').pvalue > 1e-3


def test_bootstrap_interval_is_that_of_scipy():
    differences = RNG.gamma(2, size=40)
    low, high = bootstrap_interval(differences)
    theirs = scipy.stats.bootstrap(
        (differences,), np.mean, method='percentile', n_resamples=20_000, rng=1
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    # Of two values the resampled means are three, each end one of the values.
    assert bootstrap_interval(np.array([1.0, 5.0])) == (1.0, 5.0)


def test_bootstrap_interval_covers_the_mean_in_95_of_100_samples():
    covered = 0
    for seed in range(300):
        low, high = bootstrap_interval(RNG.normal(2, 1, 50), resamples=500, seed=seed)
        covered += low <= 2 <= high
    assert 0.90 < covered / 300 < 0.985


def test_holm_by_its_definition():
    # Worked by hand: 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 x 1 raised to the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_the_step_down_rejects(p_values):
    corrected = holm(p_values)
    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        for rank, index in enumerate(np.argsort(p_values, kind='stable')):
            if p_values[index] * (len(p_values) - rank) >= alpha:
                break
            rejected.add(int(index))
        assert {i for i, p in enumerate(corrected) if p < alpha} == rejected
