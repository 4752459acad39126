"""LoRAEncoder and FrozenEncoder keep the contract, train what they say, and merge."""

import copy
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from salkit_peft import (
    FrozenEncoder,
    LoRAEncoder,
    load_adapters,
    merge_checkpoint,
    save_adapters,
)
from salkit_peft.__main__ import main
from torch import nn

from salkit import build_model, load_config
from salkit.builder import build, build_on_meta
from salkit.checkpoints import (
    Checkpoint,
    load_pretrained,
    load_weights,
    read_checkpoint,
    write_checkpoint,
    write_safetensors,
)
from salkit.encoders import Encoder, UMTEncoder
from salkit.errors import CheckpointError, ConfigError, ShapeError
from salkit.registry import ENCODERS, MODELS
from salkit.testing import EncoderSuite
from salkit.types import AdaptedWeights, FeatureSpec

ARCH = dict(embed_dim=32, depth=2, num_heads=2)
UMT = dict(type='UMTEncoder', arch=ARCH, clip_len=4)
UMT16 = dict(type='UMTEncoder', arch=ARCH, clip_len=16)


class TestLoRAEncoder(EncoderSuite):
    part = LoRAEncoder


class TestDoRAOnPart(EncoderSuite):
    part = LoRAEncoder
    smoke = dict(
        encoder=UMT,
        rank=2,
        use_dora=True,
        use_rslora=True,
        train=['norm'],
        target_modules=['attn.qkv'],
        base_eval=True,
    )


class TestFrozenEncoder(EncoderSuite):
    part = FrozenEncoder


class TestUnfrozenInPart(EncoderSuite):
    part = FrozenEncoder
    smoke = dict(encoder=UMT, unfreeze=[r'blocks\.1\.'])


# Encoders that use layers in ways of their own -------------------------------------------------


class PatchedEncoder(Encoder):
    """One token per frame and 8 x 8 pixels."""

    size_divisor = 8

    def __init__(self, clip_len=2, value=0):
        super().__init__()
        self.clip_len = clip_len
        self.features = (FeatureSpec(12, (1, 8, 8)),)
        self.patches = nn.Conv3d(3, 12, (1, 8, 8), (1, 8, 8))
        self.norm = nn.BatchNorm3d(12)
        self.called, self.read, self.unused = (nn.Linear(12, 12) for _ in range(3))
        self.drop = nn.Dropout(0.5)
        self.register_buffer('value', torch.tensor(value))
        # No buffer, so that it has values where the rest has none.
        self.table = torch.from_numpy(np.ones(12, np.float32))

    def forward(self, clip):
        self.check_clip(clip)
        x = self.drop(self.norm(self.patches(clip))).movedim(1, -1)
        x = x + self.table.to(clip.device) + torch.arange(12, device=clip.device)
        x = F.linear(F.gelu(self.called(x)), self.read.weight, self.read.bias)
        self.unused(x)
        return (x.movedim(-1, 1),)


class PeekingEncoder(PatchedEncoder):
    """Looks at a value, which shapes alone do not tell."""

    def forward(self, clip):
        if self.value.item():
            raise ValueError('never')
        return super().forward(clip)


class DetachedEncoder(PatchedEncoder):
    """Copies the weight when it is built."""

    def __init__(self):
        super().__init__()
        self.frozen_copy = self.read.weight.detach().clone()

    def forward(self, clip):
        self.check_clip(clip)
        return (F.linear(self.patches(clip).movedim(1, -1), self.frozen_copy).movedim(-1, 1),)


class RenamedEncoder(PatchedEncoder):
    """Takes files of another naming, and weights of a library."""

    pretrained = 'a library'

    def pretrained_weights(self):
        return {f'theirs.{k}': torch.ones_like(v) for k, v in self.state_dict().items()}

    def adapt_weights(self, weights):
        if not all(key.startswith('theirs.') for key in weights):
            return None
        sources = {key.removeprefix('theirs.'): key for key in weights}
        return AdaptedWeights('their', {k: weights[v] for k, v in sources.items()}, sources)


