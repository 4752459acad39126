"""Linear layers as convolutions, against themselves."""

import pytest
import torch
from torch import nn

from salkit.layers import ConvolvedLinear, replace_linears


@pytest.mark.parametrize('shape', [(7,), (3, 7), (2, 3, 4, 7)])
@pytest.mark.parametrize('bias', [True, False])
def test_the_same_values(shape, bias):
    linear = nn.Linear(7, 5, bias=bias).double()
    inputs = torch.randn(shape, dtype=torch.float64)
    found = ConvolvedLinear(linear)(inputs)
    torch.testing.assert_close(found, linear(inputs), atol=1e-12, rtol=1e-12)
    # Whatever the memory looks like.
    turned = torch.randn(7, 6, dtype=torch.float64).T
    torch.testing.assert_close(
        ConvolvedLinear(linear)(turned), linear(turned), atol=1e-12, rtol=1e-12
    )


def test_linears_inside_are_replaced():
    model = nn.Sequential(nn.Linear(8, 8), nn.ModuleDict(dict(a=nn.Linear(8, 4))), nn.ReLU())
    assert replace_linears(model, ConvolvedLinear) == 2
    assert isinstance(model[0], ConvolvedLinear) and isinstance(model[1]['a'], ConvolvedLinear)
