"""Attention written out, against the fused kernels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import MODEL, filled

from salkit.builder import build
from salkit.encoders.temporal_mixer import TemporalMixer
from salkit.layers import DotProductAttention, dot_product, set_explicit_attention
from salkit.registry import MODELS


def biases(kind, length):
    if kind == 'none':
        return None
    bias = torch.randn(1, 2, length, length, dtype=torch.float64)
    if kind == 'masked':
        # Everyone sees itself.
        hidden = torch.rand(length, length) < 0.5
        bias.masked_fill_(hidden & ~torch.eye(length, dtype=torch.bool), -torch.inf)
    return bias


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 7), st.integers(1, 9), st.sampled_from(['none', 'bias', 'masked']))
def test_written_out_it_is_the_same(length, channels, kind):
    q, k, v = torch.randn(3, 3, 2, length, channels, dtype=torch.float64)
    bias, attend = biases(kind, length), DotProductAttention()
    fused = attend(q, k, v, bias)
    attend.explicit = True
    torch.testing.assert_close(attend(q, k, v, bias), fused, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize(('dtype', 'bound'), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_a_model_gives_the_same_map(dtype, bound):
    model = build(MODELS, MODEL)
    model.load_state_dict(filled(model))
    model.to(dtype).eval()
    clip = torch.rand(1, 3, 16, 32, 48, dtype=dtype)
    with torch.inference_mode():
        fused = model(clip)
        for part in (model.encoder, model.decoder.branches['swin3d']):
            assert set_explicit_attention(part) > 1
        explicit = model(clip)
        assert (explicit - fused).abs().max() < bound
        assert not torch.equal(explicit, fused)
        set_explicit_attention(model, False)
        torch.testing.assert_close(model(clip), fused, rtol=0, atol=0)


@pytest.mark.parametrize('keys', [512, 700])
def test_long_sequences_in_bfloat16(keys, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(dot_product, 'processor_instructions', lambda: ('avx512_bf16',))
    # As a layer before lays them out; the second part has the block that is not full.
    q, k, v = (torch.randn(2, n, 2, 16).bfloat16().transpose(1, 2) for n in (450, keys, keys))
    attend = DotProductAttention()
    exact = attend(*(x.double() for x in (q, k, v)))
    with torch.inference_mode():
        in_blocks = attend(q, k, v)
        monkeypatch.setattr(dot_product, 'processor_instructions', lambda: ())
        fused = attend(q, k, v)
    assert in_blocks.shape == exact.shape and in_blocks.dtype == torch.bfloat16
    assert not torch.equal(in_blocks, fused)
    # Weights are rounded to 8 bits before they are added up.
    assert (in_blocks.double() - exact).abs().max() < 2 * 2**-8 * v.abs().max()
    with torch.autocast('cpu', torch.bfloat16), torch.inference_mode():
        assert attend(q.float(), k.float(), v.float()).dtype == torch.bfloat16


def test_mixing_along_time_is_written_out_too():
    mixer = TemporalMixer(8, clip_len=3, depth=1, mlp_ratio=2).double()
    feature = torch.randn(1, 8, 3, 2, 2, dtype=torch.float64)
    fused = mixer(feature)
    assert set_explicit_attention(mixer) == 1
    torch.testing.assert_close(mixer(feature), fused, atol=1e-12, rtol=1e-12)
