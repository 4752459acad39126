"""Learning rates by layer: exact for UMT-L, and every parameter once for whatever encoder."""

import pytest
import torch
from torch import nn

from salkit.builder import build_on_meta
from salkit.config import load_config
from salkit.encoders import Encoder
from salkit.engine import LayerDecayOptimWrapperConstructor
from salkit.errors import ConfigError
from salkit.registry import ENCODERS, MODELS
from salkit.types import FeatureSpec

ADAMW = dict(type='AdamW', lr=1e-3, weight_decay=0.05)


def groups_of(model, optimizer=ADAMW, **paramwise):
    cfg = dict(type='OptimWrapper', optimizer=optimizer)
    return LayerDecayOptimWrapperConstructor(cfg, paramwise)(model).optimizer.param_groups


def settings_of(model, **paramwise):
    """(lr, weight_decay) by the name of the parameter, each there once."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    found = {}
    for group in groups_of(model, **paramwise):
        for parameter in group['params']:
            assert names[parameter] not in found
            found[names[parameter]] = group['lr'], group['weight_decay']
    assert found.keys() == {n for n, p in model.named_parameters() if p.requires_grad}
    return found


class Net(nn.Module):
    """What a constructor asks of a model."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = nn.Conv2d(3, 1, 1)


class Layered(Encoder):
    """As a plugin may write one: a class token, blocks of parts, something behind them."""

    features, clip_len = (FeatureSpec(3, (1, 1, 1)),), 4

    def __init__(self, depth=3, tie=False):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 3))
        self.stem = nn.Sequential(nn.Linear(3, 3), nn.GELU())
        blocks = [nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 3)) for _ in range(depth)]
        self.body = nn.ModuleDict(dict(layer=nn.ModuleList(blocks)))
        self.norm = nn.LayerNorm(3)
        if tie:
            blocks[2][1].weight = blocks[0][1].weight

    def forward(self, clip):
        return (clip,)


def test_rates_of_umt_l():
    cfg = load_config('salfom/umt-l16_cc-kl_modern')
    model = build_on_meta(MODELS, cfg.model)
    assert cfg.optim_wrapper.paramwise_cfg == dict(layer_decay_rate=0.75)
    for name, (lr, decay) in settings_of(model, layer_decay_rate=0.75).items():
        if name.startswith('encoder.patch_embed.'):
            steps = 25
        elif name.startswith('encoder.blocks.'):
            steps = 24 - int(name.split('.')[2])
        else:
            assert name.startswith('decoder.')
            steps = 0
        assert lr == pytest.approx(1e-3 * 0.75**steps, rel=1e-12), name
        flat = name.endswith(('bias', 'bias_table')) or '.norm' in name
        assert decay == (0.0 if flat else 0.05), name


def test_the_full_rate_comes_first_and_equal_settings_share_a_group():
    groups = groups_of(Net(Layered()), layer_decay_rate=0.5)
    assert groups[0]['lr'] == 1e-3
    # Patch embedding, three blocks, the rest: with decay and without, and one norm.
    assert len(groups) == 10


def test_an_encoder_of_a_plugin():
    found = settings_of(Net(Layered()), layer_decay_rate=0.5)
    assert found['encoder.cls_token'] == (1e-3 / 16, 0.0)
    assert found['encoder.stem.0.weight'] == (1e-3 / 16, 0.05)
    assert found['encoder.stem.0.bias'] == (1e-3 / 16, 0.0)
    assert found['encoder.body.layer.0.1.weight'] == (1e-3 / 8, 0.05)
    assert found['encoder.body.layer.2.0.weight'] == (1e-3 / 2, 0.0)
    assert found['encoder.norm.weight'] == (1e-3, 0.0)
    assert found['decoder.weight'] == (1e-3, 0.05)


def test_shared_weights_are_there_once():
    found = settings_of(Net(Layered(tie=True)), layer_decay_rate=0.5)
    assert 'encoder.body.layer.2.1.weight' not in found


def test_custom_keys_come_on_top():
    keys = {'encoder': dict(lr_mult=0.1), 'decoder': dict(lr_mult=2.0, decay_mult=0.5)}
    found = settings_of(Net(Layered()), layer_decay_rate=0.5, custom_keys=keys)
    lr, decay = found['encoder.body.layer.1.1.weight']
    assert (lr, decay) == (pytest.approx(1e-4 / 4), 0.05)
    assert found['decoder.weight'] == (2e-3, 0.025)
    assert found['decoder.bias'] == (2e-3, 0.0)


def test_frozen_parameters_are_left_out():
    model = Net(Layered())
    model.encoder.stem.requires_grad_(False)
    assert 'encoder.stem.0.weight' not in settings_of(model, layer_decay_rate=0.5)


@pytest.mark.parametrize(
    ('encoder', 'behind', 'last', 'first', 'before'),
    [
        (
            dict(type='TimmFrameEncoder', arch='vit_tiny_patch16_224', clip_len=2),
            'temporal.0.norm.weight',
            'trunk.blocks.11.mlp.fc2.bias',
            'trunk.blocks.0.norm1.weight',
            'trunk.patch_embed.proj.weight',
        ),
        (
            dict(type='TimmFrameEncoder', arch='convnext_atto', clip_len=2),
            'temporal.3.blocks.0.norm1.weight',
            'trunk.stages.3.blocks.1.mlp.fc2.bias',
            'trunk.stages.0.blocks.0.conv_dw.weight',
            'trunk.stem.0.weight',
        ),
        (
            dict(type='TorchvisionVideoEncoder', arch='swin3d_t'),
            'trunk.norm.weight',
            'trunk.features.6.1.mlp.3.bias',
            'trunk.features.0.0.norm1.weight',
            'trunk.patch_embed.proj.weight',
        ),
        (
            dict(type='TorchvisionVideoEncoder', arch='s3d'),
            None,
            'trunk.features.15.branch0.0.weight',
            'trunk.features.2.0.weight',
            'trunk.features.0.0.0.weight',
        ),
    ],
)
def test_encoders_with_stages(encoder, behind, last, first, before):
    built = build_on_meta(ENCODERS, encoder)
    steps = built.steps_to_decoder()
    assert steps.keys() == dict(built.named_parameters()).keys()
    if behind in steps:
        assert steps[behind] == 0
    count = steps[before] - 1
    assert steps[last] == 1 and steps[first] == count > 10
    # No block is left out on the way.
    assert {*range(1, count + 2)} <= {*steps.values()}


@pytest.mark.parametrize(
    ('model', 'options', 'message'),
    [
        (Net(Layered()), dict(), r'layer_decay_rate must be .* got None'),
        (Net(Layered()), dict(layer_decay_rate=1.5), 'up to 1, got 1.5'),
        (Net(Layered()), dict(layer_decay_rate=0.5, layer_decay=1), "no 'layer_decay'"),
        (Net(Layered()), dict(layer_decay_rate=0.5, optimizer=dict(type='AdamW')), 'need an lr'),
        (nn.Linear(2, 2), dict(layer_decay_rate=0.5), 'Linear has no encoder'),
    ],
)
def test_what_cannot_be_is_refused(model, options, message):
    with pytest.raises(ConfigError, match=message):
        groups_of(model, **options)


def test_an_encoder_without_blocks_is_refused():
    encoder = Layered(depth=1)
    encoder.stem = nn.Linear(3, 3)
    encoder.body = nn.Linear(3, 3)
    with pytest.raises(ConfigError, match='Layered: expected a list of blocks'):
        groups_of(Net(encoder), layer_decay_rate=0.5)
