"""DFD branch: dynamic features by 3D convolutions, the paper, sec. 2.2."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from ..layers import conv_relu, factor_pair, temporal_strides, upsample
from ..registry import DECODERS
from ..types import FeatureSpec
from .base import Branch, BranchOutput, choose, scaled_width

# Per layer: channels, which of the temporal strides it takes (None: keeps the length), the factor
# of the up-sampling that follows, and whether a lateral is then added and handed on.
# The strides are t -> 8, 8 -> 4, and 4 -> 1 in one step ('last') or in two.
STANDARD = [
    (512, None, 1, False),
    (256, 'first', 1, True),
    (128, None, 2, False),
    (64, 'second', 2, True),
    (32, 'last_a', 2, False),
    (16, 'last_b', 2, False),
]
FEWER = [(256, 'first', 1, True), (64, 'second', 4, True), (16, 'last', 4, False)]
LAYERS = {'standard': STANDARD, 'extra': STANDARD, 'fewer': FEWER}


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
        plan = choose('DFDBranch', 'layers', layers, LAYERS)
        first, second, last = temporal_strides(self.in_length)
        last_a, last_b = factor_pair(last)
        strides = {
            None: 1,
            'first': first,
            'second': second,
            'last': last,
            'last_a': last_a,
            'last_b': last_b,
        }
        self.plan = [(up, lateral) for _, _, up, lateral in plan]
        self.layers = nn.ModuleList()
        specs, channels, length, upsampled = [], self.in_channels, self.in_length, 1
        for base_channels, name, up, lateral in plan:
            out_channels, stride = scaled_width(base_channels, width), strides[name]
            layer = [
                conv_relu(
                    3,
                    channels,
                    out_channels,
                    (stride, 3, 3),
                    stride=(stride, 1, 1),
                    padding=(0, 1, 1),
                    separable=separable,
                )
            ]
            if layers == 'extra':
                layer.append(
                    conv_relu(
                        3,
                        out_channels,
                        out_channels,
                        (1, 3, 3),
                        padding=(0, 1, 1),
                        separable=separable,
                    )
                )
            self.layers.append(nn.Sequential(*layer))
            channels, length, upsampled = out_channels, length // stride, upsampled * up
            if lateral:
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
        for layer, (up, lateral) in zip(self.layers, self.plan, strict=True):
            feature = upsample(layer(feature), up)
            if lateral:
                if waiting:
                    feature = feature + waiting.pop(0)
                handed_on.append(feature)
        return BranchOutput(rearrange(feature, 'b c 1 h w -> b c h w'), tuple(handed_on))
