"""The contract that every encoder keeps."""

from __future__ import annotations

from torch import Tensor, nn

from ..errors import ShapeError
from ..types import FeatureSpec

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Encoder(nn.Module):
    """A video model that turns a clip into features.

    `forward(clip: (B, 3, T, H, W)) -> tuple[(B, C_i, t_i, h_i, w_i), ...]`, deepest last. An
    encoder builds with no network and no checkpoint.

    Attributes:
        features: one `FeatureSpec` per returned feature, in the same order.
        clip_len: T, the number of frames it takes.
        pixel_mean: mean of the RGB pixels, scaled to [0, 1], that the clip is normalised with.
        pixel_std: their standard deviation.
        size_divisor: rows and columns must be multiples of it.
    """

    features: tuple[FeatureSpec, ...]
    clip_len: int
    pixel_mean: tuple[float, float, float] = IMAGENET_MEAN
    pixel_std: tuple[float, float, float] = IMAGENET_STD
    size_divisor: int = 1

    def check_clip(self, clip: Tensor) -> None:
        """Raise ShapeError unless `clip` is (B, 3, clip_len, H, W) of a size the encoder takes."""
        name, shape = type(self).__name__, tuple(clip.shape)
        if clip.ndim != 5 or clip.shape[1] != 3:
            raise ShapeError(f'{name} expects a clip (B, 3, T, H, W), got shape {shape}')
        if clip.shape[2] != self.clip_len:
            raise ShapeError(
                f'{name} expects clips of {self.clip_len} frames, got {clip.shape[2]} '
                f'(shape {shape})'
            )
        if any(size < 1 or size % self.size_divisor for size in clip.shape[-2:]):
            raise ShapeError(
                f'{name} expects height and width divisible by {self.size_divisor}, '
                f'got {clip.shape[-2]} x {clip.shape[-1]}'
            )

    def freeze(self) -> None:
        """Stop training of every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad_(False)