class MetaTableEncoder(PatchedEncoder):
    """Its table is made on the device of everything else."""

    def __init__(self):
        super().__init__()
        self.table = torch.ones(12)


class ReplacingEncoder(PatchedEncoder):
    """Gets new layers when its weights are loaded."""

    def init_weights(self):
        self.called, self.patches = nn.Linear(12, 12), nn.Conv3d(3, 12, (1, 8, 8), (1, 8, 8))
        nn.init.ones_(self.called.weight)


class ConvEncoder(Encoder):
    """Convolutions alone, one of them grouped."""

    size_divisor = 8

    def __init__(self):
        super().__init__()
        self.clip_len, self.features = 2, (FeatureSpec(8, (1, 8, 8)),)
        self.first = nn.Conv3d(3, 8, (1, 8, 8), (1, 8, 8))
        self.grouped = nn.Conv3d(8, 8, 3, padding=1, groups=8)
        self.last = nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0))
        self.point = nn.Conv3d(8, 8, 1)

    def forward(self, clip):
        self.check_clip(clip)
        return (self.point(self.last(self.grouped(self.first(clip)))),)


OWN = (
    PatchedEncoder,
    PeekingEncoder,
    DetachedEncoder,
    RenamedEncoder,
    MetaTableEncoder,
    ReplacingEncoder,
    ConvEncoder,
)


@pytest.fixture(autouse=True)
def _registered():
    for cls in OWN:
        ENCODERS.register_module(module=cls)
    yield
    for cls in OWN:
        del ENCODERS.module_dict[cls.__name__]


def noise(encoder, batch=1, size=(32, 48), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, encoder.clip_len, *size, generator=generator)


