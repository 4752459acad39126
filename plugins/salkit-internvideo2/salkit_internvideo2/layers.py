"""The transformer block of InternVideo2, on PyTorch's own attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from timm.layers import DropPath
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Root mean square norm over the last axis (Zhang and Sennrich 2019), in at least float32."""

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (..., C) to (..., C) of the same type."""
        wide = torch.promote_types(tokens.dtype, torch.float32)
        normed = F.rms_norm(tokens.to(wide), self.weight.shape, self.weight.to(wide), self.eps)
        return normed.to(tokens.dtype)


class Block(nn.Module):
    """Pre-norm transformer block with normalised queries and keys, and LayerScale.

    Queries and keys are normalised over all heads together. The hidden activation is GELU in its
    tanh form, which is what the fused kernel computes that the published weights were trained with.

    Args:
        dim: C.
        num_heads: heads of the attention; divides `dim`.
        hidden_dim: width inside the MLP.
        layer_scale: initial value of both LayerScales.
        drop_path: stochastic depth rate.
    """

    def __init__(
        self, dim: int, num_heads: int, hidden_dim: int, layer_scale: float, drop_path: float
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.token_norm = RMSNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.query_norm = RMSNorm(dim)
        self.key_norm = RMSNorm(dim)
        self.merge = nn.Linear(dim, dim)
        self.attention_scale = nn.Parameter(torch.full((dim,), float(layer_scale)))
        self.hidden_norm = RMSNorm(dim)
        self.expand = nn.Linear(dim, hidden_dim)
        self.shrink = nn.Linear(hidden_dim, dim)
        self.hidden_scale = nn.Parameter(torch.full((dim,), float(layer_scale)))
        self.drop_path = DropPath(drop_path)

    def attend(self, tokens: Tensor) -> Tensor:
        """Self-attention over all tokens: (B, N, C) to (B, N, C)."""
        q, k, v = self.qkv(tokens).chunk(3, dim=-1)
        q, k, v = (
            rearrange(part, 'b n (heads c) -> b heads n c', heads=self.num_heads)
            for part in (self.query_norm(q), self.key_norm(k), v)
        )
        out = F.scaled_dot_product_attention(q, k, v)
        return self.merge(rearrange(out, 'b heads n c -> b n (heads c)'))

    def transform(self, tokens: Tensor) -> Tensor:
        """The MLP: (B, N, C) to (B, N, C)."""
        return self.shrink(F.gelu(self.expand(tokens), approximate='tanh'))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, C)."""
        change = self.attention_scale * self.attend(self.token_norm(tokens))
        tokens = tokens + self.drop_path(change)
        change = self.hidden_scale * self.transform(self.hidden_norm(tokens))
        return tokens + self.drop_path(change)


def _sine_cosine(positions: Tensor, dim: int) -> Tensor:
    """(N,) positions to (N, dim): sines of all frequencies, then their cosines."""
    frequency = 10000.0 ** -(torch.arange(dim // 2, dtype=torch.float64) / (dim / 2))
    angle = positions[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def position_table(grid_thw: tuple[int, int, int], dim: int) -> Tensor:
    """The sine-cosine table that InternVideo2's positions start from.

    A quarter of the channels tells the frame, three eighths the column and three eighths the row;
    the class token's entry, the first, is zero.

    Args:
        grid_thw: t, h, w of the patches.
        dim: C, a multiple of 16.

    Returns:
        (1, 1 + t * h * w, C) float64.
    """
    axes = (torch.arange(size, dtype=torch.float64) for size in grid_thw)
    t, h, w = (axis.flatten() for axis in torch.meshgrid(*axes, indexing='ij'))
    space = dim // 4 * 3 // 2
    parts = [_sine_cosine(t, dim // 4), _sine_cosine(w, space), _sine_cosine(h, space)]
    return F.pad(torch.cat(parts, dim=1), (0, 0, 1, 0))[None]
