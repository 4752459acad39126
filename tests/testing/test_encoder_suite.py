import re

import pytest
import wrong_encoders as wrong
from run_suite import calls, failures
from wrong_encoders import declares, gives, specs

from salkit.encoders import UMTEncoder
from salkit.testing import EncoderSuite


class TestUMTEncoder(EncoderSuite):
    part = UMTEncoder


class TestGoodEncoder(EncoderSuite):
    part = wrong.GoodEncoder
    smoke = dict(clip_len=4)


class TestBeginsAtZero(EncoderSuite):
    """A zero gradient at first is no lack of one."""

    part = wrong.BeginsAtZero
    smoke = dict(clip_len=4)
    size = (24, 32)


def suite_of(encoder, **options):
    return type('TestWrong', (EncoderSuite,), dict(part=encoder, smoke=dict(clip_len=4), **options))


FEATURES = 'test_features_are_as_declared'
FIGURES = [
    (
        declares(features=specs((7, (1, 8, 8)))),
        FEATURES,
        'features[0].channels is declared as 7, forward gives 6',
    ),
    (
        declares(features=specs(second=(9, (2, 8, 8)))),
        FEATURES,
        'features[1].channels is declared as 9, forward gives 6',
    ),
    (
        declares(features=specs(second=(6, (1, 8, 8)))),
        FEATURES,
        'features[1].stride_thw[0] is declared as 1, 4 frames become 2, which is stride 2',
    ),
    (
        declares(features=specs(second=(6, (3, 8, 8)))),
        FEATURES,
        'features[1].stride_thw[0] is declared as 3, 4 frames become 2, which is stride 2',
    ),
    (
        declares(features=specs(second=(6, (8, 8, 8)))),
        FEATURES,
        'features[1].stride_thw[0] is declared as 8, 4 frames become 2, which is stride 2',
    ),
    (
        declares(features=specs((6, (1, 16, 8)))),
        FEATURES,
        'features[0].stride_thw[1] is declared as 16, 32 rows become 4, which is stride 8',
    ),
    (
        declares(features=specs((6, (1, 7, 8)))),
        FEATURES,
        'features[0].stride_thw[1] is declared as 7, 112 rows become 14, which is stride 8',
    ),
    (
        declares(features=specs((6, (1, 8, 4)))),
        FEATURES,
        'features[0].stride_thw[2] is declared as 4, 48 columns become 6, which is stride 8',
    ),
    (declares(features=specs(second=None)), FEATURES, 'features declares 1, forward gives 2'),
    (declares(features=specs() + specs()), FEATURES, 'features declares 4, forward gives 2'),
    (declares(features=list(specs())), FEATURES, 'expected a tuple of FeatureSpec'),
    (declares(features=((6, (1, 8, 8)),)), FEATURES, 'features[0] is declared as (6, (1, 8, 8))'),
    (declares(features=specs((0, (1, 8, 8)))), FEATURES, 'features[0].channels is declared as 0'),
    (declares(features=specs((6, (8, 8)))), FEATURES, 'features[0].stride_thw is declared as (8,'),
    (
        declares(features=specs(second=(6, (2, 4, 4)))),
        'test_the_deepest_feature_is_last',
        'features[0] has strides (1, 8, 8), coarser than the last, which has (2, 4, 4)',
    ),
    (declares(clip_len=8), FEATURES, 'clip_len is declared as 8, expected 4 as given'),
    (declares(clip_len=4.0), FEATURES, 'clip_len is declared as 4.0'),
    (wrong.IgnoresItsArgument, FEATURES, 'clip_len is declared as 8, expected 4 as given'),
    (wrong.TakesOtherLengths, FEATURES, 'forward of (2, 3, 4, 32, 48) fails: RuntimeError'),
    (
        declares(size_divisor=4),
        'test_every_part_of_a_clip_counts',
        'of 36 rows the last 4 have no part in the features; size_divisor is declared as 4',
    ),
    (
        wrong.NeedsMultiplesOf16,
        'test_every_part_of_a_clip_counts',
        'forward of (1, 3, 4, 40, 72) fails: Runt',
    ),
    (wrong.TakesOtherSizes, FEATURES, 'forward of (2, 3, 4, 32, 48) fails: RuntimeError'),
    (declares(size_divisor=0), FEATURES, 'size_divisor is declared as 0'),
    (
        declares(fixed_size=(20, 24)),
        FEATURES,
        'fixed_size is declared as (20, 24), expected a size that size_divisor 8 divides',
    ),
    (declares(fixed_size=24), FEATURES, 'fixed_size is declared as 24'),
    (
        declares(pixel_mean=(123.7, 116.3, 103.5)),
        FEATURES,
        'pixel_mean is declared as (123.7, 116.3, 103.5), expected three numbers',
    ),
    (declares(pixel_mean=0.5), FEATURES, 'pixel_mean is declared as 0.5'),
    (
        declares(pixel_std=(0.0, 1.0, 1.0)),
        FEATURES,
        'pixel_std is declared as (0.0, 1.0, 1.0), expected three numbers',
    ),
    (declares(pixel_std=(0.2,)), FEATURES, 'pixel_std is declared as (0.2,)'),
    (gives(list), FEATURES, 'forward gives a list, not a tuple'),
    (gives(lambda f: f[1]), FEATURES, 'forward gives a Tensor, not a tuple'),
    (
        gives(lambda f: (f[0], f[1].double())),
        FEATURES,
        'features[1] has dtype torch.float64, the clip torch.float32',
    ),
    (
        gives(lambda f: (f[0].to('meta'), f[1])),
        FEATURES,
        'features[0] is on device meta, the clip on cpu',
    ),
    (gives(lambda f: (f[0] / 0, f[1])), FEATURES, 'features[0] holds values that are not finite'),
    (gives(lambda f: (f[0][:1], f[1])), FEATURES, 'features[0] holds a batch of 1 for 2 clips'),
    (
        gives(lambda f: (f[0], f[1][:, :, 0])),
        FEATURES,
        'features[1] must be (B, C, t, h, w), forward gives (2, 6, 4, 6)',
    ),
    (
        gives(lambda f: (f[0].mT, f[1])),
        FEATURES,
        'features[0].stride_thw[1] is declared as 8, 32 rows become 6',
    ),
]


