"""A small 3D convolutional encoder."""

from __future__ import annotations

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from salkit.encoders import Encoder
from salkit.types import FeatureSpec


def _stage(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    """Three frames are mixed, rows and columns shrink by `stride`."""
    conv = nn.Conv3d(channels_in, channels, (3, stride, stride), (1, stride, stride), (1, 0, 0))
    return nn.Sequential(conv, nn.GroupNorm(1, channels), nn.GELU())


class TinyEncoder(Encoder):
    """Three stages at 1/4, 1/8 and 1/16 of the clip's rows and columns, every frame kept.

    Args:
        width: channels of the first stage; each later one has twice as many.
        clip_len: frames per clip.
        activation_checkpointing: recompute each stage in the backward pass to save memory.
    """

    size_divisor = 16

    def __init__(
        self, width: int = 32, clip_len: int = 8, activation_checkpointing: bool = False
    ) -> None:
        super().__init__()
        self.clip_len = clip_len
        self.activation_checkpointing = activation_checkpointing
        self.stages = nn.ModuleList(
            [_stage(3, width, 4), _stage(width, 2 * width, 2), _stage(2 * width, 4 * width, 2)]
        )
        self.features = tuple(
            FeatureSpec(width * factor, (1, 4 * factor, 4 * factor)) for factor in (1, 2, 4)
        )

    def forward(self, clip: Tensor) -> tuple[Tensor, ...]:
        """Encode a normalized clip (B, 3, T, H, W) into its three features, deepest last.

        Raises:
            ShapeError: another rank, length or size.
        """
        self.check_clip(clip)
        features = []
        for stage in self.stages:
            if self.activation_checkpointing and self.training:
                clip = checkpoint(stage, clip, use_reentrant=False)
            else:
                clip = stage(clip)
            features.append(clip)
        return tuple(features)
