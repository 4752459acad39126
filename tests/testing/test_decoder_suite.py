import pytest
import torch
import torch.nn.functional as F
from run_suite import failures
from torch import nn

from salkit.decoders import Branch, BranchOutput, Decoder, SFDBranch
from salkit.errors import ConfigError, ShapeError
from salkit.testing import DecoderSuite
from salkit.testing.decoder_cases import CASES
from salkit.types import FeatureSpec


class GoodDecoder(Decoder):
    """The deepest feature, its mean over time, one convolution."""

    def __init__(self, in_specs, clip_len):
        super().__init__()
        self.expected = (in_specs[-1].channels, in_specs[-1].length(clip_len))
        self.head = nn.Conv2d(in_specs[-1].channels, 1, 1)

    def check(self, feature):
        if feature.ndim != 5 or tuple(feature.shape[1:3]) != self.expected:
            raise ShapeError(f'expected {self.expected}, got {tuple(feature.shape)}')

    def decode(self, features, out_size):
        return F.interpolate(self.head(features[-1].mean(2)), out_size)[:, 0]

    def forward(self, features, out_size):
        self.check(features[-1])
        return self.decode(features, out_size).sigmoid()


class NoSigmoid(GoodDecoder):
    def forward(self, features, out_size):
        self.check(features[-1])
        return 3 + self.decode(features, out_size)


class KeepsAChannel(GoodDecoder):
    def forward(self, features, out_size):
        return super().forward(features, out_size)[:, None]


class IgnoresOutSize(GoodDecoder):
    def forward(self, features, out_size):
        return super().forward(features, (32, 48))


class ChecksNothing(GoodDecoder):
    def check(self, feature):
        if feature.ndim == 4:
            raise TypeError('a feature of rank 4')


class HasADeadLayer(GoodDecoder):
    def __init__(self, in_specs, clip_len):
        super().__init__(in_specs, clip_len)
        self.spare = nn.Linear(2, 2)


class MixesItsBatch(GoodDecoder):
    def decode(self, features, out_size):
        value = super().decode(features, out_size)
        return value - value.mean(0)


class DropsInEvaluation(GoodDecoder):
    def decode(self, features, out_size):
        return F.dropout(super().decode(features, out_size), 0.5, training=True)


class KeepsWeightsAside(GoodDecoder):
    def __init__(self, in_specs, clip_len):
        super().__init__(in_specs, clip_len)
        self.aside = torch.randn(())

    def decode(self, features, out_size):
        return super().decode(features, out_size) + self.aside


class StandsStill(GoodDecoder):
    def decode(self, features, out_size):
        return 0 * super().decode(features, out_size)


class RefusesEverything(GoodDecoder):
    def __init__(self, in_specs, clip_len):
        raise ConfigError('never')


class WritesIntoItsFeatures(GoodDecoder):
    def decode(self, features, out_size):
        features[-1].data.mul_(2)
        return super().decode(features, out_size)


