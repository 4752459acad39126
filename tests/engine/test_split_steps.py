"""Steps whose clips are shared out to threads."""

import copy
from functools import partial

import pytest
import torch
from mmengine.optim import OptimWrapper
from timm.layers import DropPath
from torch import nn
from torch.optim import SGD
from torchvision.ops import StochasticDepth

from salkit.builder import build
from salkit.config import load_config
from salkit.engine.building import use_cpu_layout
from salkit.engine.split_steps import SplitSteps
from salkit.engine.step_benchmark import synthetic_batch
from salkit.models import SaliencyModel
from salkit.registry import MODELS


def _model() -> SaliencyModel:
    torch.manual_seed(0)
    cfg = load_config('demo/umt-tiny_cc-kl').model
    cfg.encoder.arch = dict(embed_dim=16, depth=2, num_heads=2)
    return build(MODELS, cfg).double().train()


def _trained(model: SaliencyModel, steps: SplitSteps, batch: dict) -> dict[str, torch.Tensor]:
    """The outputs of the last of two steps that two batches are accumulated for."""
    wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1), accumulative_counts=2)
    with steps.taken_by(model):
        return [model.train_step(batch, wrapper) for _ in range(4)][-1]


@pytest.mark.parametrize(('parts', 'clips'), [(2, 5), (3, 2)])
def test_parts_train_as_the_whole_does(parts, clips):
    batch = synthetic_batch(clips, 8, (32, 32))
    whole, split = _model(), _model()
    use_cpu_layout(split)
    expected = _trained(whole, SplitSteps(1), batch)
    outputs = _trained(split, SplitSteps(parts), batch)
    assert list(outputs) == list(expected)
    for name, value in expected.items():
        assert outputs[name].item() == pytest.approx(value.item(), abs=1e-12)
    for (name, weight), other in zip(whole.named_parameters(), split.parameters(), strict=True):
        torch.testing.assert_close(other, weight, atol=1e-10, rtol=0, msg=name)


def _behind(model: SaliencyModel, layer: nn.Module) -> list:
    """Have a layer see the encoder's tokens; gives the batches of the forward passes."""
    batches: list = []
    model.register_forward_hook(lambda *given: batches.append(given))
    model.encoder.blocks[-1].more = layer
    model.encoder.blocks[-1].register_forward_hook(lambda _, __, tokens: layer(tokens))
    return batches


class _Attention(nn.MultiheadAttention):
    def forward(self, tokens):
        return super().forward(tokens, tokens, tokens)[0]


class _Norm(nn.BatchNorm1d):
    def forward(self, tokens):
        return super().forward(tokens.mT).mT


@pytest.mark.parametrize(
    'make',
    [
        partial(nn.Dropout, 0.1),
        partial(DropPath, 0.1),
        partial(StochasticDepth, 0.1, 'row'),
        partial(_Attention, 16, 2, dropout=0.1, batch_first=True),
    ],
)
def test_layers_that_draw_take_whole_steps(make):
    batch = synthetic_batch(2, 8, (32, 32))
    found = []
    for parts in (1, 2):
        model = _model()
        batches = _behind(model, make().double())
        torch.manual_seed(0)
        found.append(_trained(model, SplitSteps(parts), batch)['loss'].item())
    # As those that were never split, after the one that was.
    assert found[0] == found[1] and len(batches) == 2 + 4
    model.encoder.blocks[-1].more.eval()
    _trained(model, SplitSteps(2), batch)
    assert len(batches) == 2 + 4 + 8


def test_batch_norms_see_the_whole_batch():
    model = _model()
    batches = _behind(model, _Norm(16).double())
    _trained(model, SplitSteps(2), synthetic_batch(2, 8, (32, 32)))
    assert len(batches) == 4


def test_copies_of_a_model_within_its_training_take_their_own_steps():
    model = _model()
    with SplitSteps(2).taken_by(model):
        assert model.take_step is not None
        assert copy.deepcopy(model).take_step is None


def test_only_weights_of_convolutions_are_laid_out_anew():
    model = nn.Sequential(nn.Conv2d(2, 2, 3), nn.ConvTranspose3d(2, 2, 3))
    model.register_parameter('position', nn.Parameter(torch.rand(1, 2, 2, 3, 3)))
    use_cpu_layout(model)
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model[1].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert model.position.is_contiguous()


def test_a_step_of_several_processes_stays_whole(monkeypatch):
    model = _model()
    monkeypatch.setattr('salkit.engine.split_steps.is_distributed', lambda: True)
    with SplitSteps(2).taken_by(model):
        assert model.take_step is None
