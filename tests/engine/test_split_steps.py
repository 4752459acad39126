"""Steps whose clips are shared out to threads."""

import pytest
import torch
from mmengine.optim import OptimWrapper
from timm.layers import DropPath
from torch import nn
from torch.optim import SGD

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


@pytest.mark.parametrize('layer', [nn.BatchNorm2d(2), nn.Dropout(0.1), DropPath(0.1)])
def test_layers_that_see_the_whole_batch_have_it(layer):
    model = _model()
    batches = []
    model.register_forward_hook(lambda *given: batches.append(given))
    model.decoder.more = layer
    _trained(model, SplitSteps(2), synthetic_batch(2, 8, (32, 32)))
    assert len(batches) == 4
    layer.eval()
    _trained(model, SplitSteps(2), synthetic_batch(2, 8, (32, 32)))
    assert len(batches) == 4 + 8


def test_a_step_of_several_processes_stays_whole(monkeypatch):
    model = _model()
    monkeypatch.setattr('salkit.engine.split_steps.is_distributed', lambda: True)
    with SplitSteps(2).taken_by(model):
        assert model.take_step is None
