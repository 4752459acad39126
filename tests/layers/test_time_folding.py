import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import StdConv2d
from torch import nn

from salkit.layers import faster_convolutions, time_folding
from salkit.layers.time_folding import TimeFoldedConv
from salkit.layers.winograd import WinogradConv2d


@settings(max_examples=25, deadline=None)
@given(
    steps=st.integers(1, 4),
    groups_of_steps=st.integers(1, 3),
    over=st.integers(0, 3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.sampled_from([1, 3]),
    bias=st.booleans(),
    last=st.booleans(),
)
def test_folded_convolutions_give_the_same(steps, groups_of_steps, over, size, kernel, bias, last):
    conv = nn.Conv3d(
        3,
        4,
        (steps, kernel, kernel),
        (steps, 1, 1),
        (0, kernel // 2, kernel // 2),
        bias=bias,
        dtype=torch.float64,
    ).requires_grad_(False)
    length = steps * groups_of_steps + over % steps
    feature = torch.randn(2, 3, length, *size, dtype=torch.float64)
    if last:
        feature = feature.contiguous(memory_format=torch.channels_last_3d)
    expected = conv(feature)
    assert TimeFoldedConv.fits(conv)
    folded = TimeFoldedConv(conv, winograd=True)(feature)
    torch.testing.assert_close(folded, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize('winograd', [True, False])
def test_each_convolution_is_replaced_by_its_kind(winograd, monkeypatch):
    monkeypatch.setattr(time_folding, '_MANY_CHANNELS', 32)
    small = nn.Conv2d(4, 7, 3, padding=1, bias=False)
    module = nn.ModuleDict(
        dict(
            folded=nn.Conv3d(4, 4, (2, 3, 3), (2, 1, 1), (0, 1, 1), bias=False),
            overlapping=nn.Conv3d(4, 4, (3, 1, 1), (2, 1, 1), (1, 0, 0)),
            grouped=nn.Conv3d(4, 4, (2, 3, 3), (2, 1, 1), (0, 1, 1), groups=4),
            many=nn.Conv2d(4, 8, 3, padding=1, bias=False),
            biased=nn.Conv2d(4, 8, 3, padding=1),
            strided=nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False),
            depthwise=nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
            mirrored=nn.Conv2d(4, 8, 3, padding=1, bias=False, padding_mode='reflect'),
            point=nn.Conv2d(4, 8, 1),
            small=small,
        )
    ).double()
    faster = copy.deepcopy(module)
    faster_convolutions(faster, winograd)
    assert isinstance(faster['folded'], TimeFoldedConv)
    for name in ('overlapping', 'grouped'):
        assert isinstance(faster[name], nn.Conv3d)
    assert isinstance(faster['many'], WinogradConv2d) == winograd
    assert isinstance(faster['folded'].conv, WinogradConv2d) == winograd
    for name in ('biased', 'strided', 'depthwise', 'mirrored', 'small'):
        assert isinstance(faster[name], nn.Conv2d)
    with torch.no_grad():
        for name, conv in module.items():
            space = (4, 5, 6) if isinstance(conv, nn.Conv3d) else (5, 6)
            feature = torch.randn(2, conv.in_channels, *space, dtype=torch.float64)
            expected = conv(feature)
            torch.testing.assert_close(faster[name](feature), expected, atol=1e-12, rtol=0)


def test_too_few_steps_are_refused():
    conv = nn.Conv3d(3, 4, (2, 1, 1), (2, 1, 1))
    with pytest.raises(RuntimeError):
        TimeFoldedConv(conv, winograd=False)(torch.zeros(1, 3, 1, 4, 4))


def test_convolutions_that_compute_something_else_stay():
    class Doubled3d(nn.Conv3d):
        def forward(self, feature):
            return 2 * super().forward(feature)

    module = nn.ModuleDict(
        dict(
            standardized=StdConv2d(4, 8, 1, bias=True),
            standardized_too=StdConv2d(4, 8, 3, padding=1),
            doubled=Doubled3d(4, 4, (2, 1, 1), (2, 1, 1)),
            hooked=nn.Conv2d(4, 8, 1),
            hooked_before=nn.Conv3d(4, 4, (2, 1, 1), (2, 1, 1)),
        )
    ).eval()
    module['hooked'].register_forward_hook(lambda _, args, output: 2 * output)
    module['hooked_before'].register_forward_pre_hook(lambda _, args: (2 * args[0],))
    faster = copy.deepcopy(module)
    faster_convolutions(faster, winograd=True)
    with torch.no_grad():
        for name, conv in module.items():
            space = (4, 5, 6) if isinstance(conv, nn.Conv3d) else (5, 6)
            feature = torch.randn(2, 4, *space)
            torch.testing.assert_close(faster[name](feature), conv(feature), atol=0, rtol=0)
