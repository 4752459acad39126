"""VJEPA2Encoder: the contract, rotary positions, every kind of weights file, the configs."""

import huggingface_hub
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from salkit_vjepa2 import TINY
from salkit_vjepa2.encoder import ARCHITECTURES, VJEPA2Encoder, grid_positions
from transformers import (
    BertConfig,
    BertModel,
    VJEPA2Config,
    VJEPA2ForVideoClassification,
    VJEPA2Model,
)

from salkit.builder import build, build_on_meta
from salkit.checkpoints import Checkpoint, load_pretrained, load_weights
from salkit.config.load import load_config
from salkit.engine.building import check_components
from salkit.errors import CheckpointError, ConfigError, ShapeError
from salkit.registry import MODELS
from salkit.testing import EncoderSuite

# 4 x 4 tokens a frame for the library; heads of 15 channels: 4 for each axis, 3 unturned.
NATIVE = dict(
    TINY,
    hidden_size=30,
    crop_size=64,
    frames_per_clip=4,
    pred_hidden_size=12,
    pred_num_attention_heads=2,
    pred_num_hidden_layers=1,
    num_pooler_layers=1,
)
# Of the encoder, and of the library's model with its predictor.
SIZES = {
    'vitl': (303_885_312, 325_971_328),
    'vith': (631_648_000, 653_930_880),
    'vitg': (1_012_173_952, 1_034_555_264),
    'vitg384': (1_012_173_952, 1_034_555_264),
}
CONFIGS = ['vjepa2-l16_cc-kl', 'vjepa2-g16_cc-kl', 'vjepa2-tiny_demo']


class TestVJEPA2Encoder(EncoderSuite):
    part = VJEPA2Encoder


class TestVJEPA2EncoderOfSeveralLayers(EncoderSuite):
    part = VJEPA2Encoder
    smoke = dict(arch=dict(TINY, num_hidden_layers=3), clip_len=6, out_indices=(0, 2))


def library(cls=VJEPA2Model, **settings):
    """A library's model with no parameter at its initial value."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = cls(VJEPA2Config(**{**NATIVE, **settings})).eval()
        for parameter in model.parameters():
            parameter.data += 0.2 * torch.randn(parameter.shape)
    return model


def encoder_of(model, arch=NATIVE, clip_len=4, **options):
    """An encoder with the weights of a library's model."""
    encoder = VJEPA2Encoder(arch=arch, clip_len=clip_len, **options)
    load_weights(encoder, Checkpoint(model.state_dict(), 'memory'))
    return encoder.eval()


def tokens(feature):
    return feature.flatten(2).transpose(1, 2)


def through_the_library(model, clip):
    with torch.no_grad():
        return model(clip.transpose(1, 2), skip_predictor=True).last_hidden_state


# Rotary positions ---------------------------------------------------------------------------------


