"""Properties of all measures, and of those against a density map and NSS in particular."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import salkit.functional as F
from salkit.errors import ShapeError


def auc_shuffled(pred, fixations):
    return F.auc_shuffled(pred, fixations, fixations == 0)


def information_gain(pred, fixations):
    return F.information_gain(pred, fixations, fixations + 1)


ALL = [F.cc, F.kl_div, F.sim, F.nss, F.auc_judd, F.auc_borji, auc_shuffled, information_gain]
DENSITY = [F.cc, F.kl_div, F.sim]

# Values on a coarse grid: ties, zeros and constant maps come up often.
grid_maps = arrays(np.float64, (5, 6), elements=st.integers(0, 8).map(lambda i: i / 8))


def random_maps(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=dtype)


def random_fixations(*shape, seed=1):
    return random_maps(*shape, seed=seed) > 0.8


@pytest.mark.parametrize('measure', ALL)
def test_a_batch_is_a_loop(measure):
    pred = random_maps(2, 3, 9, 7)
    target = random_fixations(2, 3, 9, 7)
    pred[0, 1] = 0.3
    target[1, 2] = False
    batched = measure(pred, target)
    assert batched.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(
                batched[i, j], measure(pred[i, j], target[i, j]), equal_nan=True
            )


@pytest.mark.parametrize('measure', ALL)
def test_leading_dimensions_broadcast(measure):
    pred, target = random_maps(4, 1, 6, 5), random_fixations(3, 6, 5)
    value = measure(pred, target)
    assert value.shape == (4, 3)
    torch.testing.assert_close(value[2, 1], measure(pred[2, 0], target[1]))
    np.testing.assert_allclose(measure(pred.numpy(), target.numpy()), value)


@pytest.mark.parametrize('measure', ALL)
def test_frames_may_be_permuted(measure):
    pred, target = random_maps(5, 6, 5).numpy(), random_fixations(5, 6, 5).numpy()
    order = np.array([3, 0, 4, 1, 2])
    value = measure(pred, target)
    assert len(set(value.tolist())) == 5
    np.testing.assert_array_equal(measure(pred[order], target[order]), value[order])
    order = torch.from_numpy(order)
    pred, target = torch.from_numpy(pred), torch.from_numpy(target)
    assert torch.equal(measure(pred[order], target[order]), measure(pred, target)[order])


@pytest.mark.parametrize('measure', ALL)
def test_pixels_may_be_permuted(measure):
    pred, target = random_maps(8, 9), random_fixations(8, 9)
    order = torch.randperm(72, generator=torch.Generator().manual_seed(3))
    permuted = [maps.flatten()[order].reshape(9, 8) for maps in (pred, target)]
    torch.testing.assert_close(measure(*permuted), measure(pred, target))


@pytest.mark.parametrize('measure', ALL)
def test_the_scale_of_the_prediction_does_not_matter(measure):
    pred, target = random_maps(8, 9), random_fixations(8, 9)
    torch.testing.assert_close(measure(pred * 1e-3, target), measure(pred, target))
    torch.testing.assert_close(measure(pred * 1e3, target), measure(pred, target))


@pytest.mark.parametrize('measure', ALL)
def test_dtypes(measure):
    pred = (random_maps(8, 9) * 255).to(torch.uint8)
    target = random_fixations(8, 9)
    value = measure(pred, target)
    assert value.dtype == torch.float32
    for other in (torch.float16, torch.bfloat16, torch.int64):
        # All of 0..255 is exact in these, so half precision must cost nothing.
        assert torch.equal(measure(pred.to(other), target.to(other)), value)
    assert measure(pred, target.double()).dtype == torch.float64
    assert measure(pred.double(), target).dtype == torch.float64


@pytest.mark.parametrize('measure', ALL)
def test_numpy_in_numpy_out(measure):
    pred, target = random_maps(2, 8, 9), random_fixations(2, 8, 9)
    value = measure(pred.numpy(), target.numpy())
    assert isinstance(value, np.ndarray) and value.dtype == np.float64
    np.testing.assert_allclose(value, measure(pred, target).numpy(), rtol=1e-12, atol=1e-14)
    single = measure(pred.numpy()[0].astype(np.float32), target.numpy()[0])
    assert isinstance(single, np.float32)
    assert abs(single - value[0]) < 1e-6
    half = pred.half().numpy()
    assert measure(half, target.numpy()).dtype == np.float32
    np.testing.assert_allclose(measure(half, target.numpy()), value, atol=0.02)
    flipped = pred.numpy()[:, ::-1]
    flipped.flags.writeable = False
    np.testing.assert_allclose(measure(flipped, target.numpy()[:, ::-1]), value)
    for mixed in ((pred, target.numpy()), (pred.numpy(), target)):
        assert torch.equal(measure(*mixed), measure(pred, target))


@pytest.mark.parametrize('measure', ALL)
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.int64, np.bool_])
def test_arrays_of_whole_numbers_give_doubles(measure, dtype):
    pred = np.random.default_rng(0).integers(0, 2 if dtype is np.bool_ else 250, (8, 9))
    target = random_fixations(8, 9).numpy()
    value = measure(pred.astype(dtype), target.astype(np.uint8))
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, measure(pred.astype(np.float64), target), rtol=1e-12)


def test_names_of_arguments():
    pred, density = random_maps(8, 9), random_maps(8, 9, seed=2)
    fixations = random_fixations(8, 9)
    for measure in DENSITY:
        assert measure(pred=pred, density=density) == measure(pred, density)
    for measure in (F.nss, F.auc_judd, F.auc_borji):
        assert measure(pred=pred, fixation_map=fixations) == measure(pred, fixations)
    assert F.information_gain(
        pred=pred, fixation_map=fixations, baseline_density=density
    ).isfinite()
    assert F.auc_shuffled(pred=pred, fixation_map=fixations, nonfixation_map=~fixations).isfinite()


def test_public_names_are_complete():
    public = {
        'auc_borji',
        'auc_judd',
        'auc_shuffled',
        'cc',
        'count_fixations',
        'information_gain',
        'kl_div',
        'nss',
        'sim',
    }
    assert set(F.__all__) == public
    assert all(callable(getattr(F, name)) for name in public)


@pytest.mark.parametrize('measure', ALL)
def test_inputs_stay_as_they_were(measure):
    pred, target = random_maps(8, 9).numpy(), random_fixations(8, 9).numpy()
    kept = pred.copy(), target.copy()
    measure(pred, target)
    np.testing.assert_array_equal(pred, kept[0])
    np.testing.assert_array_equal(target, kept[1])


@pytest.mark.parametrize('measure', ALL)
def test_no_warnings(measure, recwarn):
    maps = {
        'zeros': np.zeros((6, 7)),
        'third': np.full((6, 7), 0.3),
        'nan': np.full((6, 7), np.nan),
    }
    maps['infinite'] = np.eye(6, 7) * np.inf
    maps['inf'] = np.where(np.eye(6, 7) > 0, np.inf, 1.0)
    for pred in maps.values():
        for target in (np.zeros((6, 7)), np.ones((6, 7)), np.eye(6, 7)):
            measure(pred, target)
    # The product that makes the map itself.
    assert [str(w.message) for w in recwarn if 'multiply' not in str(w.message)] == []


@pytest.mark.parametrize('measure', ALL)
def test_shapes_that_do_not_fit(measure):
    with pytest.raises(ShapeError, match=r'expected .*\(8, 9\), got \(9, 8\)'):
        measure(torch.rand(2, 8, 9), torch.rand(2, 9, 8))
    with pytest.raises(ShapeError, match=r'expected .*\(\.\.\., H, W\), got \(9,\)'):
        measure(torch.rand(8, 9), torch.rand(9))
    with pytest.raises(ShapeError, match=r'got \(1, 9\)'):
        measure(torch.rand(8, 9), torch.rand(1, 9))
    with pytest.raises(ShapeError, match=r'broadcast, got \(2, 8, 9\) and \(3, 8, 9\)'):
        measure(torch.rand(2, 8, 9), torch.rand(3, 8, 9))
    with pytest.raises(ShapeError, match=r'expected .*\(8, 9\), got \(9, 8\)'):
        measure(np.ones((8, 9)), np.ones((9, 8)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('measure', ALL)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_a_gpu_gives_the_same(measure, dtype):
    pred, target = random_maps(3, 40, 30, dtype=dtype), random_fixations(3, 40, 30)
    pred[1] = 0.3
    pred[2, :5] = torch.nan
    value = measure(pred.cuda(), target.cuda())
    assert value.is_cuda
    torch.testing.assert_close(value.cpu(), measure(pred, target), equal_nan=True)


@given(grid_maps, grid_maps)
def test_cc_and_sim_are_symmetric_and_bounded(pred, density):
    for measure in (F.cc, F.sim):
        value = measure(pred, density)
        np.testing.assert_allclose(value, measure(density, pred), atol=1e-12)
        assert np.isnan(value) or -1 - 1e-12 <= value <= 1 + 1e-12
    similarity = F.sim(pred, density, minmax=False)
    np.testing.assert_allclose(similarity, F.sim(density, pred, minmax=False), atol=1e-12)
    assert -1e-12 <= similarity <= 1 + 1e-12


@given(grid_maps, grid_maps)
def test_arrays_and_tensors_agree(pred, target):
    leaves = torch.from_numpy(pred), torch.from_numpy(target)
    for measure in (F.cc, F.sim, F.nss, F.kl_div):
        for options in ({}, {'eps': 1e-3}):
            value = measure(*leaves, **options).numpy()
            np.testing.assert_allclose(
                measure(pred, target, **options), value, rtol=1e-9, atol=1e-12
            )
    np.testing.assert_allclose(F.sim(pred, target, minmax=False), F.sim(*leaves, minmax=False))
    for repeats in (False, True):
        counts = (8 * target).astype(int)
        np.testing.assert_allclose(
            F.nss(pred, counts, repeats=repeats),
            F.nss(leaves[0], torch.from_numpy(counts), repeats=repeats),
            rtol=1e-9,
            atol=1e-12,
        )


@given(grid_maps, grid_maps)
def test_cc_is_pearsons(pred, density):
    value = F.cc(pred, density)
    if np.ptp(pred) == 0 or np.ptp(density) == 0:
        assert np.isnan(value)
    else:
        np.testing.assert_allclose(
            value, np.corrcoef(pred.ravel(), density.ravel())[0, 1], atol=1e-9
        )


@given(grid_maps, grid_maps)
def test_kl_div_is_a_divergence(pred, density):
    assert np.isfinite(F.kl_div(pred, density))
    if density.any():
        assert F.kl_div(pred, density) >= -1e-9
        np.testing.assert_allclose(F.kl_div(density, density), 0, atol=1e-9)
    else:
        assert F.kl_div(pred, density) == 0


@pytest.mark.parametrize('convert', [np.asarray, torch.from_numpy])
def test_kl_div_of_maps_of_zeros(convert):
    density, zeros = np.array([[1.0, 3.0, 0.0]]), np.zeros((1, 3))
    share = density[density > 0] / 4
    expected = (share * np.log(share * 2.0**52)).sum()
    assert F.kl_div(convert(zeros), convert(density)).item() == pytest.approx(expected)
    assert F.kl_div(convert(density), convert(zeros)) == 0
    # A NaN shows even where no density asks for it.
    assert np.isnan(F.kl_div(convert(np.full((1, 3), np.nan)), convert(zeros)).item())


def test_kl_div_is_not_symmetric_and_in_nats():
    density, pred = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 3.0]])
    torch.testing.assert_close(F.kl_div(pred, density), torch.tensor(4.0).log())
    assert F.kl_div(density, pred) > 20
    assert F.kl_div(density, pred, eps=1e-3) < 6


def test_sim_with_and_without_minmax():
    pred, density = torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 0.0]])
    assert F.sim(pred, density).item() == 0
    torch.testing.assert_close(F.sim(pred, density, minmax=False), torch.tensor(0.25))
    torch.testing.assert_close(F.sim(pred, density, minmax=False, eps=1.0), torch.tensor(0.2))
    density = torch.tensor([[0.0, 3.0]])
    torch.testing.assert_close(F.sim(pred, density, eps=1.0), torch.tensor(2 / 3))


@given(grid_maps, grid_maps)
def test_nss_is_the_mean_z_score(pred, fixations):
    fixated = fixations > 0.5
    for ddof in (0, 1):
        value = F.nss(pred, fixated, ddof=ddof)
        if not fixated.any() or np.ptp(pred) == 0:
            assert np.isnan(value)
        else:
            z_scored = (pred - pred.mean()) / pred.std(ddof=ddof)
            np.testing.assert_allclose(value, z_scored[fixated].mean(), atol=1e-9)


@given(grid_maps, arrays(np.int64, (5, 6), elements=st.integers(0, 3)))
def test_nss_of_repeated_fixations(pred, counts):
    value = F.nss(pred, counts, repeats=True)
    if not counts.any() or np.ptp(pred) == 0:
        assert np.isnan(value)
    else:
        z_scored = (pred - pred.mean()) / pred.std(ddof=1)
        np.testing.assert_allclose(value, np.repeat(z_scored, counts.ravel()).mean(), atol=1e-9)


@pytest.mark.parametrize('convert', [np.asarray, torch.from_numpy])
def test_the_eps_of_nss_is_added_to_the_deviation(convert):
    pred, fixations = convert(np.array([[0.0, 2.0, 4.0]])), convert(np.array([[0, 0, 1]]))
    assert F.nss(pred, fixations).item() == pytest.approx(1)
    assert F.nss(pred, fixations, eps=6.0).item() == pytest.approx(2 / 8)
    assert F.nss(pred, fixations, ddof=0).item() == pytest.approx(1.5**0.5)


@pytest.mark.parametrize('measure', [F.nss, F.auc_judd, F.auc_borji])
def test_a_fixated_pixel_counts_once(measure):
    pred, fixations = random_maps(8, 9), random_fixations(8, 9)
    for factor in (255.0, 1e-3):
        assert measure(pred, fixations * factor) == measure(pred, fixations)


# 0.3 is no binary fraction, so its mean is off by a rounding error and its std is not 0.
@pytest.mark.parametrize('value', [0.0, 0.3, 0.5, 1e-30])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_constant_predictions(value, dtype):
    pred = torch.full((37, 41), value, dtype=dtype)
    density, fixations = random_maps(37, 41, dtype=dtype), random_fixations(37, 41)
    for score in (F.cc(pred, density), F.cc(density, pred), F.nss(pred, fixations)):
        assert score.isnan()
    for score in (F.sim(pred, density), F.sim(density, pred)):
        assert score == 0 if value == 0 else score.isnan()
    for measure, target in ((F.cc, density), (F.sim, density), (F.nss, fixations)):
        assert abs(measure(pred, target, eps=1e-7)) < 1e-6
        assert abs(measure(pred.numpy(), target.numpy(), eps=1e-7)) < 1e-6
    for score in (F.cc(pred.numpy(), density.numpy()), F.nss(pred.numpy(), fixations.numpy())):
        assert np.isnan(score)
    score = F.sim(pred.numpy(), density.numpy())
    assert score == 0 if value == 0 else np.isnan(score)


@pytest.mark.parametrize('measure', [F.cc, F.kl_div, F.sim, F.nss, information_gain])
def test_a_nan_shows(measure):
    pred, target = random_maps(2, 8, 9), random_fixations(2, 8, 9)
    row, column = (~target[0]).nonzero()[0]
    pred[0, row, column] = torch.nan
    values = [measure(pred, target), measure(pred.numpy(), target.numpy())]
    if measure in (F.cc, F.sim, F.nss):
        values.append(measure(pred, target, eps=1e-6))
    for value in values:
        assert np.isnan(np.asarray(value)).tolist() == [True, False]


@pytest.mark.parametrize('measure', [F.cc, F.sim, F.nss])
def test_an_eps_makes_every_gradient_finite(measure):
    for dtype in (torch.float32, torch.float64):
        zeros, third = torch.zeros(12, 11, dtype=dtype), torch.full((12, 11), 0.3, dtype=dtype)
        maps = random_maps(12, 11, dtype=dtype)
        for pred in (zeros, third, maps):
            for target in (maps > 0.8, zeros + 1, maps if measure is F.nss else zeros):
                leaf = pred.clone().requires_grad_()
                value = measure(leaf, target, eps=1e-6)
                value.backward()
                assert value.isfinite() and leaf.grad.isfinite().all()


def test_cc_of_maps_that_sum_to_one():
    # In float32 the product of such variances underflows.
    pred, density = random_maps(300, 400), random_maps(300, 400).square()
    expected = F.cc(pred, density)
    tiny = F.cc((pred / pred.sum() * 1e-18).float(), (density / density.sum() * 1e-18).float())
    torch.testing.assert_close(tiny.double(), expected, atol=1e-5, rtol=0)


@settings(max_examples=30)
@given(grid_maps, grid_maps)
def test_cc_ignores_offsets(pred, density):
    shifted = F.cc(pred * 3 + 5, density)
    np.testing.assert_allclose(shifted, F.cc(pred, density), atol=1e-9)
