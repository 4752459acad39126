"""How the three kinds of parts in the registry of decoders are built and run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from ..decoders import Branch, BranchOutput, ConvFusion, Decoder, MultiBranchDecoder
from ..types import FeatureSpec
from .smoke import Arguments
from .suite import noise

Tensors = tuple[Tensor, ...]
# From what a part is run on to a saliency_map (B, H, W).
Predict = Callable[[Tensors], Tensor]
CELLS = (2, 3)


@dataclass(frozen=True)
class Case:
    """An encoder that a decoder may be built for.

    Attributes:
        name: shown in the names of tests.
        specs: its features.
        clip_len: its frames per clip.
    """

    name: str
    specs: tuple[FeatureSpec, ...]
    clip_len: int

    def features(self, batch: int = 2, seed: int = 0) -> Tensors:
        """Features of a clip whose deepest one has `CELLS` rows and columns."""
        deepest = self.specs[-1].stride_thw
        shapes = (
            (
                batch,
                spec.channels,
                spec.length(self.clip_len),
                *(n * deepest[i] // spec.stride_thw[i] for i, n in enumerate(CELLS, 1)),
            )
            for spec in self.specs
        )
        return tuple(noise(shape, seed + i) for i, shape in enumerate(shapes))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of that clip."""
        _, rows, columns = self.specs[-1].stride_thw
        return CELLS[0] * rows, CELLS[1] * columns

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
    _case(
        'pyramid',
        8,
        (4, (2, 4, 4)),
        (6, (2, 8, 8)),
        (8, (2, 16, 16)),
        (12, (2, 32, 32)),
    ),
    _case('slow-pyramid', 16, (6, (4, 16, 16)), (12, (8, 32, 32))),
    _case('several-depths', 8, (12, (1, 16, 16)), (12, (1, 16, 16))),
)
FIRST = CASES[0]


class Kind:
    """How a part is built for a case, what it is run on and what it gives.

    Args:
        part: the class.
        arguments: the smoke arguments.
    """

    def __init__(self, part: type, arguments: Arguments) -> None:
        self.part = part
        self.arguments = arguments

    def given(self, case: Case) -> Arguments:
        """What salkit fills in."""
        return dict(in_specs=case.specs, clip_len=case.clip_len)

    def build(self, case: Case) -> nn.Module:
        """A new instance."""
        return self.part(**self.arguments, **self.given(case))

    def inputs(self, case: Case, batch: int = 2, seed: int = 0) -> Tensors:
        """What it is run on, the batch first in each."""
        return case.features(batch, seed)

    def run(self, module: nn.Module, case: Case, inputs: Tensors) -> Tensors:
        """Its outputs, the batch first in each."""
        raise NotImplementedError

    def predictor(self, module: nn.Module, case: Case) -> tuple[nn.Module, Predict]:
        """The module to train, and the function that gives a saliency_map (B, *case.size)."""
        return module, lambda inputs: self.run(module, case, inputs)[0].flatten(0, -3)


class WholeDecoder(Kind):
    """A decoder by itself."""

    def run(self, module: nn.Module, case: Case, inputs: Tensors) -> Tensors:
        """One saliency_map (B, H, W)."""
        return (module(inputs, case.size),)


class BranchOfDecoder(Kind):
    """A branch."""

    def run(self, module: nn.Module, case: Case, inputs: Tensors) -> Tensors:
        """Its map_features and its laterals."""
        out = module(inputs, ())
        return (out.map_features, *out.laterals) if isinstance(out, BranchOutput) else (out,)

    def decoder(self, case: Case, **branches: Arguments | None) -> MultiBranchDecoder:
        """A decoder with `branches`, in which the branch is the last."""
        branches['tested'] = dict(type=self.part, **self.arguments)
        fusion = dict(type=ConvFusion, width=0.5)
        return MultiBranchDecoder(case.specs, case.clip_len, branches=branches, fusion=fusion)

    def predictor(self, module: nn.Module, case: Case) -> tuple[nn.Module, Predict]:
        """A decoder that has this branch alone."""
        decoder = self.decoder(case)
        return decoder, lambda inputs: decoder(inputs, case.size)

    def before_candidates(self) -> list[Arguments]:
        """Configs of branches whose laterals the branch may take."""
        width = self.arguments.get('width', 1.0)
        return [
            dict(type='Swin3DBranch', depth=1, width=width, num_heads=1),
            dict(type='DFDBranch', width=width),
            dict(type=self.part, **self.arguments),
        ]


class FusionHead(Kind):
    """What turns the branches' maps into one."""

    channels: ClassVar[dict[str, int]] = {'swin3d': 4, 'dfd': 3, 'own': 2}

    def given(self, case: Case) -> Arguments:
        """The channels of each branch."""
        return dict(in_channels=dict(self.channels))

    def inputs(self, case: Case, batch: int = 2, seed: int = 0) -> Tensors:
        """One map a branch."""
        shapes = ((batch, channels, *case.size) for channels in self.channels.values())
        return tuple(noise(shape, seed + i) for i, shape in enumerate(shapes))

    def run(self, module: nn.Module, case: Case, inputs: Tensors) -> Tensors:
        """One map (B, 1, H, W)."""
        return (module(dict(zip(self.channels, inputs, strict=True))),)


def kind_of(part: type) -> type[Kind]:
    """Whether a class is a whole decoder, a branch or a fusion head."""
    if issubclass(part, Decoder):
        return WholeDecoder
    return BranchOfDecoder if issubclass(part, Branch) else FusionHead