def stir(encoder, names='lora_', seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in encoder.named_parameters():
            if names in name:
                p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return encoder


def encode(encoder, clip):
    with torch.no_grad():
        return encoder.eval()(clip)[-1]


def off(value, expected):
    """The largest difference by the largest value: features of random encoders may be large."""
    return ((value - expected).abs().max() / expected.abs().max().clamp(min=1)).item()


def trainable(encoder):
    return {name for name, p in encoder.named_parameters() if p.requires_grad}


# What trains -----------------------------------------------------------------------------------


@pytest.mark.parametrize('dora', [False, True])
def test_starts_as_the_wrapped_encoder(dora):
    lora = LoRAEncoder(UMT, use_dora=dora)
    with lora.plain() as plain:
        state = {k: v.clone() for k, v in plain.state_dict().items()}
    base = UMTEncoder(ARCH, 4)
    base.load_state_dict(state)
    torch.testing.assert_close(encode(lora, noise(lora)), encode(base, noise(base)))
    assert (lora.features, lora.clip_len, lora.size_divisor) == (base.features, 4, 16)
    assert (lora.pixel_mean, lora.pixel_std) == (base.pixel_mean, base.pixel_std)
    with pytest.raises(ShapeError, match='UMTEncoder expects clips of 4 frames'):
        lora(torch.zeros(1, 3, 5, 32, 32))


def test_adapters_alone_train_and_the_base_stands_still():
    lora = LoRAEncoder(UMT, rank=2)
    before = {k: v.clone() for k, v in lora.state_dict().items()}
    assert len(trainable(lora)) == 2 * 4 * 2
    optimizer = torch.optim.Adam([p for p in lora.parameters() if p.requires_grad], 1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        lora(noise(lora))[0].square().mean().backward()
        optimizer.step()
    changed = {k for k, v in lora.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == trainable(lora)


@pytest.mark.parametrize('dora', [False, True])
@pytest.mark.parametrize('layer', ['attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2'])
def test_every_adapter_acts_also_where_only_the_weight_is_read(layer, dora):
    lora = LoRAEncoder(UMT, target_modules=[layer], use_dora=dora)
    assert lora.adapted == (f'blocks.0.{layer}', f'blocks.1.{layer}')
    clip = noise(lora)
    before = encode(lora, clip)
    for path in lora.adapted:
        moved = stir(copy.deepcopy(lora), path + '.lora_')
        assert (encode(moved, clip) - before).abs().max() > 1e-4


@pytest.mark.parametrize('dora', [False, True])
def test_reading_the_weight_and_calling_the_layer_are_the_same(dora):
    lora = stir(LoRAEncoder(dict(type='PatchedEncoder'), use_dora=dora))
    for path in lora.adapted:
        layer = lora.wrapped.get_submodule(path)
        tokens = torch.randn(5, 12)
        torch.testing.assert_close(F.linear(tokens, layer.weight, layer.bias), layer(tokens))


@pytest.mark.parametrize('kind', ['PatchedEncoder', 'PeekingEncoder'])
def test_idle_adapters_are_left_out_or_refused(kind):
    lora = LoRAEncoder(dict(type=kind))
    assert lora.adapted == ('called', 'read')
    assert not hasattr(lora.wrapped.unused, 'lora_A')
    with pytest.raises(ConfigError, match='adapters of unused would do nothing'):
        LoRAEncoder(dict(type=kind), target_modules=['called', 'unused'])
    with pytest.raises(ConfigError, match='would do nothing'):
        LoRAEncoder(dict(type='DetachedEncoder'))


@pytest.mark.parametrize('kind', ['PatchedEncoder', 'MetaTableEncoder'])
def test_the_same_layers_are_adapted_without_memory(kind):
    cfg = dict(type='LoRAEncoder', encoder=dict(type=kind))
    meta = build_on_meta(ENCODERS, cfg)
    assert meta.adapted == ('called', 'read')
    assert {p.device.type for p in meta.parameters()} == {'meta'}
    with pytest.raises(ConfigError, match='cannot be run to see which adapters act'):
        build_on_meta(ENCODERS, dict(type='LoRAEncoder', encoder=dict(type='PeekingEncoder')))


def test_building_draws_nothing_but_initial_values_and_leaves_modes_alone():
    lora = LoRAEncoder(dict(type='PatchedEncoder'))
    assert lora.training and lora.wrapped.training and lora.wrapped.drop.training
    assert lora.wrapped.norm.num_batches_tracked == 0


@pytest.mark.parametrize(
    ('targets', 'expected'),
    [
        (None, ['first', 'last', 'point']),
        (['last'], ['last']),
        ('.*st', ['first', 'last']),
    ],
)
@pytest.mark.parametrize('dora', [False, True])
def test_convolutions(targets, expected, dora):
    cfg = dict(type='ConvEncoder')
    lora = LoRAEncoder(cfg, rank=2, target_modules=targets, use_dora=dora)
    assert lora.adapted == tuple(expected)
    clip = noise(lora)
    adapted = encode(stir(lora), clip)
    last = lora.wrapped.last
    x = noise(lora)[:, :1].expand(-1, 8, -1, -1, -1)
    torch.testing.assert_close(F.conv3d(x, last.weight, last.bias, padding=(1, 0, 0)), last(x))
    torch.testing.assert_close(encode(lora.merge(), clip), adapted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(target_modules=['attn.nothing']), "'attn.nothing' finds no linear layer"),
        (dict(target_modules=['attn']), 'but UMTAttention'),
        (dict(target_modules='('), 'no regular expression'),
        (dict(train=['nothing']), "train pattern 'nothing' finds no parameter"),
        (dict(train=['(']), 'takes regular expressions'),
        (dict(rank=0), 'rank >= 1'),
        (dict(dropout=1.0), 'dropout < 1'),
        (dict(dropout=0.1), 'of blocks.0.attn.qkv, blocks.1.attn.qkv only the weight'),
        (dict(encoder='UMTEncoder'), 'must be the config of an encoder'),
        (dict(encoder=dict(type='UMTEncoder', archh='x')), "no argument 'archh'"),
        (dict(encoder=dict(type='LoRAEncoder', encoder=UMT)), 'has LoRA adapters already'),
        (dict(encoder=dict(UMT, init_cfg=dict(type='Other'))), 'init_cfg of the wrapped encoder'),
        (dict(encoder=dict(type='ConvEncoder'), target_modules=['grouped']), 'finds no linear'),
        (dict(encoder=dict(type='ConvEncoder'), target_modules='all-linear'), 'has no layers'),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ConfigError) as error:
        LoRAEncoder(**{'encoder': UMT, **options})
    assert message in str(error.value) and '\n' not in str(error.value)


def test_more_of_the_encoder_may_train_as_a_whole():
    lora = LoRAEncoder(UMT, target_modules=['mlp.fc1'], train=['norm', 'fc1.bias'])
    names = {name for name in trainable(lora) if '.lora_' not in name}
    assert len(names) == 2 * 5 and 'wrapped.blocks.1.mlp.fc1.base_layer.bias' in names
    # The encoder's own choice of what never trains is kept.
    with pytest.raises(ConfigError, match='pos_embed'):
        LoRAEncoder(UMT16, train=['pos_embed'])


def test_modes():
    for base_eval in (False, True):
        lora = LoRAEncoder(
            dict(type='PatchedEncoder'), target_modules=['called'], dropout=0.5, base_eval=base_eval
        ).train()
        assert lora.wrapped.drop.training is not base_eval
        assert not lora.wrapped.norm.training, 'running statistics of a frozen norm move'
        assert lora.wrapped.called.lora_dropout['default'].training
        assert not lora.eval().wrapped.called.lora_dropout['default'].training
    assert LoRAEncoder(dict(type='PatchedEncoder'), train=['norm']).wrapped.norm.training


@pytest.mark.parametrize('base_eval', [False, True])
def test_activation_checkpointing_over_a_frozen_base(base_eval):
    gradients, kept = [], []
    for flag in (False, True):
        torch.manual_seed(0)
        cfg = dict(UMT, activation_checkpointing=flag)
        lora = stir(LoRAEncoder(cfg, rank=2, base_eval=base_eval)).train()
        kept.append(0)

        def keep(value, kept=kept):
            kept[-1] += value.numel()
            return value

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            (feature,) = lora(noise(lora))
        feature.square().mean().backward()
        gradients.append({n: p.grad for n, p in lora.named_parameters() if p.requires_grad})
    torch.testing.assert_close(gradients[0], gradients[1])
    assert all(g.abs().sum() > 0 for g in gradients[1].values())
    assert kept[1] < kept[0] / 4


# FrozenEncoder ---------------------------------------------------------------------------------


def test_frozen_keeps_nothing_for_the_backward_pass_and_never_drops():
    frozen = FrozenEncoder(dict(type='PatchedEncoder')).train()
    assert frozen.training and not any(m.training for m in frozen.wrapped.modules())
    graphs = []
    frozen.wrapped.norm.register_forward_hook(lambda *_: graphs.append(torch.is_grad_enabled()))
    (feature,) = frozen(noise(frozen))
    assert not feature.requires_grad and not trainable(frozen) and graphs == [False]
    torch.testing.assert_close(feature, encode(frozen, noise(frozen)))
    # A clip whose own gradient is wanted still gets one.
    clip = noise(frozen).requires_grad_()
    frozen(clip)[0].sum().backward()
    assert clip.grad.abs().sum() > 0


def test_unfrozen_parts_train_alone():
    cfg = dict(UMT, drop_path=0.9, activation_checkpointing=True)
    frozen = FrozenEncoder(cfg, unfreeze=[r'blocks\.1\.mlp']).train()
    assert trainable(frozen) == {
        f'wrapped.blocks.1.mlp.fc{i}.{kind}' for i in (1, 2) for kind in ('weight', 'bias')
    }
    assert frozen.wrapped.training and not frozen.wrapped.blocks[1].training
    frozen(noise(frozen))[0].sum().backward()
    assert all(p.grad is not None for p in frozen.parameters() if p.requires_grad)
    with pytest.raises(ConfigError, match='unfreeze pattern'):
        FrozenEncoder(UMT, unfreeze=['nothing'])


def test_wrappers_nest():
    frozen = dict(type='FrozenEncoder', encoder=UMT)
    lora = stir(LoRAEncoder(frozen, rank=2))
    assert len(lora.adapted) == 8
    lora(noise(lora))[0].sum().backward()
    assert all(p.grad is not None for p in lora.parameters() if p.requires_grad)


# Files -----------------------------------------------------------------------------------------


def umt_file(path, clip_len=4, **options):
    torch.manual_seed(5)
    source = UMTEncoder(dict(ARCH, **options), clip_len)
    with torch.no_grad():
        for p in source.parameters():
            if p.requires_grad:
                p.normal_(std=0.1)
    weights = {f'backbone.{k}': v for k, v in source.state_dict().items() if k != 'pos_embed'}
    weights['backbone.norm.weight'] = torch.ones(ARCH['embed_dim'])
    write_checkpoint(dict(model=weights), path)
    return source


@pytest.mark.parametrize('wrapper', ['LoRAEncoder', 'FrozenEncoder'])
def test_a_base_file_fits_from_outside_and_inside(tmp_path, wrapper):
    source = umt_file(tmp_path / 'umt.pth')
    salkit_file = tmp_path / 'umt.safetensors'
    write_safetensors(source.state_dict(), salkit_file)
    expected = encode(source, noise(source))
    for file in (tmp_path / 'umt.pth', salkit_file):
        outside = build(ENCODERS, dict(type=wrapper, encoder=UMT))
        report = load_weights(outside, file)
        torch.testing.assert_close(encode(outside, noise(outside)), expected)
        assert report.part == 'encoder' and not report.problems
        inner = dict(UMT, init_cfg=str(file))
        inside = build(ENCODERS, dict(type=wrapper, encoder=inner))
        assert inner['init_cfg'] == str(file)
        load_pretrained(inside)
        torch.testing.assert_close(encode(inside, noise(inside)), expected)
        assert trainable(inside) == trainable(outside)
    report = load_weights(outside, tmp_path / 'umt.pth')
    assert list(report.dropped) == ['backbone.norm.weight']
    assert report.used['wrapped.patch_embed.proj.bias'] == 'backbone.patch_embed.proj.bias'


def test_adapters_keep_their_values_when_a_base_file_is_loaded(tmp_path):
    source = umt_file(tmp_path / 'umt.pth')
    lora = stir(LoRAEncoder(UMT))
    before = {k: v.clone() for k, v in lora.state_dict().items() if '.lora_' in k}
    report = load_weights(lora, tmp_path / 'umt.pth')
    assert all(torch.equal(lora.state_dict()[k], v) for k, v in before.items())
    assert '16 stay as they were' in report.headline
    assert (encode(lora, noise(lora)) - encode(source, noise(source))).abs().max() > 1e-3


@pytest.mark.parametrize('kind', ['ConvEncoder', 'PatchedEncoder'])
def test_magnitudes_follow_the_base_weights(kind, tmp_path):
    cfg = dict(type=kind)
    source = stir(build(ENCODERS, cfg), '')
    write_safetensors(source.state_dict(), tmp_path / 'base.safetensors')
    outside = LoRAEncoder(cfg, rank=2, use_dora=True)
    load_weights(outside, tmp_path / 'base.safetensors')
    inside = LoRAEncoder(
        dict(cfg, init_cfg=str(tmp_path / 'base.safetensors')), rank=2, use_dora=True
    )
    load_pretrained(inside)
    for lora in (outside, inside):
        torch.testing.assert_close(encode(lora, noise(lora)), encode(source, noise(source)))


def test_weights_of_a_library_and_other_namings(tmp_path):
    lora = LoRAEncoder(dict(type='RenamedEncoder'))
    assert lora.pretrained == 'a library'
    load_pretrained(lora)
    assert torch.equal(lora.wrapped.called.base_layer.weight, torch.ones(12, 12))
    theirs = {f'theirs.{k}': v + 1 for k, v in RenamedEncoder().state_dict().items()}
    report = load_weights(lora, Checkpoint(theirs, 'theirs.pth'))
    assert report.kind == 'their' and not report.dropped
    assert report.used['wrapped.called.base_layer.weight'] == 'theirs.called.weight'
    torch.testing.assert_close(
        lora.wrapped.called.base_layer.weight, theirs['theirs.called.weight']
    )


def test_layers_that_loading_replaces_are_adapted_and_frozen_too():
    lora = LoRAEncoder(dict(type='ReplacingEncoder'))
    before = trainable(lora)
    lora.init_weights()
    assert trainable(lora) == before == {n for n, _ in lora.named_parameters() if '.lora_' in n}
    assert torch.equal(lora.wrapped.called.base_layer.weight, torch.ones(12, 12))
    lora(noise(lora))[0].sum().backward()
    frozen = FrozenEncoder(dict(type='ReplacingEncoder'))
    frozen.init_weights()
    assert not trainable(frozen)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda w: w.pop('blocks.0.attn.qkv.weight'), 'missing entries, such as wrapped.blocks.0'),
        (lambda w: w.update(other=torch.zeros(1)), 'unexpected entries, such as other'),
        (
            lambda w: w.update({'blocks.0.attn.qkv.weight': torch.zeros(2, 2)}),
            'qkv.base_layer.weight has shape (2, 2), expected (96, 32)',
        ),
    ],
)
def test_nothing_of_a_base_file_is_left_over_or_out(change, message):
    weights = dict(UMTEncoder(ARCH, 4).state_dict())
    change(weights)
    lora = LoRAEncoder(UMT)
    before = {k: v.clone() for k, v in lora.state_dict().items()}
    with pytest.raises(CheckpointError) as error:
        load_weights(lora, Checkpoint(weights, 'base.pth'))
    assert message in str(error.value) and str(error.value).startswith('base.pth')
    assert all(torch.equal(v, before[k]) for k, v in lora.state_dict().items())


