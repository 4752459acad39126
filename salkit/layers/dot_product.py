"""Scaled dot-product attention by PyTorch's fused kernels, or written out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class DotProductAttention(nn.Module):
    """softmax(q k^T / sqrt(c) + bias) v.

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
            k: likewise.
            v: likewise.
            bias: added to the logits, expands to (B, heads, L, L); -inf where a key is not seen.

        Returns:
            (B, heads, L, c).
        """
        if not self.explicit:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        weights = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        if bias is not None:
            weights = weights + bias
        return weights.softmax(dim=-1) @ v


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
