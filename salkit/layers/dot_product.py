"""Scaled dot-product attention by PyTorch's fused kernels, in blocks, or written out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..utils.processor import processor_instructions

# Queries at once: their weights, of some thousand keys, stay in a core's cache.
_BLOCK = 392
# Keys from which on blocks are faster.
_LONG = 512


class DotProductAttention(nn.Module):
    """softmax(q k^T / sqrt(c) + bias) v.

    In bfloat16 on a CPU, PyTorch's fused kernel gains nothing over float32 unless there are AMX
    instructions: long sequences are computed there by products of matrices, some hundred queries
    of a head at once (1.6 times as fast for 3,136 tokens on Zen 4).

    Attributes:
        explicit: form the matrix of weights, as published codes do, in place of a fused kernel:
            the same values but for rounding, slower, with memory for length x length numbers a
            head. What `salkit benchmark --baseline` compares with.
    """

    explicit = False

    def forward(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            q: (B, heads, L, c).
            k: likewise, or of another length.
            v: likewise.
            bias: added to the logits, expands to (B, heads, L, L); -inf where a key is not seen.

        Returns:
            (B, heads, L, c).
        """
        if self.explicit:
            weights = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
            if bias is not None:
                weights = weights + bias
            return weights.softmax(dim=-1) @ v
        kind = q.device.type
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
            q, k, v = (x.to(torch.get_autocast_dtype(kind)) for x in (q, k, v))
        if bias is None and _is_faster_in_blocks(q, k):
            return _in_blocks(q, k, v)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


def _is_faster_in_blocks(q: Tensor, k: Tensor) -> bool:
    if q.dtype != torch.bfloat16 or q.device.type != 'cpu' or k.shape[-2] < _LONG:
        return False
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        return False
    return 'avx512_bf16' in (known := processor_instructions()) and 'amx_bf16' not in known


def _in_blocks(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    batch, heads, length, channels = q.shape
    # Heads side by side, as whoever joins them wants them.
    out = q.new_empty(batch, length, heads, channels)
    scaled = q * channels**-0.5
    for clip in range(batch):
        for head in range(heads):
            keys, values = k[clip, head].t(), v[clip, head].contiguous()
            for first in range(0, length, _BLOCK):
                rows = slice(first, first + _BLOCK)
                weights = (scaled[clip, head, rows] @ keys).softmax(dim=-1)
                out[clip, rows, head] = weights @ values
    return out.transpose(1, 2)


def set_explicit_attention(module: nn.Module, explicit: bool = True) -> int:
    """Have the attention of salkit's layers in `module` written out, or fused again.

    That inside of encoders of other libraries stays as it is.

    Returns:
        How many there are.
    """
    found = [part for part in module.modules() if isinstance(part, DotProductAttention)]
    for part in found:
        part.explicit = explicit
    return len(found)
