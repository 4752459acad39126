"""SFD branch: static features by 2D convolutions, the paper, sec. 2.2."""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from ..layers import conv_relu, prime_factors, upsample
from ..registry import DECODERS
from ..types import FeatureSpec
from ..utils.text import check_choice
from .base import Branch, BranchOutput, Layer, scaled_width

# The paper's variants.
LAYERS = {
    'standard': (
        Layer((512,)),
        Layer((256,)),
        Layer((256,), lateral=True),
        Layer((128,)),
        Layer((64,), factor=2),
        Layer((64,), factor=2, lateral=True),
        Layer((32,)),
        Layer((16,), factor=2),
        Layer((16,), factor=2),
    ),
    'extra': (
        Layer((512,)),
        Layer((256,)),
        Layer((256, 256), lateral=True),
        Layer((128,)),
        Layer((64,), factor=2),
        Layer((64, 64), factor=2, lateral=True),
        Layer((32,)),
        Layer((16,), factor=2),
        Layer((16, 16), factor=2),
    ),
    'fewer': (
        Layer((512,)),
        Layer((256,)),
        Layer((), lateral=True),
        Layer((128,)),
        Layer((64,), factor=2),
        Layer((), factor=2, lateral=True),
        Layer((32,)),
        Layer((16,), factor=2),
        Layer((), factor=2),
    ),
}


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
        check_choice('SFDBranch', 'layers', layers, LAYERS)
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
        self.plan = LAYERS[layers]
        self.layers = nn.ModuleList()
        self.lateral_collapse = nn.ModuleList()
        channels = self.in_channels
        for layer in self.plan:
            convolutions = []
            for base_channels in layer.convolutions:
                out_channels = scaled_width(base_channels, width)
                convolutions.append(
                    conv_relu(2, channels, out_channels, 3, padding=1, separable=separable)
                )
                channels = out_channels
            self.layers.append(nn.Sequential(*convolutions))
            if layer.lateral and len(self.lateral_collapse) < len(lateral_specs):
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
        for layer, planned in zip(self.layers, self.plan, strict=True):
            feature = upsample(layer(feature), planned.factor)
            if planned.lateral and waiting:
                collapse, extra = waiting.pop(0)
                feature = feature + rearrange(collapse(extra), 'b c 1 h w -> b c h w')
        return BranchOutput(feature, ())
