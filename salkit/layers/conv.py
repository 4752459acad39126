"""Convolution + ReLU and up-sampling, the two building blocks of the CNN branches."""

import torch.nn.functional as F
from einops import rearrange
from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from torch import Tensor, nn


def conv_relu(
    dims: int,
    in_channels: int,
    out_channels: int,
    kernel: int | tuple[int, ...],
    *,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    bias: bool = False,
    separable: bool = False,
) -> nn.Module:
    """A convolution over `dims` axes (2 or 3) followed by a ReLU.

    Args:
        separable: depth-wise convolution of the same kernel, stride and padding, then a point-wise
            one (Xie et al. 2018), with no activation between them.
    """
    common = dict(
        stride=stride,
        padding=padding,
        bias=bias,
        conv_cfg=dict(type=f'Conv{dims}d'),
        act_cfg=dict(type='ReLU'),
    )
    if separable:
        return DepthwiseSeparableConvModule(
            in_channels, out_channels, kernel, dw_act_cfg=None, **common
        )
    return ConvModule(in_channels, out_channels, kernel, **common)


def upsample(feature: Tensor, factor: int) -> Tensor:
    """Enlarge rows and columns of (B, C, [t,] H, W) linearly; the time axis is not touched."""
    if factor == 1:
        return feature
    batch = feature.shape[0]
    if feature.ndim == 5:
        return rearrange(
            upsample(rearrange(feature, 'b c t h w -> (b t) c h w'), factor),
            '(b t) c h w -> b c t h w',
            b=batch,
        )
    return F.interpolate(feature, scale_factor=factor, mode='bilinear', align_corners=False)