def test_deeper_files_and_other_positions(tmp_path):
    umt_file(tmp_path / 'umt.pth', clip_len=8, depth=3)
    lora = LoRAEncoder(UMT16)
    report = load_weights(lora, tmp_path / 'umt.pth')
    assert any('first 2 blocks' in reason for reason in report.dropped.values())
    assert 'fixed sine-cosine' in report.derived['wrapped.pos_embed']


def test_own_files_are_whole():
    lora = stir(LoRAEncoder(UMT))
    other = LoRAEncoder(UMT)
    assert other.adapt_weights(lora.state_dict()) is None
    report = load_weights(other, Checkpoint(lora.state_dict(), 'own'))
    assert set(report.used) == set(other.state_dict())
    torch.testing.assert_close(encode(other, noise(lora)), encode(lora, noise(lora)))
    lost = {k: v for k, v in lora.state_dict().items() if 'blocks.1.mlp.fc2.lora_B' not in k}
    with pytest.raises(CheckpointError, match=r'fc2\.lora_B'):
        load_weights(other, Checkpoint(lost, 'own'))


def test_a_plain_model_gives_its_encoder_from_inside(tmp_path):
    plain = build_model('demo/umt-tiny_cc-kl')
    write_checkpoint(dict(state_dict=plain.state_dict()), tmp_path / 'model.pth')
    options = {'model.encoder.encoder.init_cfg': str(tmp_path / 'model.pth')}
    lora = build_model(load_config('salkit_peft::umt-tiny-lora_demo', options))
    with pytest.raises(CheckpointError, match='a whole model is wanted here'):
        load_weights(lora, tmp_path / 'model.pth')
    lora.init_weights()
    weight = plain.encoder.blocks[0].attn.qkv.weight
    assert torch.equal(lora.encoder.wrapped.blocks[0].attn.qkv.base_layer.weight, weight)


