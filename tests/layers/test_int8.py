"""Linear layers in 8-bit integers, against the arithmetic that they stand for."""

import pytest
import torch
from torch import nn

from salkit.errors import ConfigError
from salkit.layers import Int8Linear, int8


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_it_is_a_linear_layer_of_rounded_numbers(bias, dtype):
    torch.manual_seed(0)
    linear = nn.Linear(40, 24, bias=bias)
    with torch.no_grad():
        # A channel a hundred times the others has a scale of its own, one of zeros divides nothing.
        linear.weight[3] *= 100
        linear.weight[5] = 0
    inputs = torch.randn(2, 7, 40).to(dtype)
    found = Int8Linear(linear)(inputs)
    assert found.shape == (2, 7, 24) and found.dtype == torch.float32
    weight = linear.weight.detach().double()
    scales = weight.abs().amax(1, keepdim=True).clamp_min(1e-30) / 127
    rounded = (weight / scales).round() * scales
    offset = 0 if linear.bias is None else linear.bias.detach().double()
    exact = inputs.double() @ rounded.T + offset
    # An input is rounded by half a step at most; 7 bits have steps of range / 127.
    step = (inputs.amax().clamp_min(0) - inputs.amin().clamp_max(0)).double() / 127
    assert ((found - exact).abs() <= (step * rounded.abs().sum(1) + 1e-4)).all()
    # Whatever else is in the batch.
    others = torch.cat([inputs[:1], 1000 * inputs])
    torch.testing.assert_close(Int8Linear(linear)(others)[:1], found[:1], rtol=0, atol=0)
    assert not torch.equal(found.double(), exact)
    layer = Int8Linear(linear)
    torch.testing.assert_close(layer.weight.double(), rounded, atol=1e-4, rtol=1e-6)
    assert (layer.bias is None) == (linear.bias is None)
    assert linear.bias is None or torch.equal(layer.bias, linear.bias)


def test_a_pytorch_without_the_operators_is_told(monkeypatch):
    monkeypatch.delattr(int8.torch, 'quantize_per_channel')
    with pytest.raises(ConfigError, match=r'precision int8: PyTorch .* expected exact or bf16'):
        Int8Linear(nn.Linear(4, 4))
