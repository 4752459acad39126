"""The measures against the MIT benchmark code, run by GNU Octave on a real sequence, and others."""

import math

import numpy as np
import pytest
import torch

from salkit.functional import (
    auc_borji,
    auc_judd,
    auc_shuffled,
    cc,
    count_fixations,
    kl_div,
    nss,
    sim,
)

# The stored predictions: one centre Gaussian for all frames, 8-bit maps with many ties, float maps.
FRAMES = range(1, 26, 3)
KEYS = [f'{kind}_{frame:03d}' for kind in 'ad' for frame in FRAMES] + ['b_001', 'c_016']


@pytest.fixture(params=KEYS)
def case(request, golden_scores, golden_predictions, sample_targets):
    scores = golden_scores['scores'][request.param]
    density, fixations = sample_targets(int(request.param[2:]))
    assert fixations.sum() == scores['nfix']
    return golden_predictions(request.param), density, fixations, scores


def test_the_values_of_the_maps(case):
    pred, density, fixations, scores = case
    pred = pred.astype(np.float64)
    for convert in (np.asarray, torch.from_numpy):
        saliency, truth, fixated = convert(pred), convert(density), convert(fixations)
        assert cc(saliency, truth) == pytest.approx(scores['CC'], abs=1e-9)
        assert kl_div(saliency, truth) == pytest.approx(scores['KLdiv'], abs=1e-9)
        assert sim(saliency, truth) == pytest.approx(scores['similarity'], abs=1e-9)
        assert nss(saliency, fixated) == pytest.approx(scores['NSS'], abs=1e-9)


def areas(pred, fixations, pool):
    """Every AUC with the name of its golden value."""
    return {
        'AUC_Judd_jitter0': auc_judd(pred, fixations, ties='pessimistic'),
        'AUC_Judd_jitter1_expected': auc_judd(pred, fixations),
        'AUC_mannwhitney_unfixated_ties_half': auc_judd(pred, fixations, ties='half'),
        # Octave has run the reference.
        'AUC_Borji_expected': auc_borji(pred, fixations, rule='octave'),
        'AUC_shuffled_expected': auc_shuffled(pred, fixations, pool, rule='octave'),
        'AUC_shuffled_expected_matlab_colon': auc_shuffled(pred, fixations, pool),
        'AUC_shuffled_exact_pool_ties_half': auc_shuffled(pred, fixations, pool, rule='exact'),
    }


def test_the_areas(case, golden_fixations):
    pred, _, fixations, scores = case
    scores = scores | scores['closed_form']
    for name, value in areas(pred.astype(np.float64), fixations, golden_fixations[0]).items():
        tolerance = 1e-12 if name == 'AUC_Judd_jitter0' else 1e-9
        assert value == pytest.approx(scores[name], abs=tolerance), name


def test_float32_stays_close(case, golden_fixations):
    pred, density, fixations, scores = case
    scores = scores | scores['closed_form']
    for convert in (np.asarray, torch.from_numpy):
        # The density of a PNG without the division by 255: its scale does not matter.
        saliency, truth = convert(pred.astype(np.float32)), convert(np.rint(255 * density))
        truth = truth.astype(np.uint8) if convert is np.asarray else truth.byte()
        fixated = convert(fixations)
        values = {
            'CC': cc(saliency, truth),
            'KLdiv': kl_div(saliency, truth),
            'similarity': sim(saliency, truth),
            'NSS': nss(saliency, fixated),
            **areas(saliency, fixated, convert(golden_fixations[0])),
        }
        for name, value in values.items():
            assert value.dtype in (np.float32, torch.float32)
            assert value.item() == pytest.approx(scores[name], abs=1e-5), name


@pytest.mark.parametrize('frame', FRAMES)
def test_arrays_of_bytes_lose_nothing(
    frame, golden_scores, golden_predictions, sample_targets, golden_fixations
):
    key = f'd_{frame:03d}'
    scores = golden_scores['scores'][key]
    pred = golden_predictions(key)
    density, fixations = sample_targets(frame)
    density = np.rint(255 * density).astype(np.uint8)
    fixations = 255 * fixations.astype(np.uint8)
    values = {
        'CC': cc(pred, density),
        'KLdiv': kl_div(pred, density),
        'similarity': sim(pred, density),
        'NSS': nss(pred, fixations),
        **areas(pred, fixations, golden_fixations[0]),
    }
    scores = scores | scores['closed_form']
    for name, value in values.items():
        assert value == pytest.approx(scores[name], abs=1e-9), name


@pytest.mark.parametrize('key', ['a_001', 'd_016', 'c_016'])
def test_draws_scatter_about_the_reference(
    key, golden_scores, golden_predictions, sample_targets, golden_fixations
):
    scores = golden_scores['scores'][key]
    pred = golden_predictions(key)
    _, fixations = sample_targets(int(key[2:]))
    pool, rng = golden_fixations[0], np.random.default_rng(0)
    options = dict(rule='octave', splits=100, seed=rng)
    draws = {
        'AUC_Borji': lambda: auc_borji(pred, fixations, **options),
        'AUC_shuffled': lambda: auc_shuffled(pred, fixations, pool, **options),
    }
    for name, draw in draws.items():
        values = np.array([draw() for _ in range(12)])
        std = scores[f'{name}_std']
        assert abs(values.mean() - scores[f'{name}_mean']) < 1.5 * std, name
        assert 0.3 * std < values.std(ddof=1) < 2.5 * std, name
    value = auc_judd(pred, fixations, ties='sampled')
    mean, std = scores['AUC_Judd_jitter1_mean'], scores['AUC_Judd_jitter1_std']
    assert abs(value - mean) < 5 * std + 1e-8