def test_without_memory_adapters_are_left_as_they_are(tmp_path):
    umt_file(tmp_path / 'umt.pth')
    meta = build_on_meta(ENCODERS, dict(type='LoRAEncoder', encoder=UMT, use_dora=True))
    adapted = meta.adapt_weights(read_checkpoint(tmp_path / 'umt.pth').weights)
    assert adapted.kept and all('.lora_' in name for name in adapted.kept)
    assert {*adapted.weights, *adapted.kept} == set(meta.state_dict())
    assert not any(value.is_meta for value in adapted.weights.values())


def test_small_files(tmp_path):
    path = tmp_path / 'adapters.safetensors'
    lora = stir(LoRAEncoder(UMT, train=['norm1']))
    assert save_adapters(lora, path) == 16 + 4
    assert set(read_checkpoint(path).weights) == trainable(lora)
    other = LoRAEncoder(UMT, train=['norm1'])
    with lora.plain() as base, other.plain() as empty:
        empty.load_state_dict(base.state_dict())
    load_adapters(other, path)
    torch.testing.assert_close(encode(other, noise(lora)), encode(lora, noise(lora)))
    for options, message in (
        (dict(train=['norm1'], alpha=1), 'holds adapters with'),
        (dict(), 'also wrapped.blocks.0.norm1.bias'),
        (dict(train=['norm']), 'no wrapped.blocks.0.norm2.bias'),
    ):
        with pytest.raises(CheckpointError, match=message):
            load_adapters(LoRAEncoder(UMT, **options), path)
    write_safetensors(lora.state_dict(), path)
    with pytest.raises(CheckpointError, match='is no file of adapters'):
        load_adapters(other, path)
    with pytest.raises(CheckpointError, match='nothing in the encoder trains'):
        save_adapters(FrozenEncoder(UMT), path)


