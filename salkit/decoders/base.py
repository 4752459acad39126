"""The contracts of decoders and of the branches inside one."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from ..errors import ConfigError, ShapeError
from ..types import FeatureSpec


class Decoder(nn.Module):
    """Turns an encoder's features into one saliency map.

    A decoder is built with `in_specs` (the encoder's `features`) and `clip_len`.
    `forward(features, out_size) -> saliency_map (B, H, W)` in [0, 1].
    """

    def forward(self, features: tuple[Tensor, ...], out_size: tuple[int, int]) -> Tensor:
        """Decode features (B, C_i, t_i, h_i, w_i) into a map (B, *out_size)."""
        raise NotImplementedError


class BranchOutput(NamedTuple):
    """What a branch gives.

    Attributes:
        map_features: (B, c, H, W), for the fusion head.
        laterals: features (B, c_i, t_i, h_i, w_i) that the next branch may add to its own.
    """

    map_features: Tensor
    laterals: tuple[Tensor, ...]


class Branch(nn.Module):
    """One of the paths from the deepest feature to full resolution.

    Args:
        in_specs: the encoder's features.
        clip_len: frames per clip.
        lateral_specs: what the branch before hands over; empty where there is none.

    Attributes:
        out_channels: c of `map_features`.
        lateral_specs: what this branch hands to the next.
        scale: rows of `map_features` per row of the deepest feature.
        autocast_throughout: as of an `Encoder`.
    """

    out_channels: int
    lateral_specs: tuple[FeatureSpec, ...]
    scale: int = 16
    autocast_throughout: bool = False

    def __init__(
        self,
        in_specs: tuple[FeatureSpec, ...],
        clip_len: int,
        lateral_specs: tuple[FeatureSpec, ...] = (),
    ) -> None:
        super().__init__()
        self.in_channels = in_specs[-1].channels
        self.in_length = in_specs[-1].length(clip_len)
        self.in_stride = in_specs[-1].stride_thw
        self.clip_len = clip_len
        self.num_laterals = len(lateral_specs)

    def forward(self, features: tuple[Tensor, ...], laterals: tuple[Tensor, ...]) -> BranchOutput:
        """Decode the deepest of `features`, helped by the laterals of the branch before."""
        raise NotImplementedError

    def check_lateral(self, spec: FeatureSpec, channels: int, length: int) -> None:
        """Raise ConfigError unless a lateral has the channels and time steps it is added to."""
        got = (spec.channels, spec.length(self.clip_len))
        if got != (channels, length):
            raise ConfigError(
                f'{type(self).__name__} adds a lateral of {channels} channels x {length} time '
                f'steps, the branch before it hands over {got[0]} x {got[1]}'
            )

    def lateral_spec(self, channels: int, length: int, upsampled: int) -> FeatureSpec:
        """The spec of a feature with `length` time steps, up-sampled `upsampled` times so far."""
        _, rows, columns = self.in_stride
        stride_t = max(1, self.clip_len // length)
        return FeatureSpec(channels, (stride_t, rows // upsampled, columns // upsampled))

    def check_feature(self, feature: Tensor) -> None:
        """Raise ShapeError unless `feature` is (B, C, t, h, w) with the declared C and t."""
        expected = (self.in_channels, self.in_length)
        if feature.ndim != 5 or tuple(feature.shape[1:3]) != expected:
            raise ShapeError(
                f'{type(self).__name__} expects a feature (B, {expected[0]}, {expected[1]}, h, w), '
                f'got shape {tuple(feature.shape)}'
            )


def scaled_width(channels: int, width: float) -> int:
    """`channels` of the paper times `width`, at least 1."""
    return max(1, round(channels * width))


class Layer(NamedTuple):
    """A row of the paper's table 2: what one step of a CNN branch consists of.

    Attributes:
        convolutions: channels of each, before they are scaled; none leaves the feature as it is.
        stride: which of the temporal strides the first convolution takes; None keeps the length.
        factor: of the up-sampling that follows.
        lateral: whether a lateral of the branch before is then added.
    """

    convolutions: tuple[int, ...]
    stride: str | None = None
    factor: int = 1
    lateral: bool = False
