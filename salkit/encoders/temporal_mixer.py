"""Mixing along time for encoders that look at every frame by itself."""

from __future__ import annotations

from einops import rearrange
from timm.layers import LayerScale, Mlp
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..layers import DotProductAttention, sine_cosine_table

HEAD_DIM = 64
# Small enough that pre-trained features come through almost as they are.
RESIDUAL_SCALE = 0.02


class TemporalBlock(nn.Module):
    """Pre-norm transformer block over the frames at one place, scaled to be almost identity."""

    def __init__(self, dim: int, mlp_ratio: float) -> None:
        super().__init__()
        wanted = max(1, dim // HEAD_DIM)
        self.num_heads = next(heads for heads in range(wanted, 0, -1) if dim % heads == 0)
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attend = DotProductAttention()
        self.proj = nn.Linear(dim, dim)
        self.scale1 = LayerScale(dim, RESIDUAL_SCALE)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.scale2 = LayerScale(dim, RESIDUAL_SCALE)

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Map (N, T, C) and positions (1, T, C) to (N, T, C)."""
        q, k, v = rearrange(
            self.qkv(self.norm1(tokens) + positions),
            'n t (three heads c) -> three n heads t c',
            three=3,
            heads=self.num_heads,
        )
        mixed = rearrange(self.attend(q, k, v), 'n heads t c -> n t (heads c)')
        tokens = tokens + self.scale1(self.proj(mixed))
        return tokens + self.scale2(self.mlp(self.norm2(tokens)))


class TemporalMixer(nn.Module):
    """Lets every place of a feature see itself in all frames.

    Positions along time are a fixed sine-cosine table, so that no weight depends on the length.
    """

    def __init__(self, dim: int, clip_len: int, depth: int, mlp_ratio: float) -> None:
        super().__init__()
        self.register_buffer('positions', sine_cosine_table(clip_len, dim), persistent=False)
        self.blocks = nn.ModuleList(TemporalBlock(dim, mlp_ratio) for _ in range(depth))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, feature: Tensor, recompute: bool = False) -> Tensor:
        """Map (B, C, T, h, w) to the same shape; `recompute` saves memory in training."""
        batch, _, _, rows, _ = feature.shape
        tokens = rearrange(feature, 'b c t h w -> (b h w) t c')
        positions = self.positions.to(tokens.dtype)
        for block in self.blocks:
            if recompute:
                tokens = checkpoint(block, tokens, positions, use_reentrant=False)
            else:
                tokens = block(tokens, positions)
        return rearrange(tokens, '(b h w) t c -> b c t h w', b=batch, h=rows)
