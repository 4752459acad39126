"""DFD branch: dynamic features by 3D convolutions, the paper, sec. 2.2."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from ..layers import conv_relu, factor_pair, temporal_strides, upsample
from ..registry import DECODERS
from ..types import FeatureSpec
from ..utils.text import check_choice
from .base import Branch, BranchOutput, Layer, scaled_width

# The paper's variants. The temporal strides take t to 8, 8 to 4, and 4 to 1 in one step ('last') or
# in two.
LAYERS = {
    'standard': (
        Layer((512,)),
        Layer((256,), 'first', lateral=True),
        Layer((128,), factor=2),
        Layer((64,), 'second', 2, lateral=True),
        Layer((32,), 'last_a', 2),
        Layer((16,), 'last_b', 2),
    ),
    'extra': (
        Layer((512, 512)),
        Layer((256, 256), 'first', lateral=True),
        Layer((128, 128), factor=2),
        Layer((64, 64), 'second', 2, lateral=True),
        Layer((32, 32), 'last_a', 2),
        Layer((16, 16), 'last_b', 2),
    ),
    'fewer': (
        Layer((256,), 'first', lateral=True),
        Layer((64,), 'second', 4, lateral=True),
        Layer((16,), 'last', 4),
    ),
}


@DECODERS.register_module()
class DFDBranch(Branch):
    """Dynamic feature decoding: time is reduced step by step (the paper, sec. 2.2, table 2).

    Bias-free 3D convolutions, spatial kernel 3, temporal kernel = temporal stride, each with a
    ReLU.

    Args:
        layers: 'standard' (six convolutions), 'extra' (after each one more, kernel (1, 3, 3), same
            channels) or 'fewer' (three).
        separable: depth-wise separable convolutions.
        width: factor on the paper's channels (512, 256, 128, 64, 32, 16).
    """

    autocast_throughout = True

    def __init__(
        self,
        in_specs: tuple[FeatureSpec, ...],
        clip_len: int,
        lateral_specs: tuple[FeatureSpec, ...] = (),
        layers: str = 'standard',
        separable: bool = False,
        width: float = 1.0,
    ) -> None:
        super().__init__(in_specs, clip_len, lateral_specs)
        check_choice('DFDBranch', 'layers', layers, LAYERS)
        first, second, last = temporal_strides(self.in_length)
        last_a, last_b = factor_pair(last)
        strides = dict(first=first, second=second, last=last, last_a=last_a, last_b=last_b)
        self.plan = LAYERS[layers]
        self.layers = nn.ModuleList()
        specs: list[FeatureSpec] = []
        channels, length, upsampled = self.in_channels, self.in_length, 1
        for layer in self.plan:
            convolutions = []
            stride = 1 if layer.stride is None else strides[layer.stride]
            for along_time, base_channels in zip((stride, 1), layer.convolutions, strict=False):
                out_channels = scaled_width(base_channels, width)
                convolutions.append(
                    conv_relu(
                        3,
                        channels,
                        out_channels,
                        (along_time, 3, 3),
                        stride=(along_time, 1, 1),
                        padding=(0, 1, 1),
                        separable=separable,
                    )
                )
                channels = out_channels
            self.layers.append(nn.Sequential(*convolutions))
            length, upsampled = length // stride, upsampled * layer.factor
            if layer.lateral:
                if len(specs) < len(lateral_specs):
                    self.check_lateral(lateral_specs[len(specs)], channels, length)
                specs.append(self.lateral_spec(channels, length, upsampled))
        self.lateral_specs = tuple(specs)
        self.out_channels = channels

    def forward(
        self, features: tuple[Tensor, ...], laterals: tuple[Tensor, ...] = ()
    ) -> BranchOutput:
        """Decode the deepest feature.

        Args:
            features: the last is (B, C, t, h, w).
            laterals: none, or (B, 256, t -> 8, h, w) and (B, 64, -> 4, 4 h, 4 w), added where the
                sizes meet.

        Returns:
            `map_features` (B, 16, 16 h, 16 w) and two laterals of the sizes above.
        """
        feature = features[-1]
        self.check_feature(feature)
        waiting, handed_on = list(laterals), []
        for layer, planned in zip(self.layers, self.plan, strict=True):
            feature = upsample(layer(feature), planned.factor)
            if planned.lateral:
                if waiting:
                    feature = feature + waiting.pop(0)
                handed_on.append(feature)
        return BranchOutput(rearrange(feature, 'b c 1 h w -> b c h w'), tuple(handed_on))