# Of NTIRE 2026: what their functions give for exact maps and points, for the same without repeats,
# and behind their reader, which works in float32 on the density.
@pytest.mark.parametrize('kind', ['direct', 'direct_nodup', 'pipeline'])
@pytest.mark.parametrize('key', KEYS)
def test_ntire26(key, kind, golden_scores, golden_predictions, sample_targets, golden_fixations):
    stored = golden_scores['ntire26'][key]
    scores = stored[kind]
    density, _ = sample_targets(int(key[2:]))
    points = golden_fixations[1][int(key[2:])]
    pred = golden_predictions(key).astype(np.float64)
    fixations = count_fixations(points, pred.shape)
    assert fixations.sum() == len(points) == stored['n_coords']
    assert np.count_nonzero(fixations) == stored['n_unique'] < len(points)
    tolerance = 1e-9
    if kind == 'pipeline':
        pred = (pred - pred.min()) / (np.ptp(pred) + np.finfo(np.float32).eps)
        # Their sums over the density are float32, and so are its quotients.
        tolerance = 5e-7
    repeats = kind != 'direct_nodup'
    assert cc(pred, density) == pytest.approx(scores['cc'], abs=tolerance)
    value = sim(pred, density, minmax=False, eps=1e-7)
    assert value == pytest.approx(scores['similarity'], abs=tolerance)
    assert kl_div(pred, density, eps=2.2204e-16) == pytest.approx(scores['kldiv'], abs=tolerance)
    for convert in (np.asarray, torch.from_numpy):
        saliency, counts = convert(pred), convert(fixations)
        value = nss(saliency, counts, ddof=0, eps=1e-7, repeats=repeats)
        assert value == pytest.approx(scores['nss'], abs=1e-9)
        value = auc_judd(
            saliency, counts, ties='pessimistic', repeats=repeats, negatives=pred.size - 2
        )
        assert value == pytest.approx(scores['auc_judd'], abs=1e-9)


@pytest.fixture
def degenerate_cases(golden_predictions, sample_targets, golden_fixations):
    pred = golden_predictions('a_001').astype(np.float64)
    density, fixations = sample_targets(1)
    pool = golden_fixations[0]
    single = np.zeros_like(fixations)
    single[195, 364] = True
    with_nan = pred.copy()
    with_nan[200, 300] = np.nan
    left = np.zeros_like(pred)
    left[:, : pred.shape[1] // 2] = 1
    return {
        'baseline_a': (pred, density, fixations, pool),
        'constant_0p5': (np.full_like(pred, 0.5), density, fixations, pool),
        'all_zero': (np.zeros_like(pred), density, fixations, pool),
        'single_fixation': (pred, density, single, pool),
        'no_fixations': (pred, density, np.zeros_like(fixations), pool),
        'nan_unfixated': (with_nan, density, fixations, pool),
        'density_zero': (pred, np.zeros_like(density), fixations, pool),
        'pred_is_density': (density.astype(np.float32).astype(float), density, fixations, pool),
        'other_empty': (pred, density, fixations, np.zeros_like(pool)),
        'two_level': (left, density, fixations, pool),
    }


@pytest.mark.parametrize('convert', [np.asarray, torch.from_numpy])
def test_degenerate_frames(convert, golden_scores, degenerate_cases):
    assert set(degenerate_cases) == set(golden_scores['degenerate'])
    for name, maps in degenerate_cases.items():
        pred, density, fixations, _ = map(convert, maps)
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


def test_degenerate_frames_by_chance(golden_scores, degenerate_cases):
    for name, (pred, _, fixations, pool) in degenerate_cases.items():
        for measure, value in (
            ('AUC_Judd_jitter1_mean_std', auc_judd(pred, fixations)),
            ('AUC_Judd_jitter1_mean_std', auc_judd(pred, fixations, ties='sampled')),
            ('AUC_Borji_mean_std', auc_borji(pred, fixations, rule='octave')),
            ('AUC_Borji_mean_std', auc_borji(pred, fixations, splits=100)),
            ('AUC_shuffled_mean_std', auc_shuffled(pred, fixations, pool, rule='octave')),
            ('AUC_shuffled_mean_std', auc_shuffled(pred, fixations, pool, splits=100)),
        ):
            mean, std = map(float, golden_scores['degenerate'][name]['scores'][measure])
            # The mean of a few runs. Jitter also swaps neighbours closer than 1e-7.
            tolerance = 0.0 if math.isnan(mean) else 4 * std + 1e-9
            assert value == pytest.approx(mean, abs=tolerance, nan_ok=True), (name, measure)
