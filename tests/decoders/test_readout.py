import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from salkit.builder import build
from salkit.decoders import ReadoutDecoder
from salkit.decoders.readout import LearnedBlur, LearnedCenterBias
from salkit.errors import ConfigError, ShapeError
from salkit.registry import DECODERS
from salkit.testing import DecoderSuite
from salkit.types import FeatureSpec

PYRAMID = tuple(FeatureSpec(c, (1, s, s)) for c, s in ((6, 8), (10, 16), (14, 32)))


class TestReadoutDecoder(DecoderSuite):
    part = ReadoutDecoder


def decoder_of(specs=PYRAMID, clip_len=1, seed=0, **options):
    torch.manual_seed(seed)
    return ReadoutDecoder(specs, clip_len, **options).eval()


def features_of(specs=PYRAMID, clip_len=1, size=(64, 96), batch=2):
    generator = torch.Generator().manual_seed(3)
    return tuple(
        torch.randn(
            batch,
            spec.channels,
            spec.length(clip_len),
            size[0] // spec.stride_thw[1],
            size[1] // spec.stride_thw[2],
            generator=generator,
        )
        for spec in specs
    )


def test_size_of_that_on_efficientnet():
    specs = tuple(FeatureSpec(c, (1, s, s)) for c, s in ((40, 8), (112, 16), (320, 32)))
    count = sum(p.numel() for p in ReadoutDecoder(specs, 1).parameters())
    layer = 48 * 25 + 48 + 48 * 48 + 48
    assert count == (40 + 112 + 320 + 3) * 48 + 3 * layer + 48 + 1 + 5
    assert 20_000 < count < 100_000


@given(
    size=st.tuples(st.sampled_from([32, 64, 160]), st.sampled_from([32, 96, 224])),
    out=st.tuples(st.integers(5, 90), st.integers(5, 90)),
    stride=st.sampled_from([4, 8, 16]),
)
def test_any_size_and_shape_of_frame(size, out, stride):
    decoder, features = decoder_of(stride=stride), features_of(size=size, batch=1)
    with torch.no_grad():
        saliency, log_density = decoder(features, out), decoder.log_density(features, out)
    assert saliency.shape == log_density.shape == (1, *out)
    assert saliency.max() == 1 and saliency.min() >= 0
    # The map is the density but for its scale.
    np.testing.assert_allclose(log_density.exp().sum(), 1, rtol=1e-4)
    np.testing.assert_allclose(saliency / saliency.sum(), log_density.exp(), rtol=2e-3, atol=1e-9)


def test_without_features_it_gives_the_center_bias():
    decoder = decoder_of()
    torch.nn.init.zeros_(decoder.logit.weight)
    rows, columns = 16, 24
    with torch.no_grad():
        density = decoder.log_density(features_of(size=(128, 192), batch=1), (rows, columns))[0]
    y = (np.arange(rows) + 0.5) / rows - 0.5
    x = (np.arange(columns) + 0.5) / columns - 0.5
    gaussian = np.exp(-(y[:, None] ** 2 + x**2) / (2 * 0.32**2))
    expected = (gaussian + 0.02) / (gaussian + 0.02).sum()
    np.testing.assert_allclose(density.exp().numpy(), expected, rtol=1e-4)


def test_the_share_of_the_center_bias():
    bias = LearnedCenterBias()
    whole = bias(9, 13).detach()
    with torch.no_grad():
        bias.share.fill_(0.25)
    torch.testing.assert_close(bias(9, 13).detach(), whole / 4)
    # Moved down, never sideways.
    with torch.no_grad():
        bias.middle.fill_(0.25)
    moved = bias(64, 64).detach()
    assert divmod(int(moved.argmax()), 64)[0] in (47, 48)
    torch.testing.assert_close(moved, moved.flip(1))