def test_small_files_hold_the_statistics_of_norms_that_train(tmp_path):
    path = tmp_path / 'adapters.safetensors'
    save_adapters(LoRAEncoder(dict(type='PatchedEncoder'), train=['norm']), path)
    assert 'wrapped.norm.running_mean' in read_checkpoint(path).weights


# Merging ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'options', [dict(), dict(use_dora=True), dict(use_rslora=True, train=['norm'])]
)
def test_the_merged_encoder_is_plain_and_equal(options):
    lora = stir(LoRAEncoder(UMT, **options))
    clip = noise(lora)
    before = encode(lora, clip)
    merged = lora.merge()
    assert type(merged) is UMTEncoder
    fresh = UMTEncoder(ARCH, 4)
    fresh.load_state_dict(merged.state_dict(), strict=True)
    assert trainable(merged) == trainable(fresh)
    for encoder in (merged, fresh, lora):
        torch.testing.assert_close(encode(encoder, clip), before, atol=1e-5, rtol=0)


@pytest.fixture
def trained(tmp_path):
    """A model with adapters that have moved, its config and its checkpoint."""
    config = tmp_path / 'lora.py'
    config.write_text("_base_ = 'salkit_peft::umt-tiny-lora_demo.py'\n")
    model = stir(build_model(str(config)))
    checkpoint = tmp_path / 'epoch_1.pth'
    write_checkpoint(dict(state_dict=model.state_dict(), meta={}), checkpoint)
    return model, config, checkpoint


