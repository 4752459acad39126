import urllib.error

import pytest
import torch
from torchvision.models import get_model_weights, video
from torchvision.models.video.mvit import MSBlockConfig, MViT
from torchvision.models.video.swin_transformer import SwinTransformer3d

from salkit.builder import build, build_on_meta
from salkit.checkpoints import load_pretrained, load_weights
from salkit.config.load import load_config
from salkit.encoders import TorchvisionVideoEncoder
from salkit.encoders.torchvision_video import ARCHITECTURES
from salkit.errors import CheckpointError, ConfigError, ShapeError
from salkit.registry import DECODERS, ENCODERS, MODELS
from salkit.testing import EncoderSuite

SWIN = dict(embed_dim=8, depths=[1, 2, 1, 2], num_heads=[1, 1, 2, 2])
MVIT = [
    dict(
        num_heads=heads,
        input_channels=inputs,
        output_channels=outputs,
        kernel_q=[3, 3, 3],
        kernel_kv=[3, 3, 3],
        stride_q=[1, q, q],
        stride_kv=[1, kv, kv],
    )
    for heads, inputs, outputs, q, kv in [
        (1, 8, 8, 1, 8),
        (1, 8, 16, 2, 4),
        (2, 16, 16, 1, 4),
        (2, 16, 32, 2, 2),
        (2, 32, 64, 2, 1),
    ]
]
SIZE = (64, 96)
ARCH = {
    'swin3d': dict(name='swin3d', **SWIN),
    'mvit': dict(name='mvit', block_setting=MVIT),
    's3d': 's3d',
}
# The modules of torchvision's model whose output a feature is.
TAPS = {
    'swin3d': ('features.0', 'features.2', 'features.4', 'norm'),
    'mvit': ('blocks.0', 'blocks.2', 'blocks.3', 'norm'),
    's3d': ('features.3', 'features.6', 'features.12', 'features.15'),
}


def whole_model(family):
    torch.manual_seed(0)
    if family == 'swin3d':
        model = SwinTransformer3d(patch_size=[2, 4, 4], window_size=[8, 7, 7], **SWIN)
    elif family == 'mvit':
        model = MViT(
            spatial_size=SIZE,
            temporal_size=16,
            block_setting=[MSBlockConfig(**block) for block in MVIT],
            residual_pool=True,
            residual_with_cls_embed=False,
            rel_pos_embed=True,
            proj_after_attn=True,
        )
    else:
        model = video.s3d()
    return model.eval()


def encoder_of(family, **options):
    torch.manual_seed(1)
    arch = ARCH[family]
    if family == 'mvit':
        arch = dict(arch, spatial_size=SIZE)
    return TorchvisionVideoEncoder(**{'arch': arch, **options})


def normed_output(encoder, shape):
    with torch.no_grad():
        return encoder.eval()(torch.randn(shape))


class TestSwin3D(EncoderSuite):
    part = TorchvisionVideoEncoder
    smoke = dict(arch=ARCH['swin3d'], clip_len=4)


class TestMViT(EncoderSuite):
    part = TorchvisionVideoEncoder
    smoke = dict(arch=ARCH['mvit'], clip_len=4)


class TestS3D(EncoderSuite):
    part = TorchvisionVideoEncoder
    smoke = dict(arch='s3d', clip_len=8)


@pytest.mark.parametrize('family', ARCH)
def test_features_are_those_of_torchvisions_model(family, tmp_path):
    whole = whole_model(family)
    torch.save(whole.state_dict(), tmp_path / 'whole.pth')
    encoder = encoder_of(family).eval()
    report = load_weights(encoder, tmp_path / 'whole.pth')
    head = 'classifier.' if family == 's3d' else 'head.'
    assert report.dropped and all(key.startswith(head) for key in report.dropped)
    assert len(report.used) + len(report.dropped) == len(whole.state_dict())

    seen = {}
    for name in TAPS[family]:
        whole.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: seen.__setitem__(name, output)
        )
    clip = torch.randn(2, 3, 16, *SIZE)
    with torch.no_grad():
        # torchvision's S3D pools 7 x 7 places; the features are all that is wanted.
        logits = whole.features(clip) if family == 's3d' else whole(clip)
        features = encoder(clip)
    for name, feature in zip(TAPS[family], features, strict=True):
        expected = seen[name]
        if family == 'swin3d':
            expected = expected.permute(0, 4, 1, 2, 3)
        elif family == 'mvit':
            expected = expected[0] if isinstance(expected, tuple) else expected
            expected = expected[:, 1:].transpose(1, 2).unflatten(2, feature.shape[2:])
        torch.testing.assert_close(feature, expected)
    if family == 'swin3d':
        torch.testing.assert_close(whole.head(features[-1].mean((2, 3, 4))), logits)


