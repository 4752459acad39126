"""The decoder of SalFoM: branches that feed each other, then a fusion head."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..builder import build
from ..errors import ConfigError
from ..registry import DECODERS
from ..types import FeatureSpec
from .base import Branch, Decoder


@DECODERS.register_module()
class MultiBranchDecoder(Decoder):
    """Runs its branches in the order of the dict, each given the laterals of the one before.

    Args:
        in_specs: the encoder's features.
        clip_len: frames per clip.
        branches: configs by name; a branch set to None is left out.
        fusion: config of the head.

    Raises:
        ConfigError: no branch at all, or branches of different scale.
    """

    def __init__(
        self,
        in_specs: tuple[FeatureSpec, ...],
        clip_len: int,
        branches: dict[str, dict | None],
        fusion: dict,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleDict()
        laterals: tuple[FeatureSpec, ...] = ()
        for name, cfg in branches.items():
            if cfg is None:
                continue
            branch = build(
                DECODERS, cfg, Branch, in_specs=in_specs, clip_len=clip_len, lateral_specs=laterals
            )
            laterals = branch.lateral_specs
            self.branches[name] = branch
        if not self.branches:
            raise ConfigError('MultiBranchDecoder: every branch is None, at least one is needed')
        if len({branch.scale for branch in self.branches.values()}) > 1:
            scales = {name: branch.scale for name, branch in self.branches.items()}
            raise ConfigError(f'MultiBranchDecoder: branches differ in scale: {scales}')
        channels = {name: branch.out_channels for name, branch in self.branches.items()}
        self.fusion = build(DECODERS, fusion, in_channels=channels)

    def forward(self, features: tuple[Tensor, ...], out_size: tuple[int, int]) -> Tensor:
        """Decode features (B, C_i, t_i, h_i, w_i) into a saliency_map (B, *out_size) in [0, 1]."""
        maps, laterals = {}, ()
        for name, branch in self.branches.items():
            maps[name], laterals = branch(features, laterals)
        fused = self.fusion(maps)
        # Encoders whose patches are not 16 pixels wide end beside the wanted size.
        if tuple(fused.shape[-2:]) != tuple(out_size):
            fused = F.interpolate(fused, out_size, mode='bilinear', align_corners=False)
        return fused[:, 0]
