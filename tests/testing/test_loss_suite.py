import pytest
import torch
from run_suite import failures

from salkit.losses import KLLoss, NSSLoss, SaliencyLoss
from salkit.testing import LossSuite


class TestKLLoss(LossSuite):
    part = KLLoss


class TestNSSLoss(LossSuite):
    part = NSSLoss


class L1Loss(SaliencyLoss):
    """Nothing is wrong with it."""

    def value(self, saliency_map, target):
        return (saliency_map.to(target.dtype) - target).abs().mean()


class NoMean(L1Loss):
    def value(self, saliency_map, target):
        return (saliency_map - target).abs().mean((1, 2))


class Sum(L1Loss):
    def value(self, saliency_map, target):
        return (saliency_map - target).abs().sum()


class PrefersNoise(L1Loss):
    def value(self, saliency_map, target):
        return -super().value(saliency_map, target)


class Divides(L1Loss):
    def value(self, saliency_map, target):
        return super().value(saliency_map / saliency_map.std((1, 2), keepdim=True), target)


class BreaksGradients(L1Loss):
    def value(self, saliency_map, target):
        return super().value(saliency_map, target) + saliency_map.var((1, 2)).sqrt().mean()


class IgnoresWeight(L1Loss):
    def forward(self, saliency_map, targets):
        return super().forward(saliency_map, targets) / self.weight if self.weight else 0


class InHalf(L1Loss):
    def value(self, saliency_map, target):
        return (saliency_map - target.to(saliency_map.dtype)).abs().mean()


class InFloat(L1Loss):
    def value(self, saliency_map, target):
        return (saliency_map.float() - target.float()).abs().mean()


class Broadcasts(L1Loss):
    def forward(self, saliency_map, targets):
        return self.weight * self.value(saliency_map, targets.density_map)


class Cuts(L1Loss):
    def value(self, saliency_map, target):
        return super().value(saliency_map.detach(), target)


class WeighsByPlace(L1Loss):
    def value(self, saliency_map, target):
        each = (saliency_map - target).abs().mean((1, 2))
        return (each * torch.arange(1, len(each) + 1)).mean()


def suite_of(part):
    return type('TestWrong', (LossSuite,), dict(part=part, smoke={}))


def test_a_sound_loss_passes(tmp_path):
    assert failures(suite_of(L1Loss), tmp_path) == {}


@pytest.mark.parametrize(
    ('part', 'check', 'message'),
    [
        (NoMean, 'test_scalar', 'gives (4,), expected a scalar'),
        (Sum, 'test_mean_over_the_batch', 'value of a batch that holds all twice'),
        (PrefersNoise, 'test_better_predictions_cost_less', 'for the ground truth'),
        (Divides, 'test_finite', 'gives inf on constant predictions'),
        (BreaksGradients, 'test_finite', 'gradients that are not finite on constant predictions'),
        (IgnoresWeight, 'test_weight_is_a_factor', 'value with weight=2.5'),
        (InHalf, 'test_precision', 'gives torch.float16 for torch.flo'),
        (InFloat, 'test_precision', 'gives torch.float32 for torch.float64'),
        (Broadcasts, 'test_refuses_other_shapes', 'takes predictions (B, 1, H, W) without'),
        (Broadcasts, 'test_refuses_targets_without_its_map', 'expected DataError'),
        (Cuts, 'test_scalar', 'a value without gradients'),
        (WeighsByPlace, 'test_mean_over_the_batch', 'value of a shuffled batch'),
    ],
)
def test_a_fault_fails_its_check(part, check, message, tmp_path):
    said = failures(suite_of(part), tmp_path, only=[check])
    assert message in said[check] and said[check].startswith(f'{part.__name__}: ')