@pytest.mark.parametrize('arch', ARCHITECTURES)
def test_every_arch_is_torchvisions_model_without_its_head(arch):
    encoder = build_on_meta(ENCODERS, dict(type='TorchvisionVideoEncoder', arch=arch))
    with torch.device('meta'):
        whole = getattr(video, arch)()
    head = whole.classifier if arch == 's3d' else whole.head
    expected = sum(p.numel() for p in whole.parameters()) - sum(
        p.numel() for p in head.parameters()
    )
    assert sum(p.numel() for p in encoder.parameters()) == expected
    transforms = get_model_weights(arch).DEFAULT.transforms()
    assert encoder.pixel_mean == tuple(transforms.mean)
    assert encoder.pixel_std == tuple(transforms.std)
    assert [spec.stride_thw[1:] for spec in encoder.features] == [
        (4, 4),
        (8, 8),
        (16, 16),
        (32, 32),
    ]
    shapes = [
        (spec.channels, spec.length(16), 7 * 32 // spec.stride_thw[1]) for spec in encoder.features
    ]
    found = [
        (x.shape[1], x.shape[2], x.shape[3])
        for x in encoder(torch.empty(1, 3, 16, 224, 224, device='meta'))
    ]
    assert found == shapes


def test_pixel_statistics_differ_by_family():
    assert encoder_of('s3d').pixel_mean == (0.43216, 0.394666, 0.37645)
    assert encoder_of('mvit').pixel_std == (0.225, 0.225, 0.225)
    assert encoder_of('swin3d').pixel_mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ('family', 'clip_len', 'size'),
    [
        *(
            (family, n, size)
            for family in ('swin3d', 'mvit')
            for n, size in [(1, (64, 96)), (2, (32, 32)), (6, (96, 32)), (20, (64, 128))]
        ),
        ('s3d', 8, (32, 64)),
        ('s3d', 24, (64, 32)),
    ],
)
def test_any_length_and_size(family, clip_len, size):
    encoder = encoder_of(family, clip_len=clip_len)
    features = normed_output(encoder, (2, 3, clip_len, *size))
    for feature, spec in zip(features, encoder.features, strict=True):
        _, rows, columns = spec.stride_thw
        expected = (spec.channels, spec.length(clip_len), size[0] // rows, size[1] // columns)
        assert feature.shape == (2, *expected)
        assert torch.isfinite(feature).all()


def test_the_head_of_salfom_runs_on_it():
    encoder = encoder_of('swin3d').eval()
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
    with torch.no_grad():
        saliency_map = decoder(encoder(torch.randn(1, 3, 16, *SIZE)), SIZE)
    assert saliency_map.shape == (1, *SIZE)


def test_wrong_clips_are_refused():
    encoder = encoder_of('swin3d', clip_len=4)
    with pytest.raises(ShapeError, match='divisible by 32, got 64 x 80'):
        encoder(torch.zeros(1, 3, 4, 64, 80))
    with pytest.raises(ShapeError, match='4 frames, got 8'):
        encoder(torch.zeros(1, 3, 8, 64, 96))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(arch='swin3d_xl'), "'swin3d_t'.*got 'swin3d_xl'"),
        (dict(arch=dict(name='slowfast')), "'mvit', 's3d', 'swin3d'"),
        (dict(arch=dict(SWIN)), 'whose name is one of'),
        (dict(arch=dict(name='swin3d', width=3)), 'cannot build swin3d'),
        (dict(arch=dict(name='mvit')), 'cannot build mvit'),
        (dict(arch='s3d', drop_path=0.1), 'cannot build s3d'),
        (dict(arch='s3d', clip_len=12), 'multiple of 8 for s3d, got 12'),
        (dict(arch='s3d', clip_len=1), 'multiple of 8'),
        (dict(clip_len=5), 'multiple of 2'),
        (dict(clip_len=0), 'multiple of 2'),
        (dict(frozen_stages=5), '-1 to 4, got 5'),
        (dict(pretrained='IMAGENET1K_V1'), "of swin3d_t must be one of .*KINETICS400_V1, got 'IM"),
        (dict(arch=dict(name='swin3d', **SWIN), pretrained='KINETICS400_V1'), 'init_cfg'),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ConfigError, match=message), torch.device('meta'):
        TorchvisionVideoEncoder(**options)


def test_pretrained_weights_come_through_torchvisions_loader(tmp_path, monkeypatch):
    whole = whole_model('s3d')
    folder = tmp_path / 'hub' / 'checkpoints'
    folder.mkdir(parents=True)
    url = get_model_weights('s3d').KINETICS400_V1.url
    torch.save(whole.state_dict(), folder / url.rsplit('/', 1)[1])
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    encoder = encoder_of('s3d', pretrained='KINETICS400_V1')
    load_pretrained(encoder)
    for key, value in encoder.trunk.state_dict().items():
        torch.testing.assert_close(value, whole.state_dict()[key])


