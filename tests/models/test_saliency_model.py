import copy

import cv2
import numpy as np
import pytest
import torch

import salkit
from salkit.builder import build
from salkit.errors import CheckpointError, ConfigError, DataError, ShapeError
from salkit.models import ClipPreprocessor, postprocess_map
from salkit.registry import MODELS
from salkit.types import ClipMeta, Targets

NAME = 'demo/umt-tiny_cc-kl'
MODEL = dict(
    type='SaliencyModel',
    encoder=dict(type='UMTEncoder', arch=dict(embed_dim=16, depth=1, num_heads=2), clip_len=4),
    decoder=dict(
        type='MultiBranchDecoder',
        branches=dict(sfd=dict(type='SFDBranch', width=0.125)),
        fusion=dict(type='ConvFusion'),
    ),
    losses=dict(cc=dict(type='CCLoss'), kl=dict(type='KLLoss', weight=2.0)),
)


def model_of(**changes):
    return build(MODELS, {**copy.deepcopy(MODEL), **changes})


def targets(size=(32, 48), batch=2):
    fixations = torch.zeros(batch, *size)
    fixations[:, 3, 4] = 1
    return Targets(torch.rand(batch, *size), fixations)


def clip(batch=2, size=(32, 48)):
    return torch.randn(batch, 3, 4, *size)


def test_losses_are_named_weighted_and_composable():
    torch.manual_seed(0)
    model = model_of().eval()
    x, truth = clip(), targets()
    losses = model(x, truth, mode='loss')
    assert set(losses) == {'loss_cc', 'loss_kl'}
    saliency = model(x)
    cc = salkit.functional.cc(saliency, truth.density_map).mean()
    kl = salkit.functional.kl_div(saliency, truth.density_map).mean()
    assert losses['loss_cc'].item() == pytest.approx(-cc.item(), abs=1e-4)
    assert losses['loss_kl'].item() == pytest.approx(2 * kl.item(), rel=1e-4)
    changed = model_of(losses=dict(MODEL['losses'], kl=None, nss=dict(type='NSSLoss')))
    assert set(changed(x, truth, mode='loss')) == {'loss_cc', 'loss_nss'}


def test_training_without_losses_is_an_error():
    with pytest.raises(ConfigError, match='losses is empty'):
        model_of(losses=None)(clip(), targets(), mode='loss')
    with pytest.raises(ValueError, match='mode must be'):
        model_of()(clip(), mode='train')


def test_training_on_maps_of_unequal_size_is_an_error():
    truth = Targets([torch.zeros(60, 90), torch.zeros(40, 50)], None)
    with pytest.raises(ShapeError, match='differ in size: give LoadTargets the size'):
        model_of()(clip(), truth, mode='loss')


def test_predictions_come_at_the_size_of_each_frame():
    model = model_of().eval()
    metas = [
        ClipMeta('D', 'test', 'v', f'{i}', size) for i, size in enumerate([(60, 90), (40, 50)])
    ]
    truth = Targets([torch.zeros(60, 90), torch.zeros(40, 50)], None)
    with torch.no_grad():
        predictions = model(clip(), truth, metas, mode='predict')
    assert [tuple(p['saliency_map'].shape) for p in predictions] == [(60, 90), (40, 50)]
    assert predictions[1]['density_map'].shape == (40, 50)
    assert predictions[0]['fixation_map'] is None and predictions[0]['meta'] is metas[0]


