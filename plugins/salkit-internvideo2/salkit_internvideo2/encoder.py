"""InternVideo2 video encoders, written for PyTorch alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from timm.layers import trunc_normal_
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from salkit.encoders.base import Encoder
from salkit.errors import ConfigError
from salkit.types import AdaptedWeights, FeatureSpec

from .layers import Block, position_table
from .weights import adapt

PATCH = 14
# Positions are kept for 224 x 224 pixels, as published.
TABLE_HW = (16, 16)
ARCHITECTURES = {
    's': dict(embed_dim=384, depth=12, num_heads=6),
    'b': dict(embed_dim=768, depth=12, num_heads=12),
    'l': dict(embed_dim=1024, depth=24, num_heads=16),
    '1b': dict(embed_dim=1408, depth=40, num_heads=16, mlp_ratio=48 / 11),
    '6b': dict(embed_dim=3200, depth=48, num_heads=25),
}


class InternVideo2Encoder(Encoder):
    """InternVideo2's vision transformer without its pooling and heads (Wang et al. 2024).

    The features are the tokens after the chosen blocks as they are, with no final norm. The class
    token takes part in the attention, as in pre-training, and is left out of the features.

    The positions are learned; they start from the sine-cosine table and are kept for 16 x 16
    patches. Other sizes resize them bicubically in every forward pass, as the authors do once when
    they load a file.

    Args:
        arch: 's', 'b', 'l' (the distilled ones), '1b', '6b', or a dict of `embed_dim` (a multiple
            of 16), `depth`, `num_heads` and, where it is not 4, `mlp_ratio`.
        clip_len: frames per clip; published files are for 4, 8 and 16, any other resizes their
            positions.
        out_indices: numbers of the blocks whose tokens are returned, counted from 0, ascending;
            blocks after the last of them are not built. None returns the last block's.
        depth: keep only the first `depth` blocks; None for all.
        frozen_stages: -1 trains everything, 0 freezes the patch embedding, class token and
            positions, k > 0 also the first k blocks. Frozen blocks run in evaluation mode.
        drop_path: largest stochastic depth rate, growing linearly over the blocks.
        activation_checkpointing: recompute each block in the backward pass to save memory.
        tubelet_size: frames per token; 1 in all published files. Divides `clip_len`.
        layer_scale: initial LayerScale; 1e-5 is published. Random weights learn sooner with more.
        pretrained: file or address of published weights that training starts from, as
            `salkit.checkpoints.locate` takes it (`hf://OWNER/REPO/FILE`).

    Raises:
        ConfigError: an architecture that does not exist, or a number out of range.
    """

    size_divisor = PATCH

    def __init__(
        self,
        arch: str | dict = '1b',
        clip_len: int = 8,
        out_indices: Sequence[int] | None = None,
        depth: int | None = None,
        frozen_stages: int = -1,
        drop_path: float = 0.0,
        activation_checkpointing: bool = False,
        tubelet_size: int = 1,
        layer_scale: float = 1e-5,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        dim, full_depth, num_heads, mlp_ratio = self._settings(arch)
        depth = full_depth if depth is None else depth
        self._check(1 <= depth <= full_depth, f'depth must be 1 to {full_depth}', depth)
        if out_indices is None:
            out_indices = [depth - 1]
        out_indices = list(out_indices)
        in_range = out_indices and all(0 <= index < depth for index in out_indices)
        self._check(
            in_range and out_indices == sorted(set(out_indices)),
            f'out_indices must ascend from at least 0 to at most {depth - 1}',
            out_indices,
        )
        depth = out_indices[-1] + 1
        self._check(
            -1 <= frozen_stages <= depth, f'frozen_stages must be -1 to {depth}', frozen_stages
        )
        self._check(
            tubelet_size >= 1 and clip_len >= 1 and clip_len % tubelet_size == 0,
            'clip_len must be a multiple of tubelet_size, both at least 1',
            f'{clip_len} and {tubelet_size}',
        )
        self.clip_len = clip_len
        self.out_indices = tuple(out_indices)
        self.features = (FeatureSpec(dim, (tubelet_size, PATCH, PATCH)),) * len(out_indices)
        self.frozen_stages = frozen_stages
        self.activation_checkpointing = activation_checkpointing
        self.tubelet_size = tubelet_size
        self.pretrained = pretrained
        self.table_thw = (clip_len // tubelet_size, *TABLE_HW)

        kernel = (tubelet_size, PATCH, PATCH)
        self.patches = nn.Conv3d(3, dim, kernel, kernel)
        self.cls_token = nn.Parameter(torch.empty(1, 1, dim))
        self.positions = nn.Parameter(torch.empty(1, 1 + math.prod(self.table_thw), dim))
        rates = torch.linspace(0, drop_path, depth, device='cpu').tolist()
        hidden = round(dim * mlp_ratio)
        self.layers = nn.ModuleList(
            Block(dim, num_heads, hidden, layer_scale, rate) for rate in rates
        )
        self._init_parameters()
        self._freeze_stages()

    @staticmethod
    def _check(fine: bool, expected: str, got: object) -> None:
        if not fine:
            raise ConfigError(f'InternVideo2Encoder: {expected}, got {got}')

    def _settings(self, arch: str | dict) -> tuple[int, int, int, float]:
        """Channels, blocks, heads and MLP ratio of an architecture."""
        needed, optional = {'embed_dim', 'depth', 'num_heads'}, {'mlp_ratio'}
        settings = ARCHITECTURES.get(arch) if isinstance(arch, str) else dict(arch)
        self._check(
            settings is not None and needed <= set(settings) <= needed | optional,
            f'arch must be one of {sorted(ARCHITECTURES)} or a dict of embed_dim, depth, num_heads '
            'and perhaps mlp_ratio',
            repr(arch),
        )
        dim, num_heads = settings['embed_dim'], settings['num_heads']
        self._check(
            dim >= 16 and dim % 16 == 0 and num_heads >= 1 and dim % num_heads == 0,
            'embed_dim must be a multiple of 16 and of num_heads',
            f'{dim} and {num_heads}',
        )
        return dim, settings['depth'], num_heads, settings.get('mlp_ratio', 4.0)

    @torch.no_grad()
    def _init_parameters(self) -> None:
        trunc_normal_(self.cls_token, std=0.02)
        self.positions.copy_(position_table(self.table_thw, self.positions.shape[-1]))
        for number, layer in enumerate(self.layers, start=1):
            for module in layer.modules():
                if isinstance(module, nn.Linear):
                    trunc_normal_(module.weight, std=0.02)
                    if module.bias is not None:
                        nn.init.zeros_(module.bias)
            # Deeper blocks start with smaller changes.
            for module in (layer.merge, layer.shrink):
                module.weight.div_(math.sqrt(2 * number))

    def _frozen_layers(self) -> nn.ModuleList:
        return self.layers[: max(0, self.frozen_stages)]

    def _freeze_stages(self) -> None:
        if self.frozen_stages < 0:
            return
        self.patches.requires_grad_(False)
        self.cls_token.requires_grad_(False)
        self.positions.requires_grad_(False)
        self._frozen_layers().requires_grad_(False)

    def train(self, mode: bool = True) -> InternVideo2Encoder:
        """Set the training mode; frozen blocks stay in evaluation mode."""
        super().train(mode)
        self._frozen_layers().eval()
        return self

    def pretrained_weights(self) -> str | None:
        """The file of published weights that `pretrained` names."""
        return self.pretrained

    def adapt_weights(self, weights: Mapping[str, Tensor]) -> AdaptedWeights | None:
        """Bring a published file under this encoder's names; see `weights.adapt`."""
        return adapt(weights, len(self.layers), self.table_thw, self.tubelet_size)

    def position_table(self, grid_hw: tuple[int, int]) -> Tensor:
        """The positions for a grid of patches.

        Returns:
            (1, 1 + t * h * w, C); the class token's is the first.
        """
        if tuple(grid_hw) == TABLE_HW:
            return self.positions
        t, h, w = self.table_thw
        patches = rearrange(self.positions[:, 1:], '1 (t h w) c -> t c h w', t=t, h=h, w=w)
        patches = F.interpolate(patches, tuple(grid_hw), mode='bicubic', align_corners=False)
        patches = rearrange(patches, 't c h w -> 1 (t h w) c')
        return torch.cat([self.positions[:, :1], patches], dim=1)

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Encode a normalised clip.

        Args:
            clip: (B, 3, clip_len, H, W) float, H and W divisible by 14.

        Returns:
            One feature (B, C, clip_len / tubelet_size, H / 14, W / 14) per entry of `out_indices`.

        Raises:
            ShapeError: another rank, length or size.
        """
        self.check_clip(clip)
        feature = self.patches(clip)
        t, h, w = feature.shape[2:]
        tokens = rearrange(feature, 'b c t h w -> b (t h w) c')
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        tokens = tokens + self.position_table((h, w))
        recompute = self.activation_checkpointing and self.training and torch.is_grad_enabled()
        features = []
        for number, layer in enumerate(self.layers):
            if recompute:
                tokens = checkpoint(layer, tokens, use_reentrant=False)
            else:
                tokens = layer(tokens)
            if number in self.out_indices:
                patches = rearrange(tokens[:, 1:], 'b (t h w) c -> b c t h w', t=t, h=h, w=w)
                features.append(patches)
        return tuple(features)
