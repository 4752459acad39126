"""SFD branch: static features by 2D convolutions, the paper, sec. 2.2."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from ..layers import conv_relu, prime_factors, upsample
from ..registry import DECODERS
from ..types import FeatureSpec
from .base import Branch, BranchOutput, choose, scaled_width

# Per layer: channels, the factor of the up-sampling that follows, whether a lateral is then added.
STANDARD = [
    (512, 1, False),
    (256, 1, False),
    (256, 1, True),
    (128, 1, False),
    (64, 2, False),
    (64, 2, True),
    (32, 1, False),
    (16, 2, False),
    (16, 2, False),
]
LAYERS = {'standard': STANDARD, 'extra': STANDARD, 'fewer': STANDARD}
THIRD = (2, 5, 8)


def _collapse_lateral(spec: FeatureSpec, clip_len: int) -> nn.Sequential:
    """Convolutions along time, each halving it, until one time step is left."""
    length, layers = spec.length(clip_len), []
    while length > 1:
        layers.append(
            conv_relu(
                3,
                spec.channels,
                spec.channels,
                (3, 1, 1),
                stride=(2, 1, 1),
                padding=(1, 0, 0),
                bias=True,
            )
        )
        length = (length + 1) // 2
    return nn.Sequential(*layers)


@DECODERS.register_module()
class SFDBranch(Branch):
    """Static feature decoding: time is collapsed first (the paper, sec. 2.2, table 2).

    Args:
        layers: 'standard' (nine 2D convolutions), 'extra' (one more after the 3rd, 6th and 9th,
            same channels) or 'fewer' (the 3rd, 6th and 9th left out; what follows them stays).
        separable: depth-wise separable 2D convolutions.
        width: factor on the paper's channels (512, 256, 256, 128, 64, 64, 32, 16, 16).
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
        plan = choose('SFDBranch', 'layers', layers, LAYERS)
        self.collapse = nn.Sequential(
            *(
                conv_relu(
                    3,
                    self.in_channels,
                    self.in_channels,
                    (factor, 3, 3),
                    stride=(factor, 1, 1),
                    padding=(0, 1, 1),
                )
                for factor in prime_factors(self.in_length)
            )
        )
        self.plan = [(up, lateral) for _, up, lateral in plan]
        self.layers = nn.ModuleList()
        self.lateral_collapse = nn.ModuleList()
        channels = self.in_channels
        for index, (base_channels, _, lateral) in enumerate(plan):
            out_channels = scaled_width(base_channels, width)
            third = index in THIRD
            count = {'standard': 1, 'extra': 2, 'fewer': 0}[layers] if third else 1
            convs = []
            for _ in range(count):
                convs.append(
                    conv_relu(2, channels, out_channels, 3, padding=1, separable=separable)
                )
                channels = out_channels
            self.layers.append(nn.Sequential(*convs))
            if lateral and len(self.lateral_collapse) < len(lateral_specs):
                spec = lateral_specs[len(self.lateral_collapse)]
                self.check_lateral(spec, channels, spec.length(clip_len))
                self.lateral_collapse.append(_collapse_lateral(spec, clip_len))
        self.lateral_specs = ()
        self.out_channels = channels

    def forward(
        self, features: tuple[Tensor, ...], laterals: tuple[Tensor, ...] = ()
    ) -> BranchOutput:
        """Decode the deepest feature.

        Args:
            features: the last is (B, C, t, h, w).
            laterals: none, or (B, 256, t1, h, w) and (B, 64, t2, 4 h, 4 w), collapsed along time
                and added where the sizes meet.

        Returns:
            `map_features` (B, 16, 16 h, 16 w), no laterals.
        """
        self.check_feature(features[-1])
        feature = rearrange(self.collapse(features[-1]), 'b c 1 h w -> b c h w')
        waiting = list(zip(self.lateral_collapse, laterals, strict=False))
        for layer, (up, lateral) in zip(self.layers, self.plan, strict=True):
            feature = upsample(layer(feature), up)
            if lateral and waiting:
                collapse, extra = waiting.pop(0)
                feature = feature + rearrange(collapse(extra), 'b c 1 h w -> b c h w')
        return BranchOutput(feature, ())
