"""Unmasked Teacher (UMT) vision transformers, the encoder of SalFoM."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from timm.layers import DropPath, Mlp, trunc_normal_
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..errors import ConfigError
from ..layers import TABLE_THW, DotProductAttention, fixed_table, resize_position_table
from ..registry import ENCODERS
from ..types import AdaptedWeights, FeatureSpec
from ..utils.text import check_range
from .base import Encoder
from .umt_weights import ARCHITECTURES, adapt, arguments_of

PATCH = 16


class UMTAttention(nn.Module):
    """Self-attention over all tokens with a fused, bias-free qkv and biases for q and v alone."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.attend = DotProductAttention()
        self.proj = nn.Linear(dim, dim)

    def fuse_bias(self) -> None:
        """Make the biases part of the qkv layer, which changes the names of weights."""
        if type(self.qkv) is not nn.Linear or self.qkv.bias is not None:
            return
        fused = nn.Linear(self.qkv.in_features, self.qkv.out_features, device='meta')
        fused.weight, fused.bias = self.qkv.weight, nn.Parameter(self._bias().detach())
        self.qkv = fused
        del self.q_bias, self.v_bias

    def _bias(self) -> Tensor:
        return torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])

    def forward(self, tokens: Tensor, merged: tuple[int, int] = (1, 1)) -> Tensor:
        """Attend from all tokens to all.

        Args:
            tokens: (B, N, C), N being (frames, rows, columns).
            merged: frames in a row whose keys and values become their mean, and tokens a frame.

        Returns:
            (B, N, C).
        """
        if hasattr(self, 'q_bias'):
            qkv = F.linear(tokens, self.qkv.weight, self._bias())
        else:
            qkv = self.qkv(tokens)
        q, k, v = rearrange(
            qkv, 'b n (three heads c) -> three b heads n c', three=3, heads=self.num_heads
        )
        frames, size = merged
        if frames > 1:
            k, v = (
                reduce(x, 'b heads (t m n) c -> b heads (t n) c', 'mean', m=frames, n=size)
                for x in (k, v)
            )
        return self.proj(rearrange(self.attend(q, k, v), 'b heads n c -> b n (heads c)'))


class UMTBlock(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = UMTAttention(dim, num_heads)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, tokens: Tensor, merged: tuple[int, int] = (1, 1)) -> Tensor:
        """Map (B, N, C) to (B, N, C); `merged` as for `UMTAttention`."""
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens), merged))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