def test_weights_that_cannot_be_had(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise urllib.error.URLError('no network')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    encoder = encoder_of('s3d', pretrained='KINETICS400_V1')
    with pytest.raises(CheckpointError, match=r'KINETICS400_V1: the library .*no network'):
        load_pretrained(encoder)
    # Nothing to fetch, nothing to fail.
    load_pretrained(encoder_of('s3d', pretrained=False))


def test_weights_of_another_arch_do_not_fit(tmp_path):
    torch.save(whole_model('swin3d').state_dict(), tmp_path / 'whole.pth')
    deeper = dict(ARCH['swin3d'], depths=[1, 2, 3, 2])
    with pytest.raises(CheckpointError, match=r'trunk\.features\.4\.1'):
        load_weights(TorchvisionVideoEncoder(deeper), tmp_path / 'whole.pth')
    with pytest.raises(CheckpointError):
        load_weights(encoder_of('s3d'), tmp_path / 'whole.pth')


def test_own_weights_load_as_they_are(tmp_path):
    first, second = encoder_of('swin3d'), encoder_of('swin3d')
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.1)
    assert first.adapt_weights(first.state_dict()) is None
    torch.save(first.state_dict(), tmp_path / 'own.pth')
    load_weights(second, tmp_path / 'own.pth')
    torch.testing.assert_close(dict(second.state_dict()), dict(first.state_dict()))


@pytest.mark.parametrize('family', ['swin3d', 'mvit'])
def test_drop_path_grows_over_the_blocks(family):
    encoder = encoder_of(family, drop_path=0.5)
    rates = [m.p for m in encoder.modules() if type(m).__name__ == 'StochasticDepth']
    assert rates[0] == 0 and rates[-1] == 0.5 and rates == sorted(rates)
    # torchvision's own default is another.
    assert all(
        m.p == 0 for m in encoder_of(family).modules() if type(m).__name__ == 'StochasticDepth'
    )


@pytest.mark.parametrize('family', ['swin3d', 'mvit', 's3d'])
def test_frozen_stages_get_no_gradient(family):
    encoder = encoder_of(family, frozen_stages=3).train()
    encoder(torch.randn(2, 3, 16, *SIZE))[-1].square().mean().backward()
    with_gradient = {name for name, p in encoder.named_parameters() if p.grad is not None}
    first = {'swin3d': 'features.5', 'mvit': 'blocks.4', 's3d': 'features.14'}[family]
    last = dict(encoder.trunk.named_modules())[first]
    assert last.training
    assert f'trunk.{first}' in {'.'.join(name.split('.')[:3]) for name in with_gradient}
    frozen = [*encoder.trunk.stem(), *(m for stage in encoder.trunk.stages()[:3] for m in stage)]
    assert not any(m.training for m in frozen)
    assert all(p.grad is None for m in frozen for p in m.parameters())
    assert {name for name, p in encoder.named_parameters() if p.requires_grad} == with_gradient


def test_batch_norms_can_keep_their_statistics():
    clip = torch.randn(1, 3, 8, 32, 32)
    for norm_eval in (True, False):
        encoder = encoder_of('s3d', clip_len=8, norm_eval=norm_eval).train()
        before = encoder.trunk.features[0][0][1].running_mean.clone()
        encoder(clip if norm_eval else clip.repeat(2, 1, 1, 1, 1))
        assert torch.equal(encoder.trunk.features[0][0][1].running_mean, before) is norm_eval


@pytest.mark.parametrize('family', ['swin3d', 'mvit'])
def test_activation_checkpointing_changes_nothing_but_memory(family):
    clip, gradients = torch.randn(1, 3, 16, 32, 64), []
    for flag in (False, True):
        encoder = encoder_of(family, activation_checkpointing=flag).train()
        sum(x.square().mean() for x in encoder(clip)).backward()
        gradients.append([p.grad for p in encoder.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize(
    ('name', 'arch'),
    [
        ('tv-swin3d-t16', 'swin3d_t'),
        ('tv-swin3d-s16', 'swin3d_s'),
        ('tv-swin3d-b16', 'swin3d_b'),
        ('tv-mvitv2-s16', 'mvit_v2_s'),
        ('tv-s3d16', 's3d'),
    ],
)
def test_config_builds(name, arch):
    cfg = load_config(f'encoders/{name}_cc-kl')
    model = build_on_meta(MODELS, cfg.model)
    assert model.encoder.arch == arch and model.encoder.pretrained == 'KINETICS400_V1'
    assert set(model.losses) == {'cc', 'kl'} and set(model.decoder.branches) == {
        'swin3d',
        'dfd',
        'sfd',
    }
