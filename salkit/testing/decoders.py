"""The suite of decoders, branches and fusion heads."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from ..decoders import Branch, BranchOutput, ConvFusion, Decoder, MultiBranchDecoder
from ..errors import ConfigError, ShapeError
from .decoder_cases import CASES, CELLS, Case
from .network import NetworkSuite
from .samples import noise
from .smoke import Arguments
from .suite import seeded

_each_case = pytest.mark.parametrize('case', CASES, ids=str)
# What a fusion head is given by branches of these names.
_CHANNELS = {'swin3d': 4, 'dfd': 3, 'own': 2}


class DecoderSuite(NetworkSuite):
    """What every decoder, branch or fusion head must do (see `salkit.decoders`).

        class TestMyBranch(DecoderSuite):
            part = MyBranch
            smoke = dict(width=0.125)

    A class that is neither a `Decoder` nor a `Branch` is tested as a fusion head: built with
    `in_channels`, it turns maps by branch name into one map (B, 1, H, W) in [0, 1].

    Attributes:
        part: the class.
        smoke: its arguments beside those that salkit fills in (`in_specs`, `clip_len`,
            `lateral_specs`, `in_channels`); None takes those that it was registered with.
        cases: encoders that it is built for, `Case`s; of the suite's, those that it refuses with a
            ConfigError are skipped.
    """

    registry = 'decoder'
    base = nn.Module
    cases: ClassVar[tuple[Case, ...]] = CASES

    # How the three kinds of parts are built and run --------------------------------------------

    @property
    def kind(self) -> str:
        """'decoder', 'branch' or 'fusion head'."""
        if issubclass(self.part, Decoder):
            return 'decoder'
        return 'branch' if issubclass(self.part, Branch) else 'fusion head'

    def skip_unless(self, kind: str) -> None:
        """Skip the running test where the part is of another kind."""
        if self.kind != kind:
            pytest.skip(f'{self.name} is a {self.kind}')

    @cached_property
    def case(self) -> Case:
        """The encoder that it is built for: the first that it takes, or what a check sets."""
        refusals = []
        for case in self.cases:
            self.case = case
            try:
                self.part(**self.arguments(), **self.given())
            except ConfigError as error:
                refusals.append(f'{case} ({error})')
            else:
                return case
        self.fail(f'refuses every encoder: {"; ".join(refusals)}')

    def given(self) -> Arguments:
        """What salkit fills in."""
        if self.kind == 'fusion head':
            return dict(in_channels=dict(_CHANNELS))
        return dict(in_specs=self.case.specs, clip_len=self.case.clip_len)

    def build(self, seed: int = 0, **others: object) -> nn.Module:
        """A new instance for the case, in evaluation mode."""
        if self.case not in self.cases:
            pytest.skip(f'{type(self).__name__} leaves out {self.case}')
        with seeded(seed):
            try:
                return self.part(**self.arguments(), **self.given()).eval()
            except ConfigError as error:
                pytest.skip(f'{self.name} refuses {self.case}: {error}')

    def in_decoder(self, before: Arguments | None = None) -> MultiBranchDecoder:
        """A decoder with the part as its last branch, behind another where one is given."""
        branches = dict(before=before, tested=dict(type=self.part, **self.arguments()))
        fusion = dict(type=ConvFusion, width=0.5)
        with seeded(0):
            decoder = MultiBranchDecoder(self.case.specs, self.case.clip_len, branches, fusion)
        return decoder.eval()

    def inputs(self, module: nn.Module) -> tuple[Tensor, ...]:
        """Features of the encoder, or maps for a fusion head."""
        if self.kind != 'fusion head':
            return self.case.features()
        return tuple(noise((2, n, *self.case.size), i) for i, n in enumerate(_CHANNELS.values()))

    def run(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """A map, or the map_features and laterals of a branch."""
        if self.kind == 'decoder':
            return (module(inputs, self.case.size),)
        if self.kind == 'fusion head':
            return (module(dict(zip(_CHANNELS, inputs, strict=True))),)
        out = module(inputs, ())
        if not isinstance(out, BranchOutput):
            self.fail(f'forward gives a {type(out).__name__}, expected a BranchOutput')
        return (out.map_features, *out.laterals)

    # What it gives -----------------------------------------------------------------------------

    @_each_case
    def test_output(self, case: Case) -> None:
        """For many encoders, what it gives has the right shape and is finite."""
        self.case = case
        module = self.build()
        first, *laterals = self.outputs(module, self.inputs(module))
        if self.kind == 'branch':
            self._check_branch(module, first, laterals)
        else:
            channel = (1,) if self.kind == 'fusion head' else ()
            whose = f'for {case.described}, '
            self.check_saliency_map(first, (2, *channel, *case.size), whose)

    def _check_branch(self, branch: nn.Module, maps: Tensor, laterals: list[Tensor]) -> None:
        assert isinstance(branch, Branch)
        where = f'for {self.case.described}'
        expected = (2, branch.out_channels, *(n * branch.scale for n in CELLS))
        self.check(
            maps.shape == expected,
            f'map_features is {tuple(maps.shape)} {where}, expected {expected}: out_channels is '
            f'declared as {branch.out_channels}, scale as {branch.scale}',
        )
        self.check(torch.isfinite(maps).all(), f'map_features holds NaN or infinity {where}')
        specs = branch.lateral_specs
        self.check(
            len(laterals) == len(specs),
            f'lateral_specs declares {len(specs)}, forward hands over {len(laterals)}',
        )
        for i, (lateral, spec) in enumerate(zip(laterals, specs, strict=True)):
            shape = self.case.shape(spec)
            # Strides are rounded where patches of 14 pixels do not divide into whole ones.
            known = 3 if any(map(int.__mod__, self.case.size, spec.stride_thw[1:])) else 5
            self.check(
                lateral.ndim == 5 and lateral.shape[:known] == shape[:known],
                f'laterals[{i}] is {tuple(lateral.shape)} {where}, expected {shape}: it is '
                f'declared as {spec}',
            )

    def test_out_size_is_obeyed(self) -> None:
        """A decoder gives the rows and columns that it is asked for."""
        self.skip_unless('decoder')
        module, (rows, columns) = self.build(), self.case.size
        for size in ((37, 53), (2 * rows, columns)):
            with torch.no_grad():
                got = tuple(module(self.case.features(), size).shape)
            self.check(got == (2, *size), f'gives {got} for out_size {size}')

    @_each_case
    def test_inside_a_decoder(self, case: Case) -> None:
        """A branch makes a decoder, by itself and with the laterals of a branch before."""
        self.skip_unless('branch')
        self.case = case
        self.build()
        width = self.arguments().get('width', 1.0)
        candidates: dict[str, Arguments | None] = {
            'no other': None,
            'Swin3DBranch': dict(type='Swin3DBranch', depth=1, width=width, num_heads=1),
            'DFDBranch': dict(type='DFDBranch', width=width),
            'another of its kind': dict(type=self.part, **self.arguments()),
        }
        for name, before in candidates.items():
            try:
                decoder = self.in_decoder(before)
            except ConfigError:
                # It says that their laterals do not fit.
                continue
            what = f'a decoder that has it behind {name} for {case.described}'
            with torch.no_grad(), self.succeeds(what):
                saliency_map = decoder(case.features(), case.size)
            self.check_saliency_map(saliency_map, (2, *case.size), f'{what} ')

    def test_any_number_of_branches(self) -> None:
        """A fusion head takes one branch as well as several."""
        self.skip_unless('fusion head')
        for channels in ({'own': 3}, {'sfd': 2, 'dfd': 5, 'swin3d': 1, 'own': 4}):
            head = self.part(**self.arguments(), in_channels=dict(channels))
            maps = {name: noise((2, count, 8, 12)) for name, count in channels.items()}
            with torch.no_grad(), self.succeeds(f'fusing the maps of {list(channels)}'):
                fused = head(maps)
            self.check_saliency_map(fused, (2, 1, 8, 12))

    def test_refuses_a_feature_that_was_not_declared(self) -> None:
        """A deepest feature of other channels, length or rank is a ShapeError."""
        if self.kind == 'fusion head':
            pytest.skip(f'{self.name} is a fusion head')
        module = self.build()
        *others, last = self.case.features()
        wrong = dict(
            channels=torch.cat([last, last], 1),
            length=torch.cat([last, last], 2),
            rank=last[:, :, 0],
        )
        for name, feature in wrong.items():
            what = f'a feature of another {name}, {tuple(feature.shape)} for {tuple(last.shape)},'
            with torch.no_grad(), self.raises(ShapeError, what):
                self.run(module, (*others, feature))

    # Training ----------------------------------------------------------------------------------

    @_each_case
    def test_gradients_reach_every_parameter(self, case: Case) -> None:
        """Every trainable parameter has a part in the output."""
        self.case = case
        module = self.build()
        # Where few time steps are left a parameter may be without effect, such as what an
        # attention over one of them would weigh: zero is a gradient here.
        where = f' for {case.described}'
        self.check_gradients(module, self.inputs(module), where, zero_is_lost=False)

    def test_learns(self) -> None:
        """A few optimizer steps lower the loss, in a decoder where the part is a branch."""
        size = self.case.size
        module = self.in_decoder() if self.kind == 'branch' else self.build()
        inputs = self.inputs(module)

        def predict() -> Tensor:
            if self.kind == 'branch':
                return module(inputs, size)
            return self.run(module, inputs)[0].flatten(0, -3)

        self.check_learns([module], predict, size)
