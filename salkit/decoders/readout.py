"""A light decoder: a readout of the encoder's features, as fixation models of photographs use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError, ShapeError
from ..registry import DECODERS
from ..types import FeatureSpec
from ..utils.text import check_range
from .base import Decoder

# Standard deviation that the learned blur starts with, and how far it reaches, in cells.
BLUR_SIGMA, BLUR_REACH = 1.0, 8
# Of the frame's height and width, where the learned center bias starts.
CENTER_SIGMA = 0.32
# Density far from the center relative to the middle, where the learned center bias starts.
CENTER_FLOOR = 0.02


@DECODERS.register_module()
class ReadoutDecoder(Decoder):
    """Features -> one width -> their sum -> depth-wise layers -> blur -> center bias -> density.

    Each feature is mapped to `width` channels by a 1 x 1 convolution and resized to cells of
    `stride` pixels, where all are summed. `depth` residual layers (depth-wise, ReLU, point-wise)
    look at the surroundings, and a last 1 x 1 convolution gives a logit for each cell. As in
    DeepGaze II (Kümmerer et al. 2016), logits are blurred by a learned Gaussian, a learned share of
    the log of a center bias is added, and a softmax over the frame makes them a density. The center
    bias is a Gaussian of learned height and width upon a learned floor, in shares of the frame, so
    that frames of any size and shape are taken.

    Time steps are averaged with learned weights; an encoder of single frames has one.

    Args:
        in_specs: the encoder's features.
        clip_len: frames per clip.
        width: channels that the features are summed in.
        depth: number of depth-wise layers.
        kernel: odd side of their kernels, in cells.
        stride: pixels of the clip in a cell, down and across.
        center_gain: factor on the share of the center bias when the model is not trained: who
            watches films looks at the middle more than who looks at the photographs that a readout
            was trained on.

    Raises:
        ConfigError: an argument that is not possible.
    """

    def __init__(
        self,
        in_specs: tuple[FeatureSpec, ...],
        clip_len: int,
        width: int = 48,
        depth: int = 3,
        kernel: int = 5,
        stride: int = 8,
        center_gain: float = 1.0,
    ) -> None:
        super().__init__()
        for name, value in dict(width=width, depth=depth, kernel=kernel, stride=stride).items():
            check_range('ReadoutDecoder', name, value, 0 if name == 'depth' else 1)
        check_range('ReadoutDecoder', 'center_gain', center_gain, 0)
        if kernel % 2 == 0:
            raise ConfigError(f'ReadoutDecoder: kernel must be odd, got {kernel}')
        self.in_specs = in_specs
        self.lengths = [spec.length(clip_len) for spec in in_specs]
        self.stride = stride
        self.inputs = nn.ModuleList(nn.Conv2d(spec.channels, width, 1) for spec in in_specs)
        self.time_logits = nn.ParameterList(
            torch.zeros(length) for length in self.lengths if length > 1
        )
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width),
                nn.ReLU(),
                nn.Conv2d(width, width, 1),
            )
            for _ in range(depth)
        )
        # A bias would shift all logits of a frame alike, which changes no density.
        self.logit = nn.Conv2d(width, 1, 1, bias=False)
        # Training starts from little more than the center bias.
        nn.init.normal_(self.logit.weight, std=0.01)
        self.blur = LearnedBlur()
        self.center_bias = LearnedCenterBias()
        self.center_gain = center_gain

    def forward(self, features: tuple[Tensor, ...], out_size: tuple[int, int]) -> Tensor:
        """Decode features into a map (B, *out_size) that is proportional to the density.

        Its largest value is 1; divided by its sum it is the density of `log_density`.

        Raises:
            ShapeError: features other than those that were declared.
        """
        logits = self._logits(features, out_size)
        return (logits - logits.amax((-2, -1), keepdim=True)).exp()

    def log_density(self, features: tuple[Tensor, ...], out_size: tuple[int, int]) -> Tensor:
        """The logarithm of the density of fixations over the frame (B, *out_size), in nats.

        Its exponential sums to 1, so that the log-likelihood of a fixation (and with it the
        information gain over another density) is read off at its pixel.

        Raises:
            ShapeError: features other than those that were declared.
        """
        logits = self._logits(features, out_size)
        return logits - logits.logsumexp((-2, -1), keepdim=True)

    def _logits(self, features: tuple[Tensor, ...], out_size: tuple[int, int]) -> Tensor:
        # Differences of logits are ratios of the density: three digits of bfloat16 are too few.
        kind = features[0].device.type
        available = torch.amp.is_autocast_available(kind)
        # Not on the meta device, where a model is counted.
        with torch.autocast(kind, enabled=False) if available else nullcontext():
            return self._full_precision_logits(
                self._frames([feature.to(self.logit.weight.dtype) for feature in features]),
                out_size,
            )

    def _full_precision_logits(self, frames: list[Tensor], out_size: tuple[int, int]) -> Tensor:
        rows, columns = (
            max(1, round(cells * stride / self.stride))
            for cells, stride in zip(
                frames[-1].shape[-2:], self.in_specs[-1].stride_thw[1:], strict=True
            )
        )
        readout = torch.stack(
            [
                _resized(to_width(frame), (rows, columns))
                for to_width, frame in zip(self.inputs, frames, strict=True)
            ]
        )
        hidden = F.relu(readout.sum(0))
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        gain = 1.0 if self.training else self.center_gain
        logits = self.blur(self.logit(F.relu(hidden))) + gain * self.center_bias(rows, columns)
        return _resized(logits, out_size)[:, 0]

    def _frames(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Each feature (B, C, t, h, w) as (B, C, h, w): the weighted mean of its time steps."""
        expected = [(s.channels, t) for s, t in zip(self.in_specs, self.lengths, strict=True)]
        if [f.ndim == 5 and tuple(f.shape[1:3]) for f in features] != expected:
            wanted = ', '.join(f'(B, {channels}, {length}, h, w)' for channels, length in expected)
            got = ', '.join(str(tuple(f.shape)) for f in features)
            raise ShapeError(f'ReadoutDecoder expects features {wanted}, got {got}')
        logits = iter(self.time_logits)
        return [
            feature[:, :, 0]
            if length == 1
            else torch.einsum('bcthw,t->bchw', feature, next(logits).softmax(0))
            for feature, length in zip(features, self.lengths, strict=True)
        ]


