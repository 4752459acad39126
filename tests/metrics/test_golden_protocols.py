"""Protocols against the reference codes they are named after."""

import math
from dataclasses import replace

import numpy as np
import pytest

from salkit.metrics import get_protocol
from salkit.metrics.codes import PROTOCOLS as BUILT_IN

KEYS = [f'a_{frame:03d}' for frame in range(1, 26, 3)] + ['d_001', 'd_016', 'd_025']
MAPS = dict(CC='CC', KL='KLdiv', SIM='similarity', NSS='NSS')
NTIRE = {'CC': 'cc', 'KL': 'kldiv', 'SIM': 'similarity', 'NSS': 'nss', 'AUC-J': 'auc_judd'}


@pytest.fixture(params=KEYS)
def case(request, golden_scores, golden_predictions, golden_truth):
    key = request.param
    return key, golden_predictions(key), golden_truth(int(key[2:])), golden_scores


def check(scores, expected, tolerance=1e-9):
    for metric, value in expected.items():
        assert scores[metric] == pytest.approx(float(value), abs=tolerance, nan_ok=True), metric


def test_dhf1k_matlab(case):
    key, prediction, truth, golden = case
    expected = golden['scores'][key]
    closed_form = expected['closed_form']
    # The float maps were scored as they are, without the 8-bit step.
    scores = get_protocol('dhf1k-matlab').score(prediction, truth)
    check(scores, {metric: expected[name] for metric, name in MAPS.items()})
    check(
        scores,
        {
            'AUC-J': closed_form['AUC_Judd_jitter1_expected'],
            's-AUC': closed_form['AUC_shuffled_expected_matlab_colon'],
        },
    )


def test_sampled_scores_scatter_around_the_expectation(golden_predictions, golden_truth):
    protocol, truth = get_protocol('dhf1k-matlab'), golden_truth(16)
    prediction, metrics = golden_predictions('d_016'), ['CC', 'AUC-J', 's-AUC', 'AUC-B']
    expected = protocol.score(prediction, truth, metrics)
    rng = np.random.default_rng(0)
    runs = [protocol.score(prediction, truth, metrics, rng) for _ in range(4)]
    assert {run['CC'] for run in runs} == {expected['CC']}
    for metric, tolerance in (('AUC-J', 5e-5), ('s-AUC', 5e-3), ('AUC-B', 5e-3)):
        values = [run[metric] for run in runs]
        assert len(set(values)) == 4
        assert values == pytest.approx([expected[metric]] * 4, abs=tolerance)
    again = protocol.score(prediction, truth, metrics, np.random.default_rng(0))
    assert again == runs[0]


def test_exact(case):
    key, prediction, truth, golden = case
    expected = golden['scores'][key]
    scores = get_protocol('exact').score(prediction, truth)
    check(scores, {metric: expected[name] for metric, name in MAPS.items()})
    check(
        scores,
        {
            'AUC-J': expected['closed_form']['AUC_mannwhitney_unfixated_ties_half'],
            's-AUC': expected['closed_form']['AUC_shuffled_exact_pool_ties_half'],
        },
    )


@pytest.mark.parametrize('mode', ['direct', 'pipeline', 'direct_nodup'])
def test_ntire26(case, mode):
    key, prediction, truth, golden = case
    protocol = get_protocol('ntire26')
    if mode == 'pipeline':
        prediction = protocol.prepare(prediction, truth.density.shape)
    else:
        prediction = prediction.astype(np.float64)
        truth = replace(truth, density=truth.density / 255)
    if mode == 'direct_nodup':
        truth = replace(truth, fixation_points=None)
    expected = golden['ntire26'][key][mode]
    check(
        protocol.score(prediction, truth),
        {metric: expected[name] for metric, name in NTIRE.items()},
    )


def test_degenerate_frames(golden_scores, golden_predictions, golden_truth):
    protocol, truth = get_protocol('dhf1k-matlab'), golden_truth(1)
    prediction = golden_predictions('a_001')
    single = np.zeros(prediction.shape, bool)
    single[195, 364] = True
    with_nan, left = prediction.copy(), np.zeros_like(prediction)
    with_nan[200, 300] = np.nan
    left[:, : left.shape[1] // 2] = 1
    nowhere = np.zeros_like(single)
    cases = {
        'baseline_a': (prediction, truth),
        'constant_0p5': (np.full_like(prediction, 0.5), truth),
        'all_zero': (np.zeros_like(prediction), truth),
        'single_fixation': (prediction, replace(truth, fixation_map=single)),
        'no_fixations': (prediction, replace(truth, fixation_map=nowhere)),
        'nan_unfixated': (with_nan, truth),
        'density_zero': (prediction, replace(truth, density=np.zeros_like(truth.density))),
        'pred_is_density': (truth.density / np.float32(255), truth),
        'other_empty': (prediction, replace(truth, nonfixations=np.zeros_like(single, int))),
        'two_level': (left, truth),
    }
    assert cases.keys() == golden_scores['degenerate'].keys()
    for name, (maps, ground) in cases.items():
        expected = golden_scores['degenerate'][name]['scores']
        scores = protocol.score(maps, ground, [*protocol.metrics, 'AUC-B'])
        for metric, reference in MAPS.items():
            value = float(expected[reference])
            assert scores[metric] == pytest.approx(value, abs=1e-9, nan_ok=True), (name, metric)
        for metric, reference in (
            ('AUC-J', 'AUC_Judd_jitter1_mean_std'),
            ('s-AUC', 'AUC_shuffled_mean_std'),
            ('AUC-B', 'AUC_Borji_mean_std'),
        ):
            mean, std = map(float, expected[reference])
            # The mean of a few runs.
            tolerance = 0.0 if math.isnan(mean) else 3 * std + 1e-9
            value = scores[metric]
            assert value == pytest.approx(mean, abs=tolerance, nan_ok=True), (name, metric)


@pytest.mark.parametrize('name', [protocol.name for protocol in BUILT_IN])
@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('final', [True, False])
def test_no_map_is_too_odd_to_be_scored(golden_truth, name, value, final):
    protocol, truth = get_protocol(name), golden_truth(1)
    maps = np.linspace(0, 1, truth.density.size, dtype=np.float32).reshape(truth.density.shape)
    maps[5, 7] = value
    frame = protocol.score_frame(maps, truth, final=final)
    assert frame.nan == math.isnan(value) and not frame.constant
    for metric, score in frame.scores.items():
        assert math.isnan(score) or (metric in ('AUC-J', 's-AUC') and 0 <= score <= 1), metric
