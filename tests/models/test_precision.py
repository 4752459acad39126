"""A model made ready to predict, against the plain one."""

import copy

import pytest
import torch
from small_models import MODEL, filled

from salkit.builder import build
from salkit.layers import TemporalWindowAttention, set_explicit_attention
from salkit.layers.winograd import WinogradConv2d
from salkit.models.faster import prepare_prediction
from salkit.registry import MODELS
from salkit.utils.allocator import keep_freed_memory


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
    assert exact.max() - exact.min() > 0.1
    # With these weights, which tell more than trained ones, the plain path too is up to 6e-5 away.
    assert (prepared - exact).abs().max() < 1e-4
    assert (prepared - plain).abs().max() < 1e-4
    assert not torch.equal(prepared, plain)


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_lower_precisions_convolve_directly(precision):
    model = model_of(192, 8)
    clip = torch.rand(1, 3, 16, 48, 64)
    with torch.inference_mode():
        exact = model(clip)
        with torch.autocast('cpu', getattr(torch, precision)):
            plain = model(clip).float()
            prepare_prediction(model, precision)
            assert kinds_of(model, WinogradConv2d) == 0
            prepared = model(clip).float()
    # Both round much, each in its own order.
    assert (prepared - exact).abs().mean() < 2 * (plain - exact).abs().mean()


def test_freed_memory_is_kept():
    resource = pytest.importorskip('resource')
    if not keep_freed_memory():
        pytest.skip("needs glibc's malloc")

    def faults(values):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(values)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    # 128 MiB are 32768 pages; what comes next fits into them, however it is aligned.
    faults(2**25)
    assert faults(2**24) < 1000
