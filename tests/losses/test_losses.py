"""The losses: their values are the measures', and nothing they meet in training makes them NaN."""

import pytest
import torch

from salkit import functional
from salkit.errors import DataError, ShapeError
from salkit.losses import CCLoss, KLLoss, NSSLoss, SaliencyLoss, SIMLoss
from salkit.registry import LOSSES
from salkit.types import Targets

ALL = [CCLoss, KLLoss, SIMLoss, NSSLoss]
SHAPE = (3, 14, 17)


def random_maps(seed, dtype=torch.float64):
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.fixture
def targets():
    return Targets(
        density_map=random_maps(1).square(), fixation_map=(random_maps(2) > 0.9).double()
    )


def measured(loss, saliency_map, targets):
    density, fixations = targets.density_map, targets.fixation_map
    return {
        CCLoss: lambda: -functional.cc(saliency_map, density),
        KLLoss: lambda: functional.kl_div(saliency_map, density),
        SIMLoss: lambda: -functional.sim(saliency_map, density),
        NSSLoss: lambda: -functional.nss(saliency_map, fixations),
    }[loss]()


@pytest.mark.parametrize('loss', ALL)
def test_the_value_is_the_weighted_mean_of_the_measure(loss, targets):
    saliency_map = random_maps(0)
    value = loss()(saliency_map, targets)
    assert value.shape == ()
    expected = measured(loss, saliency_map, targets).mean()
    torch.testing.assert_close(value, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(loss(weight=-2.5)(saliency_map, targets), -2.5 * value)


@pytest.mark.parametrize('loss', ALL)
def test_the_eps_shifts_no_ordinary_value(loss):
    # Smooth maps of the size and contrast that training sees, and a density map that sums to 1.
    y, x = torch.meshgrid(torch.linspace(-1, 1, 112), torch.linspace(-1, 1, 112), indexing='ij')
    density = torch.exp(-((x - 0.2) ** 2 + (y + 0.1) ** 2) / 0.05)[None].double()
    saliency_map = 0.1 + 0.5 * torch.exp(-(x**2 + y**2) / 0.2)[None].double()
    fixations = (density > 0.95).double()
    for scale in (1.0, 1 / density.sum()):
        targets = Targets(density_map=density * scale, fixation_map=fixations)
        value = loss()(saliency_map, targets)
        expected = measured(loss, saliency_map, targets).mean()
        torch.testing.assert_close(value, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize('loss', ALL)
def test_gradients(loss, targets):
    saliency_map = (0.1 + 0.8 * random_maps(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda maps: loss(weight=0.7)(maps, targets), saliency_map)


@pytest.mark.parametrize('loss', ALL)
def test_a_step_downhill_improves_the_map(loss, targets):
    saliency_map = random_maps(0).requires_grad_()
    before = loss()(saliency_map, targets)
    before.backward()
    step = 1e-3 * saliency_map.grad / saliency_map.grad.abs().max()
    assert loss()(saliency_map.detach() - step, targets) < before


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('loss', ALL)
def test_finite_on_degenerate_maps(loss, dtype):
    maps = {
        'zeros': torch.zeros(SHAPE, dtype=dtype),
        'ones': torch.ones(SHAPE, dtype=dtype),
        'a third': torch.full(SHAPE, 0.3, dtype=dtype),
        'nearly constant': 0.3 + 1e-7 * random_maps(0, dtype),
        'random': random_maps(0, dtype),
        'with zeros': random_maps(0, dtype) * (random_maps(3, dtype) > 0.5),
        'one pixel': torch.zeros(SHAPE, dtype=dtype).index_fill_(2, torch.tensor([4]), 1),
    }
    for pred_name, pred in maps.items():
        for target_name, target in maps.items():
            leaf = pred.clone().requires_grad_()
            value = loss()(leaf, Targets(density_map=target, fixation_map=target))
            value.backward()
            assert value.isfinite(), (pred_name, target_name)
            assert leaf.grad.isfinite().all(), (pred_name, target_name)


@pytest.mark.parametrize('loss', [CCLoss, SIMLoss, NSSLoss])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_constant_predictions_score_nothing(loss, dtype, targets):
    constant = torch.full(SHAPE, 0.3, dtype=dtype)
    assert loss()(constant, targets).abs() < 1e-5


def test_items_without_fixations_add_nothing(targets):
    saliency_map = random_maps(0).requires_grad_()
    targets.fixation_map[1] = 0
    value = NSSLoss()(saliency_map, targets)
    kept = [0, 2]
    alone = NSSLoss()(saliency_map[kept], Targets(fixation_map=targets.fixation_map[kept]))
    torch.testing.assert_close(value, alone)
    value.backward()
    assert saliency_map.grad[1].eq(0).all() and saliency_map.grad[0].ne(0).any()


def test_a_batch_without_fixations_gives_zero():
    saliency_map = random_maps(0).requires_grad_()
    value = NSSLoss()(saliency_map, Targets(fixation_map=torch.zeros(SHAPE)))
    value.backward()
    assert value == 0
    assert saliency_map.grad.eq(0).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('loss', ALL)
def test_half_precision_is_computed_in_float32(loss, dtype, targets):
    targets = Targets(targets.density_map.float(), targets.fixation_map.float())
    saliency_map = random_maps(0).to(dtype).requires_grad_()
    expected = loss()(saliency_map.detach().float(), targets)
    with torch.autocast('cpu', torch.bfloat16):
        value = loss()(saliency_map, targets)
    assert value.dtype == torch.float32
    assert torch.equal(value, expected)
    value.backward()
    assert saliency_map.grad.isfinite().all()


@pytest.mark.parametrize('loss', ALL)
def test_a_missing_target_is_named(loss):
    with pytest.raises(DataError, match=f'{loss.__name__}: expected targets with a {loss.target}'):
        loss()(random_maps(0), Targets())


@pytest.mark.parametrize('loss', ALL)
def test_shapes_that_do_not_fit(loss):
    for shape in ((1, 14, 17), (3, 17, 14), (14, 17)):
        with pytest.raises(ShapeError, match=loss.target):
            maps = torch.rand(shape)
            loss()(random_maps(0), Targets(density_map=maps, fixation_map=maps))
    with pytest.raises(ShapeError, match=r'\(B, H, W\), got \(3, 1, 14, 17\)'):
        maps = torch.rand(3, 1, 14, 17)
        loss()(maps, Targets(density_map=maps, fixation_map=maps))


@pytest.mark.parametrize('loss', ALL)
def test_a_config_can_build_it(loss):
    built = LOSSES.build({'type': loss.__name__, 'weight': 0.5})
    assert type(built) is loss and isinstance(built, SaliencyLoss)
    assert built.weight == 0.5 and loss().weight == 1.0
    assert repr(built) == f'{loss.__name__}(weight=0.5)'
    assert not list(built.parameters())
