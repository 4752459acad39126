import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from salkit.layers.winograd import WinogradConv2d


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    channels=st.integers(1, 40),
    out_channels=st.integers(1, 5),
    batch=st.integers(1, 3),
    last=st.booleans(),
)
def test_it_is_the_convolution(height, width, channels, out_channels, batch, last):
    conv = nn.Conv2d(channels, out_channels, 3, padding=1, bias=False).requires_grad_(False)
    image = torch.randn(batch, channels, height, width)
    if last:
        image = image.contiguous(memory_format=torch.channels_last)
    exact = F.conv2d(image.double(), conv.weight.double(), padding=1)
    # The largest value that an output could have: what the rounding of its sum scales with.
    scale = float(conv.weight.abs().sum((1, 2, 3)).max() * image.abs().max())
    found = WinogradConv2d(conv)(image)
    assert found.shape == exact.shape and found.dtype == torch.float32
    assert (found - exact).abs().max() < 1e-5 * scale
    found = WinogradConv2d(conv.double())(image.double())
    assert (found - exact).abs().max() < 1e-13 * scale


@pytest.mark.parametrize('size', [(14, 14), (12, 20), (7, 9)])
def test_many_channels_round_no_more(size):
    conv = nn.Conv2d(512, 32, 3, padding=1, bias=False).requires_grad_(False)
    image = torch.randn(2, 512, *size).relu()
    exact = F.conv2d(image.double(), conv.weight.double(), padding=1)
    found = WinogradConv2d(conv)(image)
    assert (found - exact).abs().max() < 1e-5 * exact.abs().max()
