"""The head that turns the branches' features into one map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..layers import conv_relu
from ..registry import DECODERS
from .base import scaled_width


@DECODERS.register_module()
class ConvFusion(nn.Module):
    """Concatenation, two 3 x 3 convolutions with ReLU, a third one, and a sigmoid, all bias-free.

    Args:
        in_channels: channels of each branch by name.
        order: the order of concatenation; branches not named here follow in their own order.
        width: factor on the paper's channels (32, 16).
    """

    def __init__(
        self,
        in_channels: dict[str, int],
        order: tuple[str, ...] = ('sfd', 'swin3d', 'dfd'),
        width: float = 1.0,
    ) -> None:
        super().__init__()
        self.order = [name for name in order if name in in_channels]
        self.order += [name for name in in_channels if name not in order]
        hidden = [scaled_width(c, width) for c in (32, 16)]
        layers = [
            conv_relu(2, sum(in_channels.values()), hidden[0], 3, padding=1),
            conv_relu(2, hidden[0], hidden[1], 3, padding=1),
        ]
        last = nn.Conv2d(hidden[1], 1, 3, padding=1, bias=False)
        # Training starts from an even map; a saturated sigmoid would learn slowly.
        nn.init.normal_(last.weight, std=0.01)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, maps: dict[str, Tensor]) -> Tensor:
        """Fuse (B, c_i, H, W) by branch name into (B, 1, H, W) in [0, 1]."""
        return self.layers(torch.cat([maps[name] for name in self.order], dim=1)).sigmoid()