def test_the_blur_is_a_gaussian_of_the_learned_width():
    blur = LearnedBlur()
    with torch.no_grad():
        blur.log_sigma.fill_(math.log(1.5))
    image = torch.zeros(1, 1, 25, 25)
    image[..., 12, 12] = 1
    blurred = blur(image)[0, 0].detach().double().numpy()
    offset = np.arange(25) - 12
    assert blurred.sum() == pytest.approx(1, abs=1e-6)
    assert (blurred.sum(0) * offset**2).sum() == pytest.approx(1.5**2, rel=1e-3)
    # A map without edges has none afterwards.
    torch.testing.assert_close(blur(torch.full((1, 1, 9, 7), 3.0)), torch.full((1, 1, 9, 7), 3.0))


def test_time_steps_are_averaged_with_learned_weights():
    specs, clip_len = (FeatureSpec(6, (2, 16, 16)),), 8
    decoder = decoder_of(specs, clip_len)
    (feature,) = features_of(specs, clip_len)
    mean = feature.mean(2, keepdim=True).expand_as(feature)
    with torch.no_grad():
        torch.testing.assert_close(decoder((feature,), (32, 48)), decoder((mean,), (32, 48)))
        decoder.time_logits[0][-1] = 50
        last = feature[:, :, -1:].expand_as(feature)
        torch.testing.assert_close(decoder((feature,), (32, 48)), decoder((last,), (32, 48)))


@pytest.mark.parametrize('clip_len', [1, 4])
def test_mixed_precision_ends_at_the_features(clip_len):
    decoder, features = decoder_of(clip_len=clip_len), features_of(clip_len=clip_len)
    low = tuple(feature.bfloat16() for feature in features)
    with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):
        mixed = decoder.log_density(low, (64, 96))
    with torch.no_grad():
        whole = decoder.log_density(tuple(feature.float() for feature in low), (64, 96))
    assert mixed.dtype == torch.float32
    torch.testing.assert_close(mixed, whole)


def test_every_feature_has_a_part():
    decoder, features = decoder_of(), features_of()
    with torch.no_grad():
        whole = decoder(features, (64, 96))
        for i in range(len(features)):
            others = tuple(f * (j != i) for j, f in enumerate(features))
            assert not torch.allclose(decoder(others, (64, 96)), whole, atol=1e-6)


@pytest.mark.parametrize(
    ('wrong', 'found'),
    [
        (lambda f: f[:2], r'\(2, 10, 1, 4, 6\)$'),
        (lambda f: (f[0], f[1], f[2][:, :3]), r'\(2, 3, 1, 2, 3\)$'),
        (lambda f: (f[0], f[1][:, :, 0], f[2]), r'\(2, 10, 4, 6\)'),
    ],
)
def test_undeclared_features_are_refused(wrong, found):
    with pytest.raises(ShapeError, match=f'expects features .*14, 1, h, w.* got .*{found}'):
        decoder_of()(wrong(features_of()), (64, 96))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(width=0), 'width must be at least 1, got 0'),
        (dict(depth=-1), 'depth must be at least 0, got -1'),
        (dict(kernel=4), 'kernel must be odd, got 4'),
        (dict(stride=0), 'stride must be at least 1, got 0'),
    ],
)
def test_impossible_arguments(options, message):
    config = dict(type='ReadoutDecoder', in_specs=PYRAMID, clip_len=1, **options)
    with pytest.raises(ConfigError, match=message):
        build(DECODERS, config)


def test_the_meta_device_has_no_autocast_and_counts_it():
    decoder = decoder_of().to('meta')
    features = tuple(feature.to('meta') for feature in features_of())
    assert decoder(features, (64, 96)).shape == (2, 64, 96)


def test_the_center_counts_more_when_the_model_is_not_trained():
    plain, gained = decoder_of(), decoder_of(center_gain=1.5)
    features = features_of()
    with torch.no_grad():
        difference = gained.log_density(features, (8, 12)) - plain.log_density(features, (8, 12))
        bias = plain.center_bias(8, 12)
        expected = (bias / 2 - (bias / 2).mean()).expand(2, 8, 12)
        centered = difference - difference.mean((1, 2), keepdim=True)
        torch.testing.assert_close(centered, expected, atol=1e-5, rtol=1e-4)
        trained = (decoder.train()(features, (8, 12)) for decoder in (plain, gained))
        torch.testing.assert_close(*trained)
