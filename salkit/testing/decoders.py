"""The suite of decoders, branches and fusion heads."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from ..checkpoints import load_weights, write_safetensors
from ..decoders import BranchOutput
from ..errors import CheckpointError, ConfigError, ShapeError
from .decoder_kinds import (
    CASES,
    CELLS,
    FIRST,
    BranchOfDecoder,
    Case,
    FusionHead,
    Kind,
    WholeDecoder,
    before_candidates,
    kind_of,
    no_grad_run,
)
from .learning import learn, lowered
from .suite import (
    ModuleSuite,
    distance,
    listed,
    noise,
    perturb,
    said,
    same_values,
    seeded,
    unreached,
)

_each_case = pytest.mark.parametrize('case', CASES, ids=str)


class DecoderSuite(ModuleSuite):
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
        return kind_of(self.part)(self.part, self.arguments)

    def given(self) -> dict[str, Any]:
        """What salkit fills in."""
        return self.kind.given(self._usable_case())

    def build(self, seed: int = 0, **others: Any) -> nn.Module:
        """A new instance for the first case that it takes."""
        return self.build_for(self._usable_case(), seed)

    def build_for(self, case: Case, seed: int = 0) -> nn.Module:
        """A new instance for `case`, in evaluation mode."""
        if case.name not in [each.name for each in self.cases]:
            pytest.skip(f'{type(self).__name__} leaves out {case}')
        with seeded(seed):
            try:
                return self.kind.build(case).eval()
            except ConfigError as error:
                pytest.skip(f'{self.name} refuses {case}: {error}')

    def _usable_case(self) -> Case:
        refusals = []
        for case in self.cases:
            try:
                self.kind.build(case)
            except ConfigError as error:
                refusals.append(f'{case} ({error})')
            else:
                return case
        self.fail(f'refuses every encoder: {"; ".join(refusals)}')

    def decode(self, module: nn.Module, case: Case, inputs: tuple[Tensor, ...]) -> tuple:
        """The outputs, without gradients."""
        try:
            return no_grad_run(self.kind, module, case, inputs)
        except Exception as error:
            self.fail(f'forward fails for {_told(case)}: {said(error)}')

    def _is(self, kind: type[Kind], what: str) -> None:
        if kind_of(self.part) is not kind:
            pytest.skip(f'{self.name} is no {what}')

    def _check_map(self, value: Any, shape: tuple[int, ...], case: Case) -> None:
        """A map of this shape, in [0, 1]."""
        self.check(
            isinstance(value, Tensor), f'forward gives a {type(value).__name__}, expected a tensor'
        )
        self.check(
            tuple(value.shape) == shape,
            f'gives {tuple(value.shape)} for {_told(case)}, expected {shape}',
        )
        self.check(value.dtype == torch.float32, f'gives {value.dtype}, expected torch.float32')
        self.check(torch.isfinite(value).all(), 'gives values that are not finite')
        low, high = value.min().item(), value.max().item()
        self.check(
            low >= 0 and high <= 1, f'gives values from {low:.3g} to {high:.3g}, expected [0, 1]'
        )

    # What it gives -----------------------------------------------------------------------------

    def test_takes_some_encoder(self) -> None:
        """It can be built for at least one of the suite's encoders."""
        self._usable_case()

    @_each_case
    @pytest.mark.parametrize('batch', [1, 2])
    def test_output(self, case: Case, batch: int) -> None:
        """For many encoders, what it gives has the right shape and is finite."""
        module, kind = self.build_for(case), self.kind
        inputs = kind.inputs(case, batch)
        before = [each.clone() for each in inputs]
        outputs = self.decode(module, case, inputs)
        if isinstance(kind, WholeDecoder):
            self._check_map(outputs[0], (batch, *case.size), case)
        elif isinstance(kind, FusionHead):
            self._check_map(outputs[0], (batch, 1, *case.size), case)
        else:
            with torch.no_grad():
                self._check_branch(module, case, module(inputs, ()), batch)
        self.check(
            all(map(same_values, inputs, before)), 'forward changes the features that it is given'
        )

    def _check_branch(self, branch: nn.Module, case: Case, out: Any, batch: int) -> None:
        self.check(
            isinstance(out, BranchOutput),
            f'forward gives a {type(out).__name__}, expected a BranchOutput',
        )
        expected = (batch, branch.out_channels, *(n * branch.scale for n in CELLS))
        shape = tuple(out.map_features.shape)
        self.check(
            shape == expected,
            f'map_features is {shape} for {_told(case)}, expected {expected}: out_channels is '
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

    def _check_lateral(self, i: int, lateral: Tensor, spec: Any, case: Case, batch: int) -> None:
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
        self._is(WholeDecoder, 'whole decoder')
        case = self._usable_case()
        module = self.build_for(case)
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
        self._is(BranchOfDecoder, 'branch')
        self.build_for(case)
        refusals = []
        for before in before_candidates(self.part, self.arguments()):
            try:
                with seeded(0):
                    decoder = self.kind.decoder(case, before=before).eval()
            except ConfigError as error:
                refusals.append(str(error))
                continue
            first, tested = decoder.branches['before'], decoder.branches['tested']
            features = case.features()
            with torch.no_grad():
                try:
                    out = tested(features, first(features, ()).laterals)
                except Exception as error:
                    self.fail(
                        f'fails with the laterals of {type(first).__name__} for {_told(case)}: '
                        f'{said(error)}'
                    )
            self._check_branch(tested, case, out, 2)
        if len(refusals) == 3:
            pytest.skip(f'{self.name} takes the laterals of no branch here: {refusals[0]}')

    @_each_case
    def test_inside_a_decoder(self, case: Case) -> None:
        """A branch makes a decoder, with a fusion head behind it."""
        self._is(BranchOfDecoder, 'branch')
        self.build_for(case)
        with seeded(0):
            decoder = self.kind.decoder(case).eval()
        with torch.no_grad():
            saliency_map = decoder(case.features(), case.size)
        self._check_map(saliency_map, (2, *case.size), case)

    def test_any_number_of_branches(self) -> None:
        """A fusion head takes one branch as well as several."""
        self._is(FusionHead, 'fusion head')
        for channels in ({'own': 3}, {'sfd': 2, 'dfd': 5, 'swin3d': 1, 'own': 4}):
            head = self.part(**self.arguments(), in_channels=dict(channels))
            maps = {name: noise((2, count, 8, 12)) for name, count in channels.items()}
            try:
                with torch.no_grad():
                    fused = head(maps)
            except Exception as error:
                self.fail(f'does not fuse the maps of {list(channels)}: {said(error)}')
            self._check_map(fused, (2, 1, 8, 12), FIRST)

    # How it behaves ----------------------------------------------------------------------------

    def test_evaluation_is_deterministic(self) -> None:
        """In evaluation mode the same features give the same map."""
        case = self._usable_case()
        module = self.build_for(case)
        inputs = self.kind.inputs(case)
        with seeded(1):
            first = self.decode(module, case, inputs)
        with seeded(2):
            second = self.decode(module, case, inputs)
        off = max(distance(a, b) for a, b in zip(first, second, strict=True))
        self.check(off < 1e-6, f'output differs by {off:.2g} between two runs in eval mode')

    def test_batch_items_are_independent(self) -> None:
        """What it gives for a clip does not depend on the other clips of the batch."""
        case = self._usable_case()
        module = self.build_for(case)
        inputs = self.kind.inputs(case)
        together = self.decode(module, case, inputs)
        for item in (0, 1):
            alone = self.decode(module, case, tuple(i[item : item + 1] for i in inputs))
            for one, both in zip(alone, together, strict=True):
                off = distance(both[item : item + 1], one)
                self.check(
                    off < 1e-4,
                    f'output for a clip changes by {off:.2g} with the other clips in its batch',
                )

    def test_refuses_a_feature_that_was_not_declared(self) -> None:
        """A deepest feature of other channels, length or rank is a ShapeError."""
        if kind_of(self.part) is FusionHead:
            pytest.skip(f'{self.name} is a fusion head')
        case = self._usable_case()
        module = self.build_for(case)
        *others, last = case.features()
        wrong = {
            'channels': torch.cat([last, last], 1),
            'length': torch.cat([last, last], 2),
            'rank': last[:, :, 0],
        }
        for what, feature in wrong.items():
            shape = tuple(feature.shape)
            try:
                no_grad_run(self.kind, module, case, (*others, feature))
            except ShapeError:
                continue
            except Exception as error:
                self.fail(
                    f'a feature of another {what}, {shape} for {tuple(last.shape)}, raises '
                    f'{type(error).__name__}, expected ShapeError'
                )
            self.fail(
                f'takes a feature of another {what}, {shape} for {tuple(last.shape)}, expected '
                'ShapeError'
            )

    # Weights and training ----------------------------------------------------------------------

    def test_state_dict_round_trip(self, tmp_path) -> None:
        """Weights written to a file and loaded into a fresh instance give the same output."""
        case = self._usable_case()
        source, fresh = self.build_for(case), self.build_for(case, seed=1)
        if not source.state_dict():
            pytest.skip(f'{self.name} has no weights')
        perturb(source)
        path = tmp_path / 'weights.safetensors'
        write_safetensors(source.state_dict(), path)
        try:
            load_weights(fresh, path)
        except CheckpointError as error:
            self.fail(f'does not load the file of its own weights: {error}')
        inputs = self.kind.inputs(case)
        first, second = (self.decode(module, case, inputs) for module in (source, fresh))
        off = max(distance(a, b) for a, b in zip(second, first, strict=True))
        self.check(
            off < 1e-5,
            f'output differs by {off:.2g} once the weights are stored and loaded: something that '
            'forward uses is not in the state dict',
        )

    @_each_case
    def test_gradients_reach_every_parameter(self, case: Case) -> None:
        """Every trainable parameter has a part in the output."""
        module, kind = self.build_for(case), self.kind
        # Where few time steps are left a parameter may be without effect, such as what an
        # attention over one of them would weigh: zero is a gradient here.
        lost, broken = unreached(
            module,
            lambda m, i: kind.run(m, case, kind.inputs(case, seed=i)),
            zero_is_lost=False,
        )
        self.check(
            not lost,
            f'gradients never reach {len(lost)} trainable parameter{"s" * (len(lost) > 1)} for '
            f'{_told(case)}: {listed(lost)}',
        )
        self.check(not broken, f'gradients are not finite for {_told(case)}: {listed(broken)}')

    def test_learns(self) -> None:
        """A few optimiser steps lower the loss."""
        case = self._usable_case()
        with seeded(0):
            modules, predict = self.kind.predictor(self.kind.build(case), case)
        inputs = self.kind.inputs(case)
        losses = learn(
            [m.train() for m in modules], lambda: predict(inputs), (len(inputs[0]), *case.size)
        )
        lowered(self, losses)


def _told(case: Case) -> str:
    specs = ', '.join(f'{spec.channels} channels {spec.stride_thw}' for spec in case.specs)
    return f'{case.clip_len} frames, features of {specs}'
