"""Encoders that decoders, branches and fusion heads are built for."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..types import FeatureSpec
from .samples import noise

# Rows and columns of the deepest feature.
CELLS = (2, 3)


@dataclass(frozen=True)
class Case:
    """An encoder that a decoder may be built for: its features, and its frames per clip."""

    name: str
    specs: tuple[FeatureSpec, ...]
    clip_len: int

    def shape(self, spec: FeatureSpec) -> tuple[int, int, int, int, int]:
        """What a feature or lateral of two clips must be."""
        rows, columns = self.size
        _, stride_h, stride_w = spec.stride_thw
        length = spec.length(self.clip_len)
        return 2, spec.channels, length, rows // stride_h, columns // stride_w

    def features(self) -> tuple[Tensor, ...]:
        """Features of two clips whose deepest one has `CELLS` rows and columns."""
        return tuple(noise(self.shape(spec), i) for i, spec in enumerate(self.specs))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of that clip."""
        _, rows, columns = self.specs[-1].stride_thw
        return CELLS[0] * rows, CELLS[1] * columns

    @property
    def described(self) -> str:
        """The case in a sentence."""
        specs = ', '.join(f'{spec.channels} channels {spec.stride_thw}' for spec in self.specs)
        return f'{self.clip_len} frames, features of {specs}'

    def __str__(self) -> str:
        return self.name


def _case(name: str, clip_len: int, *features: tuple[int, tuple[int, int, int]]) -> Case:
    return Case(name, tuple(FeatureSpec(*feature) for feature in features), clip_len)


CASES = (
    _case('frames8', 8, (12, (1, 16, 16))),
    _case('tubelets16', 16, (10, (2, 16, 16))),
    _case('frames16', 16, (12, (1, 16, 16))),
    _case('one-frame', 1, (12, (1, 16, 16))),
    _case('two-steps', 4, (12, (2, 16, 16))),
    _case('patch14', 8, (12, (2, 14, 14))),
    _case('pyramid', 8, (4, (2, 4, 4)), (6, (2, 8, 8)), (8, (2, 16, 16)), (12, (2, 32, 32))),
    _case('slow-pyramid', 16, (6, (4, 16, 16)), (12, (8, 32, 32))),
    _case('several-depths', 8, (12, (1, 16, 16)), (12, (1, 16, 16))),
)