@pytest.mark.parametrize(
    ('encoder', 'check', 'message'), FIGURES, ids=[message[:50] for _, _, message in FIGURES]
)
def test_a_wrong_figure_is_named(encoder, check, message, tmp_path):
    said = failures(suite_of(encoder), tmp_path, only=[check])
    assert said[check].startswith(f'{encoder.__name__}: ') and message in said[check]
    assert '\n' not in said[check]


@pytest.mark.parametrize(
    ('encoder', 'check', 'message'),
    [
        (wrong.SetsTheSeed, 'test_building_leaves_the_seed_alone', 'sets the seed'),
        (
            wrong.ReadsATableWhileBuilding,
            'test_builds_on_the_meta_device',
            'device fails: Runtime',
        ),
        (wrong.IgnoresTheOrder, 'test_frame_order_matters', 'frame_order_matters = False'),
        (
            wrong.MixesItsBatch,
            'test_batch_items_are_independent',
            'with the other clips in its batch',
        ),
        (
            wrong.HasADeadHead,
            'test_gradients_reach_every_parameter',
            'never reach 2 trainable parameters: classifier.weight, classifier.bias',
        ),
        (
            wrong.HasAZeroPath,
            'test_gradients_reach_every_parameter',
            'never reach 1 trainable parameter: unused',
        ),
        (wrong.FreezesAPart, 'test_freeze', 'leaves trainable parameters: head.0.weight'),
        (wrong.CheckpointsNothing, 'test_activation_checkpointing', 'it saves nothing'),
        (wrong.CheckpointsWrongly, 'test_activation_checkpointing', 'the gradient of trunk.weight'),
        (wrong.KeepsWeightsAside, 'test_state_dict_round_trip', 'not in the state dict'),
        (wrong.KeepsQuietAboutWeights, 'test_weights_that_cannot_be_had', 'no-such-weights'),
        (wrong.OverflowsInBfloat16, 'test_runs_under_bfloat16', 'features[1] differs by'),
        (wrong.RefusesToBePickled, 'test_pickles_and_copies', 'pickle fails: AttributeError'),
        (wrong.ForgetsTheLastFrame, 'test_every_part_of_a_clip_counts', 'of 4 frames the last 1'),
    ],
)
def test_one_fault_fails_one_check(encoder, check, message, tmp_path):
    said = failures(suite_of(encoder, size=(16, 24)), tmp_path)
    assert list(said) == [check]
    assert said[check].startswith(f'{encoder.__name__}: ') and message in said[check]