class LearnedBlur(nn.Module):
    """A Gaussian blur of maps (B, 1, h, w) whose width is learned; edges are repeated outwards."""

    offsets: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(torch.tensor(math.log(BLUR_SIGMA)))
        self.register_buffer(
            'offsets', torch.arange(-BLUR_REACH, BLUR_REACH + 1.0), persistent=False
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Blur down, then across."""
        profile = (-0.5 * (self.offsets / self.log_sigma.exp()) ** 2).softmax(0)
        padded = F.pad(maps, (BLUR_REACH,) * 4, mode='replicate')
        return F.conv2d(F.conv2d(padded, profile.view(1, 1, -1, 1)), profile.view(1, 1, 1, -1))


class LearnedCenterBias(nn.Module):
    """A learned share of the log of a center bias: a Gaussian upon a floor, over the frame.

    Attributes:
        share: how much of it is added.
        log_precision: of the Gaussian down and across, in frames.
        middle: its place down the frame; across, it is in the middle.
        log_floor: of the floor, relative to the Gaussian's height.
    """

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(1.0))
        self.log_precision = nn.Parameter(torch.full((2,), -2 * math.log(CENTER_SIGMA)))
        self.middle = nn.Parameter(torch.tensor(0.0))
        self.log_floor = nn.Parameter(torch.tensor(math.log(CENTER_FLOOR)))

    def forward(self, rows: int, columns: int) -> Tensor:
        """The share of the log of the bias (rows, columns)."""
        down = _places(rows, self.share) - self.middle
        across = _places(columns, self.share)
        precision = self.log_precision.exp()
        distance = precision[0] * down[:, None] ** 2 + precision[1] * across**2
        return self.share * torch.logaddexp(-0.5 * distance, self.log_floor)


def _places(count: int, like: Tensor) -> Tensor:
    """Middles of `count` cells along a frame, from -0.5 to 0.5."""
    return (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) / count - 0.5


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps, size, mode='bilinear', align_corners=False)
