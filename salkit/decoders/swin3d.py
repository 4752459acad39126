"""Swin3D branch: the transformer modules of the paper, sec. 2.1."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from ..errors import ConfigError
from ..layers import TemporalWindowBlock, temporal_strides, upsample
from ..registry import DECODERS
from ..types import FeatureSpec
from ..utils.text import check_range
from .base import Branch, BranchOutput, scaled_width


class Swin3DStage(nn.Module):
    """Temporal patch embedding and `depth` video Swin blocks, every second one shifted."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        patch: int,
        window: int,
        depth: int,
        num_heads: int,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.patch_embed = nn.Conv3d(in_channels, channels, (patch, 1, 1), (patch, 1, 1))
        rates = torch.linspace(0, drop_path, depth, device='cpu').tolist()
        self.blocks = nn.ModuleList(
            TemporalWindowBlock(
                channels, window, shifted=i % 2 == 1, num_heads=num_heads, drop_path=rate
            )
            for i, rate in enumerate(rates)
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Map (B, C_in, t, h, w) to (B, C, t / patch, h, w), before any final norm."""
        feature = self.patch_embed(feature)
        batch, _, _, height, width = feature.shape
        tokens = rearrange(feature, 'b c t h w -> (b h w) t c')
        for block in self.blocks:
            tokens = block(tokens)
        return rearrange(tokens, '(b h w) t c -> b c t h w', b=batch, h=height, w=width)


@DECODERS.register_module()
class Swin3DBranch(Branch):
    """Long-range features by shifted-window transformers along time (the paper, sec. 2.1).

    Three stages take t to 8, 4 and 1 time steps; the window of each is its temporal stride. It
    hands over the outputs of the first two.

    Args:
        depth: blocks per stage, in all three (table 1).
        width: factor on the paper's channels (256, 64, 16).
        num_heads: attention heads of every block.
        drop_path: stochastic depth, linear from 0 over the blocks of a stage.
    """

    autocast_throughout = True

    def __init__(
        self,
        in_specs: tuple[FeatureSpec, ...],
        clip_len: int,
        lateral_specs: tuple[FeatureSpec, ...] = (),
        depth: int = 6,
        width: float = 1.0,
        num_heads: int = 8,
        drop_path: float = 0.2,
    ) -> None:
        super().__init__(in_specs, clip_len, lateral_specs)
        check_range('Swin3DBranch', 'depth', depth, 1)
        channels = [scaled_width(c, width) for c in (256, 64, 16)]
        if any(c % num_heads for c in channels):
            raise ConfigError(
                f'Swin3DBranch: num_heads must divide the channels {channels}, got {num_heads}'
            )
        strides = temporal_strides(self.in_length)
        inputs = [self.in_channels, *channels[:2]]
        self.stages = nn.ModuleList(
            Swin3DStage(c_in, c, stride, stride, depth, num_heads, drop_path)
            for c_in, c, stride in zip(inputs, channels, strides, strict=True)
        )
        first = self.in_length // strides[0]
        self.lateral_specs = (
            self.lateral_spec(channels[0], first, upsampled=1),
            self.lateral_spec(channels[1], first // strides[1], upsampled=4),
        )
        self.out_channels = channels[2]

    def forward(
        self, features: tuple[Tensor, ...], laterals: tuple[Tensor, ...] = ()
    ) -> BranchOutput:
        """Decode the deepest feature.

        Args:
            features: the last is (B, C, t, h, w).
            laterals: taken for the contract's sake; this branch adds none.

        Returns:
            `map_features` (B, 16, 16 h, 16 w) and two laterals, (B, 256, t -> 8, h, w) and
            (B, 64, -> 4, 4 h, 4 w), channels times `width`.
        """
        self.check_feature(features[-1])
        s1 = self.stages[0](features[-1])
        s2 = upsample(self.stages[1](s1), 4)
        s3 = upsample(self.stages[2](s2), 4)
        return BranchOutput(rearrange(s3, 'b c 1 h w -> b c h w'), (s1, s2))
