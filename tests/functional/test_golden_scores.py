"""The measures against the MIT benchmark code, run by GNU Octave on a real sequence."""

import math

import numpy as np
import pytest
import torch

from salkit.functional import auc_judd, cc, kl_div, nss, sim

# The stored predictions: one centre Gaussian for all frames, 8-bit maps with many ties.
KEYS = [f'a_{frame:03d}' for frame in range(1, 26, 3)] + ['d_001', 'd_016', 'd_025']


@pytest.fixture(params=KEYS)
def case(request, golden_scores, golden_predictions, sample_targets):
    scores = golden_scores['scores'][request.param]
    density, fixations = sample_targets(int(request.param[2:]))
    assert fixations.sum() == scores['nfix']
    return golden_predictions(request.param), density, fixations, scores


def test_the_values_of_the_maps(case):
    pred, density, fixations, scores = case
    pred = pred.astype(np.float64)
    assert cc(pred, density) == pytest.approx(scores['CC'], abs=1e-9)
    assert kl_div(pred, density) == pytest.approx(scores['KLdiv'], abs=1e-9)
    assert sim(pred, density) == pytest.approx(scores['similarity'], abs=1e-9)
    assert nss(pred, fixations) == pytest.approx(scores['NSS'], abs=1e-9)


def test_float32_stays_close(case):
    pred, density, fixations, scores = case
    pred, density = torch.from_numpy(pred).float(), torch.from_numpy(density).float()
    for value, name in (
        (cc(pred, density), 'CC'),
        (kl_div(pred, density), 'KLdiv'),
        (sim(pred, density), 'similarity'),
        (nss(pred, torch.from_numpy(fixations)), 'NSS'),
    ):
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(scores[name], abs=1e-5)


@pytest.mark.parametrize('ties', ['expected', 'pessimistic', 'half'])
def test_auc_judd(case, ties):
    pred, _, fixations, scores = case
    closed_form = scores['closed_form']
    expected, tolerance = {
        'pessimistic': (scores['AUC_Judd_jitter0'], 1e-12),
        'expected': (closed_form['AUC_Judd_jitter1_expected'], 1e-9),
        'half': (closed_form['AUC_mannwhitney_unfixated_ties_half'], 1e-9),
    }[ties]
    value = auc_judd(pred.astype(np.float64), fixations, ties=ties)
    assert value == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize('key', ['a_001', 'd_016'])
def test_nss_and_sim_with_another_convention(
    key, golden_scores, golden_predictions, sample_targets
):
    # NTIRE 2026: std with N, 1e-7 beside every divisor, no min-max in SIM.
    scores = golden_scores['ntire26'][key]['direct_nodup']
    density, fixations = sample_targets(int(key[2:]))
    pred = golden_predictions(key).astype(np.float64)
    assert nss(pred, fixations, ddof=0, eps=1e-7) == pytest.approx(scores['nss'], abs=1e-9)
    value = sim(pred, density, minmax=False, eps=1e-7)
    assert value == pytest.approx(scores['similarity'], abs=1e-9)


@pytest.fixture
def degenerate_cases(golden_predictions, sample_targets):
    pred = golden_predictions('a_001').astype(np.float64)
    density, fixations = sample_targets(1)
    single = np.zeros_like(fixations)
    single[195, 364] = True
    with_nan = pred.copy()
    with_nan[200, 300] = np.nan
    left = np.zeros_like(pred)
    left[:, : pred.shape[1] // 2] = 1
    return {
        'baseline_a': (pred, density, fixations),
        'constant_0p5': (np.full_like(pred, 0.5), density, fixations),
        'all_zero': (np.zeros_like(pred), density, fixations),
        'single_fixation': (pred, density, single),
        'no_fixations': (pred, density, np.zeros_like(fixations)),
        'nan_unfixated': (with_nan, density, fixations),
        'density_zero': (pred, np.zeros_like(density), fixations),
        'pred_is_density': (density.astype(np.float32).astype(np.float64), density, fixations),
        'two_level': (left, density, fixations),
    }


def test_degenerate_frames(golden_scores, degenerate_cases):
    for name, (pred, density, fixations) in degenerate_cases.items():
        scores = golden_scores['degenerate'][name]['scores']
        values = {
            'CC': cc(pred, density),
            'KLdiv': kl_div(pred, density),
            'similarity': sim(pred, density),
            'NSS': nss(pred, fixations),
            'AUC_Judd_jitter0': auc_judd(pred, fixations, ties='pessimistic'),
        }
        for measure, value in values.items():
            reference = float(scores[measure])
            assert value == pytest.approx(reference, abs=1e-9, nan_ok=True), (name, measure)


def test_degenerate_frames_under_jitter(golden_scores, degenerate_cases):
    for name, (pred, _, fixations) in degenerate_cases.items():
        mean, std = map(
            float, golden_scores['degenerate'][name]['scores']['AUC_Judd_jitter1_mean_std']
        )
        value = auc_judd(pred, fixations)
        # The mean of a few jittered runs. Noise also swaps neighbours closer than 1e-7.
        tolerance = 0.0 if math.isnan(mean) else 3 * std + 1e-9
        assert value == pytest.approx(mean, abs=tolerance, nan_ok=True), name