def test_postprocessing_is_that_of_the_published_scripts():
    torch.manual_seed(0)
    small = torch.rand(1, 24, 40)
    ours = postprocess_map(small, (48, 80), blur_kernel=11)[0].numpy()
    resized = cv2.resize(small[0].numpy(), (80, 48), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(ours, cv2.GaussianBlur(resized, (11, 11), 0), atol=1e-5)
    assert torch.equal(postprocess_map(small, None, 0), small)
    assert postprocess_map(torch.rand(1, 3, 3), (4, 4)).shape == (1, 4, 4)
    with pytest.raises(ConfigError, match='odd'):
        postprocess_map(small, None, 4)


def test_pixels_are_normalised_with_the_encoders_statistics():
    preprocess = ClipPreprocessor((0.5, 0.25, 0.0), (0.5, 0.25, 1.0))
    frames = torch.full((1, 3, 2, 4, 4), 255, dtype=torch.uint8)
    assert preprocess.normalise(frames)[0, :, 0, 0, 0].tolist() == pytest.approx([1, 3, 1])


def batch_of(shapes, maps):
    return dict(
        clip=[torch.zeros(3, 4, *shape, dtype=torch.uint8) for shape in shapes],
        density_map=maps,
        fixation_map=[None] * len(maps),
        meta=[None] * len(maps),
    )


def test_batches_of_frames_of_unequal_size():
    preprocess = ClipPreprocessor((0.5,) * 3, (0.5,) * 3)
    same = preprocess(batch_of([(16, 16)] * 2, [torch.zeros(5, 6), torch.zeros(5, 6)]))
    assert same['targets'].density_map.shape == (2, 5, 6)
    other = preprocess(batch_of([(16, 16)] * 2, [torch.zeros(5, 6), torch.zeros(7, 6)]))
    assert [tuple(m.shape) for m in other['targets'].density_map] == [(5, 6), (7, 6)]
    assert other['targets'].fixation_map is None
    with pytest.raises(DataError, match='one shape'):
        preprocess(batch_of([(16, 16), (16, 32)], [None, None]))
    with pytest.raises(ConfigError, match=r'pipeline: expected LoadClip, .* got no clip'):
        preprocess(dict(meta=[None]))


def test_build_model_by_name():
    model = salkit.build_model(NAME)
    assert not model.training and model.encoder.clip_len == 8
    saliency = model(torch.randn(1, 3, 8, 32, 48))
    assert saliency.shape == (1, 32, 48)
    assert saliency.min() >= 0 and saliency.max() <= 1
    with pytest.raises(ShapeError, match='8 frames, got 16'):
        model(torch.randn(1, 3, 16, 32, 48))


def test_build_model_with_weights(tmp_path):
    torch.manual_seed(1)
    first = salkit.build_model(NAME)
    torch.save(dict(state_dict=first.state_dict()), tmp_path / 'a.pth')
    second = salkit.build_model(NAME, tmp_path / 'a.pth')
    x = torch.randn(1, 3, 8, 32, 32)
    assert torch.equal(first(x), second(x))
    with pytest.raises(CheckpointError, match='does not exist'):
        salkit.build_model(NAME, tmp_path / 'b.pth')
    with pytest.raises(ConfigError, match='does not exist'):
        salkit.build_model('no/such')
    cfg = salkit.load_config(NAME)
    cfg.pop('model')
    with pytest.raises(ConfigError, match='no model'):
        salkit.build_model(cfg)


def test_an_unknown_encoder_or_argument_is_named():
    for changes, message in (
        (dict(encoder=dict(type='UMTEncodr')), 'did you mean UMTEncoder'),
        (dict(encoder=dict(type='UMTEncoder', archs='base')), "UMTEncoder has no argument 'archs'"),
        (dict(losses=dict(cc=dict(type='CCLos'))), 'did you mean CCLoss'),
        (dict(decoder=dict(type='SFDBranch')), "expected a Decoder, got the type 'SFDBranch'"),
    ):
        with pytest.raises(ConfigError, match=message):
            model_of(**changes)


@pytest.mark.parametrize('size', [(224, 384)])
def test_the_fields_other_input_size(size):
    # As wide as published, the decoder takes it in tests/test_parity.py.
    branches = {f'+model.decoder.branches.{name}.width': 0.125 for name in ('swin3d', 'dfd', 'sfd')}
    narrow = {'model.encoder.arch': dict(embed_dim=96, depth=1, num_heads=4), **branches}
    narrow['+model.decoder.branches.swin3d.num_heads'] = 2
    cfg = salkit.load_config('salfom/umt-l16_cc-kl', narrow)
    with torch.no_grad():
        saliency = salkit.build_model(cfg)(torch.randn(1, 3, 16, *size))
    assert saliency.shape == (1, *size) and torch.isfinite(saliency).all()


def test_maps_of_several_scales_are_averaged_geometrically():
    torch.manual_seed(1)
    one = model_of().eval()
    several = model_of(test_scales=(1.0, 0.6, 2)).eval()
    several.load_state_dict(one.state_dict())
    seen = []
    several.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = clip(size=(64, 96))
    with torch.no_grad():
        averaged = several(x)
        # 0.6 times the sides, in whole patches of 16 pixels.
        assert [tuple(each.shape[-2:]) for each in seen] == [(64, 96), (32, 64), (128, 192)]
        assert torch.equal(seen[0], x)
        maps = torch.stack([one.decoder(one.encoder(each), (64, 96)) for each in seen])
    mean = maps.clamp_min(1e-12).log().mean(0).exp()
    torch.testing.assert_close(averaged, mean / mean.amax((1, 2), keepdim=True))
    # One is trained.
    seen.clear()
    several.train()(x, targets((64, 96)), mode='loss')
    assert len(seen) == 1


@pytest.mark.parametrize('seconds', [-0.1, 61, float('nan')])
def test_impossible_smoothing(seconds):
    with pytest.raises(ConfigError, match='smooth_s must be 0 to 60, got'):
        model_of(smooth_s=seconds)


@pytest.mark.parametrize('scales', [(), (1.0, 0), (-0.5,)])
def test_impossible_scales(scales):
    with pytest.raises(ConfigError, match='test_scales must be above 0'):
        model_of(test_scales=scales)
