import copy

import pytest
import torch

from salkit.builder import build
from salkit.decoders import ConvFusion, DFDBranch, MultiBranchDecoder, SFDBranch, Swin3DBranch
from salkit.errors import ConfigError, ShapeError
from salkit.registry import DECODERS
from salkit.types import FeatureSpec

BRANCHES = dict(
    swin3d=dict(type='Swin3DBranch', depth=2, width=0.125, num_heads=2),
    dfd=dict(type='DFDBranch', width=0.125),
    sfd=dict(type='SFDBranch', width=0.125),
)


def specs(channels=12, stride=(1, 16, 16)):
    return (FeatureSpec(channels, stride),)


def small_decoder(clip_len=8, stride=(1, 16, 16), **branches):
    configs = {**copy.deepcopy(BRANCHES), **branches}
    return MultiBranchDecoder(specs(stride=stride), clip_len, configs, dict(type='ConvFusion'))


def feature(clip_len=8, size=(2, 3), batch=2):
    return torch.randn(batch, 12, clip_len, *size)


@pytest.mark.parametrize('clip_len', [1, 2, 4, 7, 8, 10, 12, 16, 32])
def test_any_clip_length_and_batch(clip_len):
    decoder = small_decoder(clip_len).eval()
    saliency = decoder((feature(clip_len),), (32, 48))
    assert saliency.shape == (2, 32, 48)
    assert saliency.min() >= 0 and saliency.max() <= 1


def test_batch_equals_one_by_one():
    decoder = small_decoder().eval()
    clips = feature(batch=3)
    with torch.no_grad():
        whole = decoder((clips,), (32, 48))
        single = torch.cat([decoder((clip[None],), (32, 48)) for clip in clips])
    torch.testing.assert_close(whole, single, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    'left_out',
    [('swin3d',), ('dfd',), ('sfd',), ('swin3d', 'dfd'), ('swin3d', 'sfd'), ('dfd', 'sfd')],
)
def test_branches_can_be_left_out(left_out):
    decoder = small_decoder(**dict.fromkeys(left_out)).train()
    assert set(decoder.branches) == set(BRANCHES) - set(left_out)
    decoder((feature(),), (32, 48)).sum().backward()
    # Nothing is built that nothing uses.
    assert all(p.grad is not None for p in decoder.parameters())


@pytest.mark.parametrize('layers', ['standard', 'extra', 'fewer'])
@pytest.mark.parametrize('separable', [False, True])
@pytest.mark.parametrize('clip_len', [8, 16])
def test_variants(layers, separable, clip_len):
    variant = dict(layers=layers, separable=separable, width=0.125)
    decoder = small_decoder(
        clip_len, dfd=dict(type='DFDBranch', **variant), sfd=dict(type='SFDBranch', **variant)
    )
    decoder((feature(clip_len),), (32, 48)).sum().backward()
    assert all(p.grad is not None for p in decoder.parameters())


@pytest.mark.parametrize('branch_type', [Swin3DBranch, DFDBranch, SFDBranch])
def test_a_branch_alone(branch_type):
    options = dict(num_heads=2) if branch_type is Swin3DBranch else {}
    branch = branch_type(specs(), 8, width=0.125, **options)
    out = branch((feature(),))
    assert out.map_features.shape == (2, branch.out_channels, 32, 48)
    for lateral, spec in zip(out.laterals, branch.lateral_specs, strict=True):
        stride_t, stride_h, stride_w = spec.stride_thw
        assert lateral.shape == (2, spec.channels, 8 // stride_t, 32 // stride_h, 48 // stride_w)


@pytest.mark.parametrize('branch_type', [Swin3DBranch, DFDBranch, SFDBranch])
def test_a_feature_that_was_not_declared_is_refused(branch_type):
    options = dict(num_heads=2) if branch_type is Swin3DBranch else {}
    branch = branch_type(specs(), 8, width=0.125, **options)
    with pytest.raises(ShapeError, match=r'\(B, 12, 8, h, w\)'):
        branch((feature(clip_len=4),))


def test_dfd_adds_what_swin3d_hands_over():
    decoder = small_decoder(sfd=None).eval()
    clip = feature()
    with torch.no_grad():
        with_laterals = decoder.branches['dfd'](
            (clip,), decoder.branches['swin3d']((clip,)).laterals
        )
        without = decoder.branches['dfd']((clip,), ())
    assert not torch.allclose(with_laterals.laterals[0], without.laterals[0])
    torch.testing.assert_close(
        with_laterals.laterals[0] - decoder.branches['swin3d']((clip,)).laterals[0],
        without.laterals[0],
        atol=1e-5,
        rtol=1e-4,
    )


def test_other_patch_sizes_end_at_the_wanted_size():
    decoder = small_decoder(stride=(1, 14, 14))
    assert decoder((feature(),), (28, 42)).shape == (2, 28, 42)


def test_fusion_concatenates_in_the_official_order():
    fusion = ConvFusion(dict(swin3d=1, dfd=2, sfd=3, other=4))
    assert fusion.order == ['sfd', 'swin3d', 'dfd', 'other']
    seen = []
    fusion.layers[0].register_forward_pre_hook(lambda m, args: seen.append(args[0]))
    fusion(
        {
            name: torch.full((1, c, 4, 4), float(c))
            for name, c in dict(swin3d=1, dfd=2, sfd=3, other=4).items()
        }
    )
    assert seen[0][0, :, 0, 0].tolist() == [3, 3, 3, 1, 2, 2, 4, 4, 4, 4]


def test_branches_of_unequal_width_are_refused():
    with pytest.raises(ConfigError, match='DFDBranch adds a lateral of 64 channels'):
        small_decoder(dfd=dict(type='DFDBranch', width=0.25))


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (dict(type='DFDBranch', layers='many'), 'extra'),
        (dict(type='SFDBranch', layers='many'), 'extra'),
        (dict(type='Swin3DBranch', depth=0), 'depth'),
        (dict(type='Swin3DBranch', num_heads=5), 'num_heads'),
    ],
)
def test_wrong_branch_arguments(cfg, message):
    with pytest.raises(ConfigError, match=message):
        build(DECODERS, cfg, in_specs=specs(), clip_len=8)


def test_a_decoder_without_branches_is_refused():
    with pytest.raises(ConfigError, match='at least one'):
        small_decoder(swin3d=None, dfd=None, sfd=None)


def test_a_fusion_head_is_no_branch():
    with pytest.raises(ConfigError, match="expected a Branch, got the type 'ConvFusion'"):
        small_decoder(sfd=dict(type='ConvFusion', in_channels={}))
