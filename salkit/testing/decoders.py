"""The suite of decoders, branches and fusion heads."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from ..decoders import Branch, BranchOutput
from ..errors import ConfigError, ShapeError
from ..types import FeatureSpec
from .decoder_kinds import (
    CASES,
    CELLS,
    BranchOfDecoder,
    Case,
    FusionHead,
    Kind,
    WholeDecoder,
    kind_of,
)
from .learning import learn, lowered
from .smoke import Arguments
from .suite import NetworkSuite, noise, seeded

_each_case = pytest.mark.parametrize('case', CASES, ids=str)


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

    # Helpers -----------------------------------------------------------------------------------

    @property
    def kind(self) -> Kind:
        """How the part is built and run."""
        return kind_of(self.part)(self.part, self.arguments())

    @cached_property
    def case(self) -> Case:
        """The first case that the part takes."""
        refusals = []
        for case in self.cases:
            try:
                self.kind.build(case)
            except ConfigError as error:
                refusals.append(f'{case} ({error})')
            else:
                return case
        self.fail(f'refuses every encoder: {"; ".join(refusals)}')

    def given(self) -> Arguments:
        """What salkit fills in."""
        return self.kind.given(self.case)

    def build(self, seed: int = 0, **others: object) -> nn.Module:
        """A new instance for the first case that it takes."""
        return self.build_for(self.case, seed)

    def build_ready(self, seed: int = 0) -> nn.Module:
        """The same."""
        return self.build(seed)

    def inputs(self, module: nn.Module, seed: int = 0) -> tuple[Tensor, ...]:
        """Features, or maps for a fusion head."""
        return self.kind.inputs(self.case, seed=seed)

    def run(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """A map, or what a branch gives."""
        return self.kind.run(module, self.case, inputs)

    def build_for(self, case: Case, seed: int = 0) -> nn.Module:
        """A new instance for `case`, in evaluation mode."""
        if case.name not in [each.name for each in self.cases]:
            pytest.skip(f'{type(self).__name__} leaves out {case}')
        with seeded(seed):
            try:
                return self.kind.build(case).eval()
            except ConfigError as error:
                pytest.skip(f'{self.name} refuses {case}: {error}')

    def _branch(self) -> BranchOfDecoder:
        kind = self.kind
        if not isinstance(kind, BranchOfDecoder):
            pytest.skip(f'{self.name} is not a branch')
        return kind

    # What it gives -----------------------------------------------------------------------------

    def test_takes_some_encoder(self) -> None:
        """It can be built for at least one of the suite's encoders."""
        self.build()

    @_each_case
    @pytest.mark.parametrize('batch', [1, 2])
    def test_output(self, case: Case, batch: int) -> None:
        """For many encoders, what it gives has the right shape and is finite."""
        module, kind = self.build_for(case), self.kind
        inputs, where = kind.inputs(case, batch), f'for {_described(case)}, '
        with torch.no_grad(), self.succeeds(f'forward for {_described(case)}'):
            outputs = kind.run(module, case, inputs)
        if isinstance(kind, WholeDecoder):
            self.check_saliency_map(outputs[0], (batch, *case.size), where)
        elif isinstance(kind, FusionHead):
            self.check_saliency_map(outputs[0], (batch, 1, *case.size), where)
        else:
            with torch.no_grad():
                self._check_branch(module, case, module(inputs, ()), batch)

    def _check_branch(self, branch: nn.Module, case: Case, out: object, batch: int) -> None:
        assert isinstance(branch, Branch)
        if not isinstance(out, BranchOutput):
            self.fail(f'forward gives a {type(out).__name__}, expected a BranchOutput')
        expected = (batch, branch.out_channels, *(n * branch.scale for n in CELLS))
        shape = tuple(out.map_features.shape)
        self.check(
            shape == expected,
            f'map_features is {shape} for {_described(case)}, expected {expected}: out_channels is '
            f'declared as {branch.out_channels}, scale as {branch.scale}',
        )
        self.check(
            torch.isfinite(out.map_features).all(), 'map_features holds values that are not finite'
        )
        specs = branch.lateral_specs
        self.check(
            isinstance(out.laterals, tuple) and len(out.laterals) == len(specs),
            f'lateral_specs declares {len(specs)}, forward hands over {len(out.laterals)}',
        )
        for i, (lateral, spec) in enumerate(zip(out.laterals, specs, strict=True)):
            self._check_lateral(i, lateral, spec, case, batch)

    def _check_lateral(
        self, i: int, lateral: Tensor, spec: FeatureSpec, case: Case, batch: int
    ) -> None:
        self.check(
            lateral.ndim == 5 and lateral.shape[0] == batch,
            f'laterals[{i}] is {tuple(lateral.shape)}, expected ({batch}, c, t, h, w)',
        )
        channels, length = lateral.shape[1:3]
        self.check(
            channels == spec.channels,
            f'lateral_specs[{i}].channels is declared as {spec.channels}, forward gives {channels}',
        )
        self.check(
            length == spec.length(case.clip_len),
            f'lateral_specs[{i}].stride_thw[0] is declared as {spec.stride_thw[0]}, which is '
            f'{spec.length(case.clip_len)} time steps for {case.clip_len} frames, forward gives '
            f'{length}',
        )
        for axis, name in ((1, 'rows'), (2, 'columns')):
            stride, deepest = spec.stride_thw[axis], case.specs[-1].stride_thw[axis]
            got = lateral.shape[2 + axis]
            # Patches of 14 pixels do not divide into whole ones.
            if deepest % stride == 0:
                self.check(
                    got == CELLS[axis - 1] * deepest // stride,
                    f'lateral_specs[{i}].stride_thw[{axis}] is declared as {stride}, '
                    f'{case.size[axis - 1]} {name} become {got}',
                )

    def test_out_size_is_obeyed(self) -> None:
        """A decoder gives the rows and columns that it is asked for."""
        if not isinstance(self.kind, WholeDecoder):
            pytest.skip(f'{self.name} is not a whole decoder')
        case, module = self.case, self.build()
        for size in (case.size, (37, 53), (case.size[0] * 2, case.size[1])):
            with torch.no_grad():
                saliency_map = module(case.features(), size)
            self.check(
                tuple(saliency_map.shape) == (2, *size),
                f'gives {tuple(saliency_map.shape)} for out_size {size}',
            )

    # Branches among themselves -----------------------------------------------------------------

    @_each_case
    def test_laterals_of_a_branch_before(self, case: Case) -> None:
        """A branch takes the laterals of the branch before, or says that they do not fit."""
        kind = self._branch()
        self.build_for(case)
        refusals = []
        for before in kind.before_candidates():
            try:
                with seeded(0):
                    decoder = kind.decoder(case, before=before).eval()
            except ConfigError as error:
                refusals.append(str(error))
                continue
            first, tested = decoder.branches['before'], decoder.branches['tested']
            features = case.features()
            what = f'forward with the laterals of {type(first).__name__} for {_described(case)}'
            with torch.no_grad(), self.succeeds(what):
                out = tested(features, first(features, ()).laterals)
            self._check_branch(tested, case, out, 2)
        if len(refusals) == 3:
            pytest.skip(f'{self.name} takes the laterals of no branch here: {refusals[0]}')

    @_each_case
    def test_inside_a_decoder(self, case: Case) -> None:
        """A branch makes a decoder, with a fusion head behind it."""
        kind = self._branch()
        self.build_for(case)
        with seeded(0):
            decoder = kind.decoder(case).eval()
        with torch.no_grad():
            saliency_map = decoder(case.features(), case.size)
        self.check_saliency_map(saliency_map, (2, *case.size), 'inside a decoder, ')

    def test_any_number_of_branches(self) -> None:
        """A fusion head takes one branch as well as several."""
        if not isinstance(self.kind, FusionHead):
            pytest.skip(f'{self.name} is not a fusion head')
        for channels in ({'own': 3}, {'sfd': 2, 'dfd': 5, 'swin3d': 1, 'own': 4}):
            head = self.part(**self.arguments(), in_channels=dict(channels))
            maps = {name: noise((2, count, 8, 12)) for name, count in channels.items()}
            with torch.no_grad(), self.succeeds(f'fusing the maps of {list(channels)}'):
                fused = head(maps)
            self.check_saliency_map(fused, (2, 1, 8, 12))

    # How it behaves ----------------------------------------------------------------------------

    def test_refuses_a_feature_that_was_not_declared(self) -> None:
        """A deepest feature of other channels, length or rank is a ShapeError."""
        if isinstance(self.kind, FusionHead):
            pytest.skip(f'{self.name} is a fusion head')
        module = self.build()
        *others, last = self.case.features()
        wrong = {
            'channels': torch.cat([last, last], 1),
            'length': torch.cat([last, last], 2),
            'rank': last[:, :, 0],
        }
        for name, feature in wrong.items():
            shapes = f'{tuple(feature.shape)} for {tuple(last.shape)}'
            with (
                torch.no_grad(),
                self.raises(ShapeError, f'a feature of another {name}, {shapes},'),
            ):
                self.run(module, (*others, feature))

    # Weights and training ----------------------------------------------------------------------

    @_each_case
    def test_gradients_reach_every_parameter(self, case: Case) -> None:
        """Every trainable parameter has a part in the output."""
        module, kind = self.build_for(case), self.kind
        # Where few time steps are left a parameter may be without effect, such as what an
        # attention over one of them would weigh: zero is a gradient here.
        self.check_gradients(
            module,
            lambda m, i: kind.run(m, case, kind.inputs(case, seed=i)),
            where=f' for {_described(case)}',
            zero_is_lost=False,
        )

    def test_learns(self) -> None:
        """A few optimizer steps lower the loss."""
        case = self.case
        with seeded(0):
            module, predict = self.kind.predictor(self.kind.build(case), case)
        inputs = self.kind.inputs(case)
        module.train()
        losses = learn([module], lambda: predict(inputs), (len(inputs[0]), *case.size))
        lowered(self, losses)


def _described(case: Case) -> str:
    specs = ', '.join(f'{spec.channels} channels {spec.stride_thw}' for spec in case.specs)
    return f'{case.clip_len} frames, features of {specs}'
