"""Convolutions over time and space whose time steps do not overlap, as convolutions of images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from mmcv.cnn.bricks import wrappers
from torch import Tensor, nn

from .winograd import WinogradConv2d

# Products of input and output channels from which Winograd's way is the faster one.
_MANY_CHANNELS = 256 * 256
# Other classes made from PyTorch's compute something else.
_PLAIN = (nn.Conv2d, nn.Conv3d, wrappers.Conv2d, wrappers.Conv3d)


class _PointwiseConv2d(nn.Module):
    """A 1 x 1 convolution as a product of matrices."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.detach().flatten(1), requires_grad=False)
        self.bias = conv.bias

    def forward(self, image: Tensor) -> Tensor:
        image = F.linear(rearrange(image, 'b c h w -> b h w c'), self.weight, self.bias)
        return rearrange(image, 'b h w c -> b c h w')


def _faster_conv2d(conv: nn.Conv2d, winograd: bool) -> nn.Module:
    """The same convolution, whose output has its channels last in memory."""
    shape = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups)
    if shape == ((1, 1), (1, 1), (0, 0), (1, 1), 1):
        return _PointwiseConv2d(conv)
    if (
        winograd
        and shape == ((3, 3), (1, 1), (1, 1), (1, 1), 1)
        and conv.padding_mode == 'zeros'
        and conv.bias is None
        and conv.in_channels * conv.out_channels >= _MANY_CHANNELS
    ):
        return WinogradConv2d(conv)
    return conv.to(memory_format=torch.channels_last)


class TimeFoldedConv(nn.Module):
    """A 3D convolution with stride = kernel along time, as a 2D one of k times the channels.

    In memory, channels lie last in what it gives.

    Args:
        conv: such a convolution.
        winograd: see `faster_convolutions`.
    """

    def __init__(self, conv: nn.Conv3d, winograd: bool) -> None:
        super().__init__()
        assert not isinstance(conv.padding, str)
        self.steps, *kernel = conv.kernel_size
        folded = nn.Conv2d(
            self.steps * conv.in_channels,
            conv.out_channels,
            (kernel[0], kernel[1]),
            (conv.stride[1], conv.stride[2]),
            (conv.padding[1], conv.padding[2]),
            bias=False,
            device='meta',
        )
        weight = rearrange(conv.weight.detach(), 'o c k i j -> o (k c) i j')
        folded.weight = nn.Parameter(weight, requires_grad=False)
        folded.bias = conv.bias
        self.conv = _faster_conv2d(folded, winograd)

    def forward(self, feature: Tensor) -> Tensor:
        """Map (B, C, t, H, W) to (B, C_out, t / k, H', W')."""
        # Steps that fill no kernel go, as a convolution leaves them out; too few fail as there.
        steps = feature.shape[2] // self.steps * self.steps or self.steps
        images = rearrange(feature[:, :, :steps], 'b c (t k) h w -> (b t) h w (k c)', k=self.steps)
        images = self.conv(images.contiguous().permute(0, 3, 1, 2))
        return rearrange(images, '(b t) c h w -> b c t h w', b=feature.shape[0])

    @staticmethod
    def fits(conv: nn.Conv3d) -> bool:
        """Whether `conv` is of the kind that can be folded."""
        return (
            conv.stride[0] == conv.kernel_size[0]
            and conv.padding[0] == 0
            and conv.groups == 1
            and conv.dilation == (1, 1, 1)
            and conv.padding_mode == 'zeros'
        )


def faster_convolutions(module: nn.Module, winograd: bool) -> None:
    """Replace the convolutions of `module` by faster ones, for prediction on a CPU.

    Those that compute something else (with standardized weights, say) and those with hooks stay.

    Args:
        module: changed in place, its weights with it; in evaluation mode.
        winograd: by `WinogradConv2d` where channels are many, which rounds more and takes 4 times
            the memory of the weights; for float32 alone.
    """
    for parent in list(module.modules()):
        for name, conv in list(parent.named_children()):
            if type(conv) not in _PLAIN or conv._forward_hooks or conv._forward_pre_hooks:
                continue
            if isinstance(conv, nn.Conv3d) and TimeFoldedConv.fits(conv):
                setattr(parent, name, TimeFoldedConv(conv, winograd))
            elif isinstance(conv, nn.Conv2d):
                setattr(parent, name, _faster_conv2d(conv, winograd))