def test_the_command_writes_a_model_for_the_plain_config(tmp_path, trained, capsys):
    model, config, checkpoint = trained
    out = tmp_path / 'merged.safetensors'
    assert main(['merge', str(config), str(checkpoint), str(out)]) == 0
    assert 'UMTEncoder' in capsys.readouterr().out
    plain = build_model('demo/umt-tiny_cc-kl', out)
    clip = torch.randn(1, 3, 8, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(plain(clip), model(clip), atol=1e-5, rtol=0)
    stored = json.loads(read_checkpoint(out).meta['model'])
    assert type(build_on_meta(MODELS, stored).encoder) is UMTEncoder


def test_what_cannot_be_merged_is_said(tmp_path, trained, capsys):
    _, config, checkpoint = trained
    assert main(['merge', str(config), str(checkpoint), str(tmp_path / 'out.pth')]) == 2
    assert 'ends in .safetensors' in capsys.readouterr().err
    plain = build_model('demo/umt-tiny_cc-kl')
    write_checkpoint(dict(state_dict=plain.state_dict()), checkpoint)
    with pytest.raises(ConfigError, match='its encoder is a UMTEncoder'):
        merge_checkpoint('demo/umt-tiny_cc-kl', checkpoint, tmp_path / 'out.safetensors')
    assert not (tmp_path / 'out.safetensors').exists()


# Configs and other encoders --------------------------------------------------------------------


def test_configs_build():
    small = build_model('salkit_peft::umt-tiny-lora_demo')
    assert len(small.encoder.adapted) == 16
    large = build_on_meta(MODELS, load_config('salkit_peft::umt-l16-lora_cc-kl').model)
    counts = [p.numel() for p in large.encoder.parameters() if p.requires_grad]
    assert sum(counts) == 3_145_728 and len(large.encoder.adapted) == 96


def test_the_share_that_trains_is_logged_once(caplog, monkeypatch):
    lines = []
    monkeypatch.setattr(
        'salkit_peft.wrapper.print_log', lambda message, logger=None: lines.append(message)
    )
    build_model('salkit_peft::umt-tiny-lora_demo').init_weights()
    assert len(lines) == 1
    assert lines[0].startswith('LoRAEncoder(UMTEncoder): 65,536 of ') and '%' in lines[0]


def test_peft_is_imported_when_an_encoder_is_built_and_not_before():
    code = (
        'import sys\n'
        # mmengine imports transformers where it is installed, and that imports peft.
        'sys.modules["transformers"] = None\n'
        'import salkit_peft, salkit_peft.adapter_files, salkit_peft.merging\n'
        'salkit_peft.register_encoders(lambda cls, smoke: None)\n'
        'assert "salkit_peft.lora" in sys.modules and "peft" not in sys.modules\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def _others():
    from salkit.testing.smoke import registered_parts

    for part in registered_parts():
        if part.registry == 'encoder' and part.cls not in (LoRAEncoder, FrozenEncoder):
            for i, smoke in enumerate(part.variants):
                yield pytest.param(part.cls, smoke, id=f'{part.cls.__name__}-{i}')


@pytest.mark.parametrize(('cls', 'smoke'), list(_others()))
def test_over_every_registered_encoder(cls, smoke):
    cfg = dict(type=cls.__name__, **smoke)
    lora = LoRAEncoder(cfg, rank=2)
    unit = lora.size_divisor * math.ceil(32 / lora.size_divisor)
    size = lora.fixed_size or (2 * unit, 3 * unit)
    clip = noise(lora, 1, size)
    twin = build_on_meta(ENCODERS, dict(type='LoRAEncoder', encoder=cfg, rank=2))
    assert twin.adapted == lora.adapted
    state = {k: v.clone() for k, v in lora.state_dict().items()}
    before = encode(lora, clip)
    stir(lora)
    lora.train()
    features = lora(clip)
    sum(f.square().mean() for f in features).backward()
    grads = {n: p.grad for n, p in lora.named_parameters() if p.requires_grad}
    assert all('.lora_' in n and g is not None and g.count_nonzero() for n, g in grads.items())
    after = encode(lora, clip)
    assert (after - before).abs().max() > 1e-5
    merged = lora.merge()
    fresh = build(ENCODERS, cfg, Encoder)
    report = load_weights(fresh, Checkpoint(merged.state_dict(), 'merged'))
    assert set(report.used) | set(report.derived) == set(fresh.state_dict())
    for encoder in (merged, fresh):
        assert off(encode(encoder, clip), after) < 1e-5
    # What the plain encoder writes is a base file of the wrapped one.
    again = LoRAEncoder(cfg, rank=2)
    load_weights(again, Checkpoint(fresh.state_dict(), 'plain'))
    assert off(encode(again, clip), after) < 1e-5
    assert state.keys() == again.state_dict().keys()
    frozen = FrozenEncoder(cfg)
    load_weights(frozen, Checkpoint(fresh.state_dict(), 'plain'))
    torch.testing.assert_close(encode(frozen, clip), encode(fresh, clip))