class PatchEmbed(nn.Module):
    """One token per frame and 16 x 16 pixels, by a strided Conv3d."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(3, dim, (1, PATCH, PATCH), (1, PATCH, PATCH))

    def forward(self, clip: Tensor) -> Tensor:
        """Map (B, 3, T, H, W) to (B, C, T, H / 16, W / 16)."""
        return self.proj(clip)


@ENCODERS.register_module()
class UMTEncoder(Encoder):
    """UMT ViT without its classification head (Li et al. 2023; the paper, sec. 2.3).

    The one feature is the last block's tokens as they are, with no final norm, as SalFoM takes
    them. Parameter names are those of the published checkpoints.

    Args:
        arch: 'base', 'large', 'tiny' (a small one for trials), or a dict of `embed_dim`, `depth`,
            `num_heads`.
        clip_len: frames per clip; 8 and 16 are published, any other resizes the position table.
        depth: keep only the first `depth` blocks (the paper's truncated encoders); None for all.
        mlp_ratio: hidden width of the MLPs over `embed_dim`.
        drop_path: largest stochastic depth rate, growing linearly over the blocks.
        frozen_stages: -1 trains everything, 0 freezes the patch embedding, k > 0 also the first k
            blocks. Frozen blocks run in evaluation mode.
        activation_checkpointing: recompute each block in the backward pass to save memory.
        token_merging: in attention, merge the keys and values of so many frames in a row, at one
            place, into their mean; 1 for none. Not exact, and faster the more there are; every
            token still asks for itself. A divisor of `clip_len`, for training and prediction alike.

    Raises:
        ConfigError: an architecture that does not exist, or a number out of range.
    """

    size_divisor = PATCH
    autocast_throughout = True

    def __init__(
        self,
        arch: str | dict = 'large',
        clip_len: int = 16,
        depth: int | None = None,
        mlp_ratio: float = 4.0,
        drop_path: float = 0.0,
        frozen_stages: int = -1,
        activation_checkpointing: bool = False,
        token_merging: int = 1,
    ) -> None:
        super().__init__()
        settings = ARCHITECTURES.get(arch) if isinstance(arch, str) else dict(arch)
        if settings is None or set(settings) != set(ARCHITECTURES['base']):
            raise ConfigError(
                f'UMTEncoder: arch must be one of {sorted(ARCHITECTURES)} or a dict of embed_dim, '
                f'depth and num_heads, got {arch!r}'
            )
        dim, full_depth, num_heads = (settings[k] for k in ('embed_dim', 'depth', 'num_heads'))
        depth = full_depth if depth is None else depth
        check_range('UMTEncoder', 'depth', depth, 1, full_depth)
        check_range('UMTEncoder', 'clip_len', clip_len, 1)
        check_range('UMTEncoder', 'frozen_stages', frozen_stages, -1, depth)
        check_range('UMTEncoder', 'token_merging', token_merging, 1, clip_len)
        if clip_len % token_merging:
            raise ConfigError(
                f'UMTEncoder: token_merging must divide the clip_len {clip_len}, got '
                f'{token_merging}'
            )
        if dim % num_heads:
            raise ConfigError(f'UMTEncoder: num_heads must divide embed_dim {dim}, got {num_heads}')
        self.clip_len = clip_len
        self.features = (FeatureSpec(dim, (1, PATCH, PATCH)),)
        self.frozen_stages = frozen_stages
        self.activation_checkpointing = activation_checkpointing
        self.token_merging = token_merging
        self.patch_embed = PatchEmbed(dim)
        rates = torch.linspace(0, drop_path, depth, device='cpu').tolist()
        self.blocks = nn.ModuleList(UMTBlock(dim, num_heads, mlp_ratio, rate) for rate in rates)

        table = fixed_table(clip_len, dim)
        # Published checkpoints store the table only where it was resized in time.
        if clip_len == TABLE_THW[0]:
            self.register_buffer('pos_embed', table, persistent=False)
        else:
            self.pos_embed = nn.Parameter(table, requires_grad=False)
        self._init_weights()
        for module in self._frozen_modules():
            module.requires_grad_(False)

    def _init_weights(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _frozen_modules(self) -> list[nn.Module]:
        if self.frozen_stages < 0:
            return []
        return [self.patch_embed, *self.blocks[: self.frozen_stages]]

    def train(self, mode: bool = True) -> UMTEncoder:
        """Set the training mode; frozen blocks stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

    def adapt_weights(self, weights: Mapping[str, Tensor]) -> AdaptedWeights | None:
        """Take fine-tuned and pre-trained files of UMT; see `umt_weights.adapt`."""
        return adapt(weights, self.state_dict(), self.clip_len, len(self.blocks))

    @classmethod
    def arguments_of(cls, weights: Mapping[str, Tensor]) -> dict[str, object] | None:
        """See `Encoder`; a file of 8 frames stores no positions, one of 16 does."""
        return arguments_of(weights)

    def positions(self, grid_hw: tuple[int, int]) -> Tensor:
        """The position table for a grid of patches, (1, clip_len * h * w, C)."""
        source = (self.clip_len, *TABLE_THW[1:])
        return resize_position_table(self.pos_embed, source, (self.clip_len, *grid_hw))

    def forward(self, clip: Tensor) -> tuple[Tensor]:
        """Encode a normalized clip.

        Args:
            clip: (B, 3, clip_len, H, W) float, H and W divisible by 16.

        Returns:
            One feature (B, C, clip_len, H / 16, W / 16).

        Raises:
            ShapeError: another rank, length or size.
        """
        self.check_clip(clip)
        feature = self.patch_embed(clip)
        t, h, w = feature.shape[2:]
        tokens = rearrange(feature, 'b c t h w -> b (t h w) c')
        tokens = tokens + self.positions((h, w)).to(tokens.dtype)
        merged = (self.token_merging, h * w)
        for block in self.blocks:
            if self.activation_checkpointing and self.training and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, merged, use_reentrant=False)
            else:
                tokens = block(tokens, merged)
        return (rearrange(tokens, 'b (t h w) c -> b c t h w', t=t, h=h, w=w),)