@pytest.mark.parametrize('clip_len', [2, 4, 8])
def test_equals_the_library_at_the_native_square(clip_len):
    model, clip = library(), torch.randn(2, 3, clip_len, 64, 64)
    with torch.no_grad():
        (feature,) = encoder_of(model, clip_len=clip_len)(clip)
    assert feature.shape == (2, 30, clip_len // 2, 4, 4)
    torch.testing.assert_close(tokens(feature), through_the_library(model, clip), atol=1e-5, rtol=0)


def turned(heads, positions):
    """Queries or keys (B, heads, N, D), turned channel by channel in float64.

    The first channels belong to the frame, then as many to the row and to the column, the rest is
    left. Channel j of an axis of D' channels is turned together with its neighbour in the pair, at
    frequency j modulo D' / 2.
    """
    out = heads.clone()
    dim = 2 * (heads.shape[-1] // 3 // 2)
    for axis, position in enumerate(positions):
        for j in range(dim):
            angle = position * 10000.0 ** (-(j % (dim // 2)) / (dim / 2))
            here, pair = axis * dim + j, axis * dim + (j ^ 1)
            sign = -1 if j % 2 == 0 else 1
            out[..., here] = heads[..., here] * angle.cos() + sign * heads[..., pair] * angle.sin()
    return out


def by_hand(model, clip):
    """The encoder in float64, written down again with positions counted one by one."""
    state = {key: value.double() for key, value in model.encoder.state_dict().items()}
    config = model.config
    name = 'embeddings.patch_embeddings.proj'
    feature = F.conv3d(
        clip.double(), state[f'{name}.weight'], state[f'{name}.bias'], stride=(2, 16, 16)
    )
    t, h, w = feature.shape[2:]
    counted = [(f, r, c) for f in range(t) for r in range(h) for c in range(w)]
    positions = torch.tensor(counted, dtype=torch.float64).unbind(1)
    x = feature.flatten(2).transpose(1, 2)

    def norm(value, name):
        return F.layer_norm(
            value, value.shape[-1:], state[f'{name}.weight'], state[f'{name}.bias'], 1e-6
        )

    def linear(value, name):
        return F.linear(value, state[f'{name}.weight'], state[f'{name}.bias'])

    for index in range(config.num_hidden_layers):
        block = f'layer.{index}'
        normed = norm(x, f'{block}.norm1')
        q, k, v = (
            linear(normed, f'{block}.attention.{part}')
            .unflatten(-1, (config.num_attention_heads, -1))
            .transpose(1, 2)
            for part in ('query', 'key', 'value')
        )
        scores = turned(q, positions) @ turned(k, positions).transpose(-1, -2)
        mixed = (scores / q.shape[-1] ** 0.5).softmax(-1) @ v
        x = x + linear(mixed.transpose(1, 2).flatten(2), f'{block}.attention.proj')
        hidden = F.gelu(linear(norm(x, f'{block}.norm2'), f'{block}.mlp.fc1'))
        x = x + linear(hidden, f'{block}.mlp.fc2')
    return norm(x, 'layernorm')


@pytest.mark.parametrize('size', [(64, 64), (32, 80), (96, 48), (32, 32), (112, 112)])
def test_positions_are_those_of_the_clip_at_any_size(size):
    model, clip = library(), torch.randn(1, 3, 4, *size)
    with torch.no_grad():
        (feature,) = encoder_of(model)(clip)
        expected = by_hand(model, clip).float()
    torch.testing.assert_close(tokens(feature), expected, atol=2e-5, rtol=0)
    theirs = through_the_library(model, clip)
    # Why the positions are given: the library is right at its one size alone.
    right = torch.allclose(theirs, expected, atol=1e-3)
    assert right == (size == (64, 64))


def test_a_larger_square_equals_the_library_built_for_it():
    clip = torch.randn(1, 3, 4, 96, 96)
    expected = through_the_library(library(crop_size=96), clip)
    with torch.no_grad():
        (feature,) = encoder_of(library())(clip)
    torch.testing.assert_close(tokens(feature), expected, atol=1e-5, rtol=0)


def test_grid_positions_count_frames_rows_and_columns():
    counted = [(f, r, c) for f in range(2) for r in range(3) for c in range(5)]
    assert torch.stack(grid_positions((2, 3, 5)), 1).tolist() == [list(p) for p in counted]


# The library's numbers ----------------------------------------------------------------------------


def test_earlier_blocks_are_the_librarys_hidden_states():
    model, clip = library(num_hidden_layers=3), torch.randn(1, 3, 4, 64, 64)
    with torch.no_grad():
        given = model(clip.transpose(1, 2), skip_predictor=True, output_hidden_states=True)
        arch = dict(NATIVE, num_hidden_layers=3)
        first, last = encoder_of(model, arch, out_indices=(0, -1))(clip)
        (cut,) = encoder_of(model, arch, out_indices=[1])(clip)
    torch.testing.assert_close(tokens(first), given.hidden_states[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(tokens(cut), given.hidden_states[2], atol=1e-5, rtol=0)
    torch.testing.assert_close(tokens(last), given.last_hidden_state, atol=1e-5, rtol=0)


def test_attention_is_the_librarys_fused_one(monkeypatch):
    calls = []
    fused = torch.nn.functional.scaled_dot_product_attention

    def counted(*args, **kwargs):
        calls.append(1)
        return fused(*args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, 'scaled_dot_product_attention', counted)
    VJEPA2Encoder(arch=TINY, clip_len=4)(torch.randn(1, 3, 4, 32, 48))
    assert len(calls) == TINY['num_hidden_layers']


@pytest.mark.parametrize('name', SIZES)
def test_sizes_have_the_librarys_parameters_and_no_predictor(name):
    with torch.device('meta'):
        encoder = VJEPA2Encoder(arch=name)
        model = VJEPA2Model(VJEPA2Config(**ARCHITECTURES[name]))
    counts = [sum(p.numel() for p in m.parameters()) for m in (encoder, model.encoder, model)]
    assert counts == [SIZES[name][0], *SIZES[name]]


# Training -----------------------------------------------------------------------------------------


def test_activation_checkpointing_changes_nothing_but_memory():
    model, clip, gradients = library(), torch.randn(2, 3, 4, 32, 48), []
    for flag in (False, True):
        encoder = encoder_of(model, activation_checkpointing=flag).train()
        encoder(clip)[0].square().mean().backward()
        gradients.append([p.grad for p in encoder.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_frozen_stages_and_drop_path():
    encoder = VJEPA2Encoder(arch=TINY, clip_len=4, frozen_stages=1, drop_path=0.5).train()
    trained = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert trained
    assert all(name.startswith(('trunk.layer.1.', 'trunk.layernorm.')) for name in trained)
    assert not encoder.trunk.layer[0].training and encoder.trunk.layer[1].training
    assert [layer.drop_path.drop_prob for layer in encoder.trunk.layer] == [0, 0.5]
    nothing = VJEPA2Encoder(arch=TINY, clip_len=4, frozen_stages=0)
    assert not nothing.trunk.embeddings.patch_embeddings.proj.weight.requires_grad


# Weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize('cls', [VJEPA2Model, VJEPA2ForVideoClassification])
def test_takes_the_librarys_files(cls, tmp_path):
    model = library(cls)
    save_file(model.state_dict(), tmp_path / 'model.safetensors')
    encoder = VJEPA2Encoder(arch=NATIVE, clip_len=4)
    report = load_weights(encoder, tmp_path / 'model.safetensors')
    assert report.kind == 'V-JEPA 2'
    for key, value in getattr(model, 'vjepa2', model).encoder.state_dict().items():
        assert torch.equal(encoder.state_dict()[f'trunk.{key}'], value), key
    reasons = report.reasons()
    predictor = reasons.pop('predictor, used in pre-training alone')
    assert all('predictor.' in key for key in predictor)
    if cls is VJEPA2ForVideoClassification:
        heads = {key.split('.')[0] for key in reasons.pop('classification head')}
        assert heads == {'pooler', 'classifier'}
    assert not reasons


def test_nothing_is_lost_in_silence():
    state = library(num_hidden_layers=3).state_dict()
    encoder = VJEPA2Encoder(arch=dict(NATIVE, num_hidden_layers=3), clip_len=4, out_indices=[1])
    reasons = load_weights(encoder, Checkpoint(state, 'memory')).reasons()
    assert len(reasons['the encoder keeps the first 2 blocks']) == 16
    assert reasons['final norm, the encoder gives the tokens before it'] == [
        'encoder.layernorm.weight',
        'encoder.layernorm.bias',
    ]
    # A deeper model is another one, and so is what nobody knows.
    encoder, whole = VJEPA2Encoder(arch=NATIVE, clip_len=4), library().state_dict()
    lacking = {key: value for key, value in whole.items() if key != 'encoder.layernorm.bias'}
    for wrong, expected in (
        (state, r'16 unexpected entries, such as encoder\.layer\.2'),
        (whole | dict(stray=torch.ones(2)), '1 unexpected entries, such as stray'),
        (lacking, r'1 missing entries, such as trunk\.layernorm\.bias'),
        (whole | {'encoder.layernorm.bias': torch.ones(2)}, r'has shape \(2,\), expected \(30,\)'),
    ):
        with pytest.raises(CheckpointError, match=expected):
            load_weights(encoder, Checkpoint(wrong, 'memory'))


def test_own_names_are_left_alone():
    encoder = VJEPA2Encoder(arch=NATIVE, clip_len=4)
    state = encoder.state_dict()
    assert all(key.startswith('trunk.') for key in state)
    assert encoder.adapt_weights(state) is None
    assert encoder.adapt_weights({f'encoder.{key}': value for key, value in state.items()}) is None


@pytest.mark.parametrize('cls', [VJEPA2Model, VJEPA2ForVideoClassification])
def test_pretrained_folder(cls, tmp_path):
    model = library(cls)
    model.save_pretrained(tmp_path / 'saved')
    encoder = VJEPA2Encoder(arch=NATIVE, clip_len=4, pretrained=str(tmp_path / 'saved'))
    load_pretrained(encoder)
    for key, value in getattr(model, 'vjepa2', model).encoder.state_dict().items():
        assert torch.equal(encoder.state_dict()[f'trunk.{key}'], value), key


def test_pretrained_of_something_else(tmp_path):
    bert = BertConfig(
        vocab_size=9,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
    )
    BertModel(bert).save_pretrained(tmp_path / 'bert')
    library(hidden_size=24).save_pretrained(tmp_path / 'narrow')
    for folder, expected in (
        ('bert', 'is no V-JEPA 2 model'),
        ('narrow', r'shape .*, expected '),
        ('nowhere', 'there is no such folder'),
    ):
        encoder = VJEPA2Encoder(arch=NATIVE, clip_len=4, pretrained=str(tmp_path / folder))
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        with pytest.raises(CheckpointError, match=expected):
            load_pretrained(encoder)
        assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_pretrained_with_other_heads_is_told(tmp_path, monkeypatch):
    library(num_attention_heads=3).save_pretrained(tmp_path / 'saved')
    said = []
    monkeypatch.setattr('salkit_vjepa2.encoder.print_log', lambda text, **_: said.append(text))
    report = load_pretrained(VJEPA2Encoder(arch=NATIVE, pretrained=str(tmp_path / 'saved')))
    assert 'num_attention_heads=3, this encoder computes with 2' in said[0]
    assert 'entries of V-JEPA 2 weights fill the encoder' in report.headline


def test_without_the_hub_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    encoder = VJEPA2Encoder(arch=TINY, clip_len=4, pretrained='nobody/no-such-vjepa2')
    with pytest.raises(CheckpointError) as error:
        load_pretrained(encoder)
    text = str(error.value)
    assert text.startswith('nobody/no-such-vjepa2: ') and '\n' not in text
    assert '`hf download nobody/no-such-vjepa2`' in text and 'init_cfg' in text
    load_pretrained(VJEPA2Encoder(arch=TINY, clip_len=4))


# Errors and configs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (dict(arch='vits'), r"\['vitg', 'vitg384', 'vith', 'vitl'\]"),
        (dict(arch=3), 'got 3'),
        (dict(arch=dict(TINY, hidden_sizes=3)), "did you mean 'hidden_size'"),
        (dict(arch=dict(TINY, drop_path_rate=0.1)), "takes no 'drop_path_rate'"),
        (dict(arch=dict(TINY, hidden_size='wide')), 'hidden_size'),
        (dict(arch=dict(TINY, num_attention_heads=5)), 'must divide hidden_size 24'),
        (dict(arch=dict(TINY, num_attention_heads=6)), 'at least 6 channels, got 6'),
        (dict(arch=dict(TINY, in_chans=1)), 'in_chans 3'),
        (dict(arch=dict(TINY, patch_size=[16, 16])), 'single patch_size'),
        (dict(arch=TINY, clip_len=5), 'multiple of 2, got 5'),
        (dict(arch=TINY, clip_len=0), 'multiple of 2, got 0'),
        (dict(arch=TINY, out_indices=[]), r'-2 to 1, got \[\]'),
        (dict(arch=TINY, out_indices=[1, 0]), r'ascending .* got \[1, 0\]'),
        (dict(arch=TINY, out_indices=[2]), r'got \[2\]'),
        (dict(arch=TINY, out_indices=1), 'got 1'),
        (dict(arch=TINY, frozen_stages=3), '-1 to 2, got 3'),
    ],
)
def test_wrong_arguments_are_refused(options, expected):
    with pytest.raises(ConfigError, match=expected) as error:
        VJEPA2Encoder(**options)
    assert str(error.value).startswith('VJEPA2Encoder: ')


def test_wrong_clips_are_refused():
    with pytest.raises(ShapeError, match='divisible by 16, got 32 x 40'):
        VJEPA2Encoder(arch=TINY, clip_len=4)(torch.zeros(1, 3, 4, 32, 40))


@pytest.mark.parametrize('name', CONFIGS)
def test_configs_build(name):
    cfg = load_config(f'salkit_vjepa2::{name}')
    check_components(cfg)
    encoder = build_on_meta(MODELS, cfg.model).encoder
    assert isinstance(encoder, VJEPA2Encoder)
    assert cfg.train_dataloader.dataset.clip_len == encoder.clip_len
    if 'tiny' not in name:
        assert cfg.model.encoder.pretrained.startswith('facebook/vjepa2-vit')
        assert encoder.clip_len == 16


def test_the_decoder_of_salfom_runs_on_it():
    cfg = load_config('salkit_vjepa2::vjepa2-tiny_demo')
    model = build(MODELS, cfg.model).eval()
    with torch.no_grad():
        saliency_map = model(torch.randn(1, 3, 8, 64, 96))
    assert saliency_map.shape == (1, 64, 96)