class GoodBranch(Branch):
    """One convolution, and the deepest feature handed on with half its time steps or one."""

    scale = 4

    def __init__(self, in_specs, clip_len, lateral_specs=()):
        super().__init__(in_specs, clip_len, lateral_specs)
        self.out_channels = 3
        self.conv = nn.Conv3d(self.in_channels, 3, 1)
        self.length = max(1, self.in_length // 2)
        self.lateral_specs = (self.lateral_spec(self.in_channels, self.length, 1),)

    def forward(self, features, laterals):
        self.check_feature(features[-1])
        out = F.interpolate(self.conv(features[-1]).mean(2), scale_factor=4)
        return BranchOutput(out, (features[-1][:, :, : self.length],))


class DeclaresChannels(GoodBranch):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.out_channels = 7


class DeclaresScale(GoodBranch):
    scale = 8


class DeclaresLaterals(GoodBranch):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.lateral_specs = ()


class DeclaresLateralChannels(GoodBranch):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.lateral_specs = (FeatureSpec(99, self.lateral_specs[0].stride_thw),)


class DeclaresLateralTime(GoodBranch):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.lateral_specs = (FeatureSpec(self.in_channels, self.in_stride),)


class DeclaresLateralRows(GoodBranch):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        t, h, w = self.lateral_specs[0].stride_thw
        self.lateral_specs = (FeatureSpec(self.in_channels, (t, h // 2, w)),)


class GivesATuple(GoodBranch):
    def forward(self, features, laterals):
        return tuple(super().forward(features, laterals))


class NeedsLaterals(GoodBranch):
    def forward(self, features, laterals):
        out = super().forward(features, laterals)
        return out if self.num_laterals == 0 else BranchOutput(laterals[5], ())


class GoodFusion(nn.Module):
    def __init__(self, in_channels):
        super().__init__()
        self.heads = nn.ModuleDict({k: nn.Conv2d(c, 1, 1) for k, c in in_channels.items()})

    def forward(self, maps):
        return sum(self.heads[name](value) for name, value in maps.items()).sigmoid()


class FusesThree(GoodFusion):
    def forward(self, maps):
        return super().forward({name: maps[name] for name in ('swin3d', 'dfd', 'own')})


class FusesUnbounded(GoodFusion):
    def forward(self, maps):
        return super().forward(maps) * 3


class TestSFDBranch(DecoderSuite):
    part = SFDBranch
    cases = CASES[:3]


def suite_of(part):
    return type('TestWrong', (DecoderSuite,), dict(part=part, smoke={}))


@pytest.mark.parametrize('part', [GoodDecoder, GoodBranch, GoodFusion])
def test_sound_parts_pass(part, tmp_path):
    assert failures(suite_of(part), tmp_path) == {}


@pytest.mark.parametrize(
    ('part', 'check', 'message'),
    [
        (NoSigmoid, 'test_output', 'expected [0, 1]'),
        (KeepsAChannel, 'test_output', 'gives (2, 1, 32, 48), expected (2, 32, 48)'),
        (IgnoresOutSize, 'test_out_size_is_obeyed', 'gives (2, 32, 48) for out_size (37, 53)'),
        (ChecksNothing, 'test_refuses_a_feature_that_was_not_declared', 'expected ShapeError'),
        (HasADeadLayer, 'test_gradients_reach_every_parameter', 'spare.weight, spare.bias'),
        (MixesItsBatch, 'test_batch_items_are_independent', 'the other clips in its batch'),
        (DropsInEvaluation, 'test_evaluation_is_deterministic', 'two runs in eval mode'),
        (KeepsWeightsAside, 'test_state_dict_round_trip', 'not in the state dict'),
        (StandsStill, 'test_learns', 'do not lower the loss'),
        (RefusesEverything, 'test_learns', 'refuses every encoder: frames8 (never)'),
        (
            WritesIntoItsFeatures,
            'test_evaluation_is_deterministic',
            'forward changes what it is given',
        ),
        (DeclaresChannels, 'test_output', 'out_channels is declared as 7'),
        (DeclaresScale, 'test_output', 'is (2, 3, 8, 12) for 8 frames'),
        (DeclaresLaterals, 'test_output', 'lateral_specs declares 0, forward hands over 1'),
        (DeclaresLateralChannels, 'test_output', 'is (2, 12, 4, 2, 3) for 8 frames'),
        (DeclaresLateralTime, 'test_output', 'expected (2, 12, 8, 2, 3)'),
        (DeclaresLateralRows, 'test_output', 'expected (2, 12, 4, 4, 3)'),
        (GivesATuple, 'test_output', 'forward gives a tuple, expected a BranchOutput'),
        (
            NeedsLaterals,
            'test_inside_a_decoder',
            'a decoder that has it behind another of its kind',
        ),
        (FusesThree, 'test_any_number_of_branches', "fusing the maps of ['own'] fails: KeyE"),
        (FusesUnbounded, 'test_output', 'expected [0, 1]'),
    ],
)
def test_a_fault_fails_its_check(part, check, message, tmp_path):
    said = failures(suite_of(part), tmp_path, only=[check])
    assert message in said[check] and said[check].startswith(f'{part.__name__}: ')


def test_cases_cover_many_encoders():
    lengths = {case.specs[-1].length(case.clip_len) for case in CASES}
    strides = {case.specs[-1].stride_thw[1] for case in CASES}
    assert {1, 2, 4, 8, 16} <= lengths and {14, 16, 32} <= strides
    assert any(len(case.specs) > 1 for case in CASES)
    assert all(torch.isfinite(f).all() for case in CASES for f in case.features())
