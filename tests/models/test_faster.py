"""A model made ready to predict, against the plain one."""

import copy
from typing import get_args

import pytest
import torch
from small_models import MODEL, filled
from torch import nn

from salkit.builder import build
from salkit.encoders.umt import UMTAttention
from salkit.errors import ConfigError
from salkit.layers import (
    ConvolvedLinear,
    Int8Linear,
    TemporalWindowAttention,
    set_explicit_attention,
)
from salkit.layers.winograd import WinogradConv2d
from salkit.models import faster
from salkit.models import precision as names
from salkit.models.faster import faster_precisions, prepare_prediction
from salkit.models.precision import PRECISIONS, computing_in, find_precision
from salkit.registry import MODELS
from salkit.utils.benchmark_options import PrecisionName


def model_of(dim, heads, **decoder):
    cfg = copy.deepcopy(MODEL)
    cfg['encoder']['arch'] = dict(embed_dim=dim, depth=1, num_heads=heads)
    cfg['decoder'].update(decoder)
    model = build(MODELS, cfg)
    model.load_state_dict(filled(model))
    return model.eval()


def kinds_of(model, kind):
    return sum(isinstance(module, kind) for module in model.modules())


WIDE = dict(
    branches=dict(
        swin3d=dict(type='Swin3DBranch', depth=2),
        dfd=dict(type='DFDBranch'),
        sfd=dict(type='SFDBranch'),
    ),
    fusion=dict(type='ConvFusion'),
)


@pytest.mark.parametrize(
    ('size', 'dim', 'decoder', 'winograd'),
    [
        ((112, 144), 192, {}, 4),
        # The width of the published model.
        pytest.param((224, 112), 1024, WIDE, 9, marks=pytest.mark.slow),
    ],
)
def test_maps_are_the_same(size, dim, decoder, winograd):
    model = model_of(dim, 8, **decoder)
    clip = torch.rand(1, 3, 16, *size)
    with torch.inference_mode():
        set_explicit_attention(model)
        exact = copy.deepcopy(model).double()(clip.double())
        plain = model(clip)
        set_explicit_attention(model, False)
        prepare_prediction(model)
        assert kinds_of(model, WinogradConv2d) == winograd
        assert all(
            part.by_keys for part in model.modules() if isinstance(part, TemporalWindowAttention)
        )
        prepared = model(clip)
        prepare_prediction(model)
        torch.testing.assert_close(model(clip), prepared)
    assert exact.max() - exact.min() > 0.1
    # With these weights, which tell more than trained ones, the plain path too is up to 6e-5 away.
    assert (prepared - exact).abs().max() < 1e-4
    assert (prepared - plain).abs().max() < 1e-4
    assert not torch.equal(prepared, plain)


@pytest.mark.parametrize('has_bfloat16', [True, False])
@pytest.mark.parametrize('name', ['bf16', 'fp16', 'int8', 'fast', 'fastest'])
def test_precisions(name, has_bfloat16, monkeypatch):
    monkeypatch.setattr(names, 'has_bfloat16', lambda: has_bfloat16)
    torch.manual_seed(0)
    model, clip = model_of(192, 8), torch.rand(1, 3, 16, 48, 64)
    precision, merged = find_precision(name, 'cpu'), 8 if name.startswith('fast') else 1
    dtype = dict(bf16=torch.bfloat16, fp16=torch.float16).get(name, torch.float32)
    if name.startswith('fast') and has_bfloat16:
        dtype = torch.bfloat16
    with torch.inference_mode():
        # What is merged is, in noise, far from what is not.
        model.encoder.token_merging = merged
        exact, exact_map = model.encoder(clip)[0], model(clip)
        model.encoder.token_merging = 1
        prepare_prediction(model, precision)
        with computing_in(precision, 'cpu'):
            found, found_map = model.encoder(clip)[0], model(clip)
    in_int8 = name in ('int8', 'fastest')
    assert precision.dtype == dtype and model.encoder.token_merging == merged
    assert kinds_of(model.encoder, Int8Linear) == (4 if in_int8 else 0)
    assert kinds_of(model, WinogradConv2d) == (4 if dtype == torch.float32 else 0)
    for part in (model.encoder, *model.decoder.branches.values()):
        kept = {layer.weight.dtype for layer in part.modules() if isinstance(layer, nn.Linear)}
        assert kept <= {dtype}
    assert model.decoder.fusion.layers[2].weight.dtype == torch.float32
    # Half formats round by half of their eps, 8 bits by half of a 255th of the range.
    rounding = max(torch.finfo(dtype).eps, 0.02 if in_int8 else 1e-6)
    assert (found - exact).norm() / exact.norm() < rounding
    # In float32 only kernels differ, by less than the decoder makes of it.
    assert rounding / 1000 < (found_map - exact_map).abs().mean() < max(rounding, 1e-5)