@pytest.mark.parametrize(
    ('encoder', 'check', 'message'),
    [
        (wrong.AsksForTheNetwork, 'test_builds_offline', 'example.com'),
        (wrong.lets_through('rank'), 'test_refuses_a_wrong_clip', 'wrong rank, (3, 4, 32, 48),'),
        (wrong.lets_through('channels'), 'test_refuses_a_wrong_clip', 'wrong channels, (2, 1, 4'),
        (wrong.lets_through('length'), 'test_refuses_a_wrong_clip', 'wrong length, (2, 3, 5, 32'),
        (wrong.lets_through('size'), 'test_refuses_a_wrong_clip', 'wrong size, (1, 3, 4, 33, 48)'),
        (wrong.StopsAtWrongClips, 'test_refuses_a_wrong_clip', 'expected ShapeError: begin'),
        (wrong.DropsInEvaluation, 'test_evaluation_is_deterministic', 'features[0] differs by'),
        (wrong.WritesIntoTheClip, 'test_evaluation_is_deterministic', 'changes what it is given'),
        (wrong.HasBrokenGradients, 'test_gradients_reach_every_parameter', 'not finite: trunk'),
        (wrong.HasBrokenGradients, 'test_learns', 'the loss is nan after 1 steps'),
        (wrong.ResetsItsWeights, 'test_no_pretrained_weights', 'changes trunk.bias'),
        (wrong.StandsStill, 'test_learns', 'do not lower the loss'),
        (wrong.CallsItModel, 'test_state_dict_round_trip', 'such as model.trunk.weight'),
        (wrong.takes('missing'), 'test_a_file_that_does_not_fit_is_an_error', 'head.2.bias'),
        (wrong.takes('unexpected'), 'test_a_file_that_does_not_fit_is_an_error', 'not_of_this'),
        (wrong.takes('misshapen'), 'test_a_file_that_does_not_fit_is_an_error', 'misshapen entry'),
        (wrong.DropsEntries, 'test_state_dict_round_trip', 'does not name trunk.bias'),
    ],
)
def test_a_fault_fails_its_check(encoder, check, message, tmp_path):
    said = failures(suite_of(encoder), tmp_path, only=[check])
    assert said[check].startswith(f'{encoder.__name__}: ') and message in said[check]


def test_a_check_can_be_waived(tmp_path):
    suite = suite_of(wrong.IgnoresTheOrder, frame_order_matters=False)
    assert failures(suite, tmp_path, only=['test_frame_order_matters']) == {}


def test_what_is_not_registered_needs_smoke_arguments():
    suite = type('TestWrong', (EncoderSuite,), dict(part=wrong.GoodEncoder))
    with pytest.raises(pytest.fail.Exception, match='no smoke arguments in the encoder registry'):
        suite().test_freeze()


def test_a_class_of_another_kind(tmp_path):
    said = failures(suite_of(dict), tmp_path, only=['test_inherits_the_contract'])
    (message,) = said.values()
    assert re.match(r'dict: does not inherit from salkit\.encoders\.base\.Encoder', message)


def test_the_suite_holds_the_checks_that_it_promises():
    assert len({name for name, _, _ in calls(EncoderSuite)}) >= 20
