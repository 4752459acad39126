"""Shifted-window attention along time: the block of the Swin3D branch."""

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from timm.layers import DropPath, Mlp, trunc_normal_
from torch import Tensor, nn

from .dot_product import DotProductAttention

# Steps of a window up to which going through them one by one is faster on a CPU.
_FEW_KEYS = 4


def _attend_by_keys(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Attention of (N, windows, heads, length, c), bias (1, windows or 1, heads, length, length).

    Returns:
        (N, windows, length, heads * c).
    """
    # As the linear layer before laid them out in memory.
    q, k, v = (rearrange(x, 'n w heads l c -> n w l heads c') for x in (q, k, v))
    bias = rearrange(bias, 'n w heads l k -> n w l heads k')
    keys = [slice(step, step + 1) for step in range(k.shape[2])]
    logits = torch.stack([(q * k[:, :, key]).sum(-1) for key in keys], dim=-1)
    weights = (logits * q.shape[-1] ** -0.5 + bias).softmax(dim=-1)
    out = weights[..., keys[0]] * v[:, :, keys[0]]
    for key in keys[1:]:
        out = out + weights[..., key] * v[:, :, key]
    return rearrange(out, 'n w l heads c -> n w l (heads c)')


class TemporalWindowAttention(nn.Module):
    """Multi-head self-attention inside windows of `window` time steps with relative position bias.

    The video Swin attention (Liu et al. 2022) for windows of one pixel in space.

    Args:
        dim: channels.
        window: time steps per window.
        num_heads: heads; divides `dim`.

    Attributes:
        by_keys: go through the keys of short windows one by one, the same values but for rounding:
            on a CPU, products of 2 x 2 matrices cost more than the work in them. For prediction.
    """

    by_keys = False

    def __init__(self, dim: int, window: int, num_heads: int) -> None:
        super().__init__()
        self.window = window
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attend = DotProductAttention()
        self.proj = nn.Linear(dim, dim)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(2 * window - 1, num_heads))
        trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, tokens: Tensor, allowed: Tensor | None) -> Tensor:
        """Attend inside windows.

        Args:
            tokens: (N, windows, length, C), length <= window.
            allowed: (windows, length, length) bool, True where a query (axis 1) may see a key, or
                None where all may.

        Returns:
            (N, windows, length, C).
        """
        length = tokens.shape[2]
        q, k, v = rearrange(
            self.qkv(tokens),
            'n w l (three heads c) -> three n w heads l c',
            three=3,
            heads=self.num_heads,
        )
        step = torch.arange(length, device=tokens.device)
        # Tables are indexed for the full window even where the clip is shorter.
        index = step[:, None] - step[None, :] + self.window - 1
        bias = rearrange(self.relative_position_bias_table[index], 'l k heads -> 1 1 heads l k')
        if allowed is not None:
            allowed = rearrange(allowed, 'w l k -> 1 w 1 l k')
            bias = torch.where(allowed, bias, torch.full_like(bias, float('-inf')))
        bias = bias.to(q.dtype)
        if self.by_keys and length <= _FEW_KEYS and not self.attend.explicit:
            return self.proj(_attend_by_keys(q, k, v, bias))
        bias = bias.expand(q.shape[0], q.shape[1], self.num_heads, length, length)
        # The fused kernels take four axes.
        q, k, v, bias = (rearrange(x, 'n w heads l c -> (n w) heads l c') for x in (q, k, v, bias))
        out = self.attend(q, k, v, bias)
        out = rearrange(out, '(n w) heads l c -> n w l (heads c)', w=tokens.shape[1])
        return self.proj(out)


class TemporalWindowBlock(nn.Module):
    """Pre-norm video Swin block with windows (window, 1, 1), shifted in time or not.

    Where the clip is not longer than the window, the window shrinks to it and the shift is 0.

    Args:
        dim: channels.
        window: time steps per window.
        shifted: move the windows by half their length.
        num_heads: attention heads.
        mlp_ratio: hidden width of the MLP over `dim`.
        drop_path: stochastic depth rate.
    """

    def __init__(
        self,
        dim: int,
        window: int,
        shifted: bool,
        num_heads: int = 8,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.window = window
        self.shift = window // 2 if shifted else 0
        self.norm1 = nn.LayerNorm(dim)
        self.attn = TemporalWindowAttention(dim, window, num_heads)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (N, t, C) to (N, t, C), N being every pixel of every clip."""
        tokens = tokens + self.drop_path(self._attend(self.norm1(tokens)))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))

    def _attend(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        window, shift = (self.window, self.shift) if length > self.window else (length, 0)
        padded = -(-length // window) * window
        # Tokens see each other where they carry the same number: padding and the part that
        # rolls round from the other end of the clip stand apart.
        region = torch.zeros(padded, dtype=torch.long, device=tokens.device)
        region[:shift] = 1
        region[length:] = 2
        if padded > length:
            tokens = F.pad(tokens, (0, 0, 0, padded - length))
        if shift:
            tokens, region = tokens.roll(-shift, dims=1), region.roll(-shift)
        allowed = None
        if shift or padded > length:
            region = rearrange(region, '(w l) -> w l', l=window)
            allowed = repeat(region, 'w l -> w l k', k=window) == region[:, None, :]
        tokens = rearrange(tokens, 'n (w l) c -> n w l c', l=window)
        tokens = rearrange(self.attn(tokens, allowed), 'n w l c -> n (w l) c')
        if shift:
            tokens = tokens.roll(shift, dims=1)
        return tokens[:, :length]