@pytest.mark.parametrize(
    ('side', 'encoder'),
    [
        (
            112,
            dict(
                type='TimmFrameEncoder',
                arch='eva02_base_patch14_224',
                clip_len=2,
                model_kwargs=dict(embed_dim=32, depth=2, num_heads=2),
            ),
        ),
        (
            128,
            dict(
                type='TimmFrameEncoder',
                arch='swin_tiny_patch4_window7_224',
                clip_len=2,
                model_kwargs=dict(embed_dim=8, depths=[1, 1, 2, 1], num_heads=[1, 2, 2, 2]),
            ),
        ),
        (64, dict(type='TorchvisionVideoEncoder', arch='swin3d_t', clip_len=4)),
    ],
    ids=['eva02', 'swin', 'swin3d'],
)
def test_attention_of_other_libraries_that_takes_weights_itself(side, encoder):
    torch.manual_seed(0)
    model = build(MODELS, dict(MODEL, encoder=encoder)).eval()
    clip = torch.randn(1, 3, model.encoder.clip_len, side, side)
    with torch.inference_mode():
        exact = model.encoder(clip)[-1]
        in_int8 = copy.deepcopy(model)
        prepare_prediction(model)
        prepare_prediction(in_int8, find_precision('int8', 'cpu'))
        assert kinds_of(model.encoder, ConvolvedLinear) > 4 < kinds_of(in_int8, Int8Linear)
        torch.testing.assert_close(model.encoder(clip)[-1], exact, atol=1e-4, rtol=1e-4)
        found = in_int8.encoder(clip)[-1]
    assert 0 < (found - exact).norm() < 0.1 * exact.norm()


def test_a_qkv_layer_with_an_adapter_stays():
    class Adapted(nn.Module):
        def __init__(self, base):
            super().__init__()
            self.base, self.in_features, self.out_features = base, 24, 72

        @property
        def weight(self):
            return 2 * self.base.weight

    attention, tokens = UMTAttention(24, 2), torch.rand(1, 5, 24)
    attention.qkv = Adapted(attention.qkv)
    exact = attention(tokens)
    attention.fuse_bias()
    assert torch.equal(attention(tokens), exact)


def test_a_model_trained_with_more_merging_keeps_it():
    model = model_of(192, 8)
    model.encoder.token_merging = 16
    prepare_prediction(model, find_precision('fast', 'cpu'))
    assert model.encoder.token_merging == 16


def test_names():
    assert get_args(PrecisionName) == (*PRECISIONS, 'auto')
    with pytest.raises(ConfigError, match="'int8' is for CPUs, expected bf16 or fast on cuda"):
        find_precision('int8', 'cuda:0')
    for wrong in ('exakt', 'auto'):
        with pytest.raises(ConfigError, match=wrong):
            find_precision(wrong, 'cpu')


def test_what_auto_tries(monkeypatch):
    model = model_of(192, 8)
    monkeypatch.setattr(faster, 'has_bfloat16', lambda: True)
    names = [each.name for each in faster_precisions(model, 'cpu')]
    assert names == ['fastest', 'fast', 'bf16', 'int8']
    monkeypatch.setattr(faster, 'has_bfloat16', lambda: False)
    assert [each.name for each in faster_precisions(model, 'cpu')] == ['fastest', 'int8', 'fast']
    # A network of convolutions.
    model.encoder.blocks = nn.ModuleList([nn.Conv3d(64, 64, 3)])
    assert faster_precisions(model, 'cpu') == []
