"""VideoMAEEncoder: the contract, the library's numbers, every kind of weights file, the configs."""

import huggingface_hub
import pytest
import torch
from safetensors.torch import save_file
from salkit_videomae import TINY
from salkit_videomae.encoder import ARCHITECTURES, VideoMAEEncoder
from transformers import (
    BertConfig,
    BertModel,
    VideoMAEConfig,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
    VideoMAEModel,
)

from salkit.builder import build, build_on_meta
from salkit.checkpoints import Checkpoint, load_pretrained, load_weights
from salkit.config.load import load_config
from salkit.engine.building import check_components
from salkit.errors import CheckpointError, ConfigError, ShapeError
from salkit.registry import MODELS
from salkit.testing import EncoderSuite

# 2 x 3 x 3 tokens natively.
NATIVE = dict(
    TINY,
    image_size=48,
    use_mean_pooling=False,
    decoder_hidden_size=12,
    decoder_num_attention_heads=2,
    decoder_num_hidden_layers=1,
    decoder_intermediate_size=24,
)
SIZES = {'small': 21_879_936, 'base': 86_227_200, 'large': 303_860_736, 'huge': 631_607_040}
CONFIGS = [
    'videomae-b16_cc-kl',
    'videomae-b16-readout_cc-kl',
    'videomae-l16_cc-kl',
    'videomae-tiny_demo',
]


class TestVideoMAEEncoder(EncoderSuite):
    part = VideoMAEEncoder


class TestVideoMAEEncoderOfSeveralLayers(EncoderSuite):
    part = VideoMAEEncoder
    smoke = dict(
        arch=dict(TINY, num_hidden_layers=3, use_mean_pooling=False), clip_len=6, out_indices=(0, 2)
    )


def stirred(module, seed=0):
    """`module` with no parameter at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def library(cls=VideoMAEModel, **settings):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return stirred(cls(VideoMAEConfig(**{**NATIVE, **settings})))


def encoder_of(model, arch=NATIVE, **options):
    """An encoder with the weights of a library's model."""
    encoder = VideoMAEEncoder(arch=arch, clip_len=4, **options)
    load_weights(encoder, Checkpoint(model.state_dict(), 'memory'))
    return encoder.eval()


def tokens(feature):
    return feature.flatten(2).transpose(1, 2)


# The library's numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize('use_mean_pooling', [True, False])
def test_equals_the_library_at_the_native_grid(use_mean_pooling):
    model = library(use_mean_pooling=use_mean_pooling)
    encoder = encoder_of(model, dict(NATIVE, use_mean_pooling=use_mean_pooling))
    clip = torch.randn(2, 3, 4, 48, 48)
    with torch.no_grad():
        (feature,) = encoder(clip)
        expected = model(clip.transpose(1, 2)).last_hidden_state
    assert feature.shape == (2, 24, 2, 3, 3)
    torch.testing.assert_close(tokens(feature), expected, atol=1e-5, rtol=0)


def test_earlier_blocks_are_the_librarys_hidden_states():
    model = library(num_hidden_layers=3)
    clip = torch.randn(1, 3, 4, 48, 48)
    with torch.no_grad():
        expected = model(clip.transpose(1, 2), output_hidden_states=True)
        arch = dict(NATIVE, num_hidden_layers=3)
        first, last = encoder_of(model, arch, out_indices=(0, -1))(clip)
        (cut,) = encoder_of(model, arch, out_indices=[1])(clip)
    torch.testing.assert_close(tokens(first), expected.hidden_states[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(tokens(cut), expected.hidden_states[2], atol=1e-5, rtol=0)
    torch.testing.assert_close(tokens(last), expected.last_hidden_state, atol=1e-5, rtol=0)


def test_the_position_table_is_the_librarys():
    model = VideoMAEModel(VideoMAEConfig(**dict(TINY, num_frames=16)))
    encoder = VideoMAEEncoder(arch=dict(TINY, num_frames=16))
    table = encoder.positions((8, 14, 14))
    torch.testing.assert_close(table, model.embeddings.position_embeddings, atol=1e-6, rtol=0)
    assert not any('position' in key for key in encoder.state_dict())


def test_the_position_table_follows_the_clip():
    encoder = VideoMAEEncoder(arch=dict(NATIVE, image_size=[64, 96]), clip_len=4)
    assert encoder.native_grid == (2, 4, 6)
    table = encoder.position_table.view(2, 4, 6, 24)
    # Linear in time: of four steps, the second is a quarter on the way to the second of two.
    longer = encoder.positions((4, 4, 6)).view(4, 4, 6, 24)
    torch.testing.assert_close(longer[1], 0.75 * table[0] + 0.25 * table[1])
    torch.testing.assert_close(longer[0], table[0])
    # Bicubic in space: half-way between two cells, of four in each direction.
    smaller = encoder.positions((2, 2, 3)).view(2, 2, 3, 24)
    weights = torch.tensor([-0.09375, 0.59375, 0.59375, -0.09375])
    around = table[:, [0, 0, 1, 2]][:, :, [1, 2, 3, 4]]
    expected = torch.einsum('i,j,tijc->tc', weights, weights, around)
    torch.testing.assert_close(smaller[:, 0, 1], expected)


@pytest.mark.parametrize(('clip_len', 'size'), [(2, (16, 16)), (6, (32, 80)), (16, (48, 16))])
def test_any_even_length_and_size_divisible_by_16(clip_len, size):
    encoder = VideoMAEEncoder(arch=TINY, clip_len=clip_len).eval()
    with torch.no_grad():
        (feature,) = encoder(torch.randn(1, 3, clip_len, *size))
    assert feature.shape == (1, 24, clip_len // 2, size[0] // 16, size[1] // 16)


def test_attention_is_the_librarys_fused_one(monkeypatch):
    calls = []
    fused = torch.nn.functional.scaled_dot_product_attention

    def counted(*args, **kwargs):
        calls.append(1)
        return fused(*args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, 'scaled_dot_product_attention', counted)
    VideoMAEEncoder(arch=TINY, clip_len=4)(torch.randn(1, 3, 4, 32, 32))
    assert len(calls) == TINY['num_hidden_layers']


@pytest.mark.parametrize('name', SIZES)
def test_sizes_have_the_librarys_parameters(name):
    with torch.device('meta'):
        encoder = VideoMAEEncoder(arch=name)
        config = VideoMAEConfig(**ARCHITECTURES[name], image_size=16, use_mean_pooling=False)
        model = VideoMAEModel(config)
    counts = [sum(p.numel() for p in m.parameters()) for m in (encoder, model)]
    assert counts == [SIZES[name]] * 2


# Training -----------------------------------------------------------------------------------------


def test_activation_checkpointing_changes_nothing_but_memory():
    model, clip, gradients = library(), torch.randn(2, 3, 4, 32, 48), []
    for flag in (False, True):
        encoder = encoder_of(model, activation_checkpointing=flag).train()
        encoder(clip)[0].square().mean().backward()
        gradients.append([p.grad for p in encoder.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_frozen_stages():
    encoder = VideoMAEEncoder(arch=TINY, clip_len=4, frozen_stages=1, drop_path=0.5).train()
    trained = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert trained and all(name.startswith('trunk.encoder.layer.1.') for name in trained)
    assert not encoder.trunk.layers[0].training and encoder.trunk.layers[1].training
    nothing = VideoMAEEncoder(arch=TINY, clip_len=4, frozen_stages=0)
    assert not nothing.trunk.projection.weight.requires_grad


def test_drop_path_drops_whole_branches():
    arch = dict(NATIVE, num_hidden_layers=2)
    encoder = encoder_of(library(), arch, drop_path=0.9)
    with_rate = [
        module.drop_prob for module in encoder.modules() if type(module).__name__ == 'DropPath'
    ]
    assert with_rate == pytest.approx([0.9, 0.9])
    clip = torch.randn(1, 3, 4, 48, 48)
    kept = encoder(clip)[0]
    torch.testing.assert_close(kept, encoder_of(library(), arch)(clip)[0])
    encoder.trunk.layers[1].train()
    torch.manual_seed(0)
    outputs = [encoder(clip)[0] for _ in range(8)]
    # Both branches dropped: the block before, normalised.
    before = encoder_of(library(), arch, out_indices=[0])(clip)[0]
    alone = encoder.trunk.layernorm(before.movedim(1, -1)).movedim(-1, 1)
    assert any(torch.allclose(output, alone, atol=1e-5) for output in outputs)


# Weights ------------------------------------------------------------------------------------------


def older(state):
    """Names as the published files have them."""
    return {
        key.replace('query.bias', 'q_bias').replace('value.bias', 'v_bias'): value
        for key, value in state.items()
    }


@pytest.mark.parametrize('rename', [dict, older])
@pytest.mark.parametrize('cls', [VideoMAEModel, VideoMAEForPreTraining])
def test_takes_the_librarys_files(cls, rename, tmp_path):
    model = library(cls)
    save_file(rename(model.state_dict()), tmp_path / 'model.safetensors')
    encoder = VideoMAEEncoder(arch=NATIVE, clip_len=4)
    report = load_weights(encoder, tmp_path / 'model.safetensors')
    assert report.kind == 'VideoMAE'
    trunk = getattr(model, 'videomae', model)
    for key, value in trunk.state_dict().items():
        assert torch.equal(encoder.state_dict()[f'trunk.{key}'], value), key
    if cls is VideoMAEForPreTraining:
        assert set(report.reasons()) == {'used in pre-training alone'}
        dropped = {key.split('.')[0] for key in report.dropped}
        assert dropped == {'decoder', 'encoder_to_decoder', 'mask_token'}
    else:
        assert not report.dropped


def test_takes_fine_tuned_files_without_a_final_norm(tmp_path):
    model = library(VideoMAEForVideoClassification, use_mean_pooling=True, num_labels=5)
    torch.save(model.state_dict(), tmp_path / 'a.pth')
    encoder = VideoMAEEncoder(arch=NATIVE, clip_len=4, final_norm=False)
    report = load_weights(encoder, tmp_path / 'a.pth')
    assert set(report.dropped) == {
        'classifier.weight',
        'classifier.bias',
        'fc_norm.weight',
        'fc_norm.bias',
    }
    clip = torch.randn(1, 3, 4, 48, 48)
    with torch.no_grad():
        expected = model.videomae(clip.transpose(1, 2)).last_hidden_state
        got = tokens(encoder.eval()(clip)[0])
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)
    with pytest.raises(CheckpointError, match='final_norm=False'):
        load_weights(VideoMAEEncoder(arch=NATIVE, clip_len=4), tmp_path / 'a.pth')


def authors(state, prefix):
    """The names of the authors' code for the library's."""
    renamed = {}
    for key, value in state.items():
        key = key.replace('embeddings.patch_embeddings.projection', 'patch_embed.proj')
        key = key.replace('encoder.layer.', 'blocks.').replace('layernorm.', 'norm.')
        key = key.replace('layernorm_before', 'norm1').replace('layernorm_after', 'norm2')
        key = key.replace('attention.output.dense', 'attn.proj')
        key = key.replace('intermediate.dense', 'mlp.fc1').replace('output.dense', 'mlp.fc2')
        key = key.replace('attention.attention.query.bias', 'attn.q_bias')
        key = key.replace('attention.attention.value.bias', 'attn.v_bias')
        if key.endswith(('key.weight', 'value.weight')):
            continue
        if key.endswith('query.weight'):
            stem = f'encoder.layer.{key.split(".")[1]}.attention.attention'
            value = torch.cat([state[f'{stem}.{p}.weight'] for p in ('query', 'key', 'value')])
            key = f'blocks.{key.split(".")[1]}.attn.qkv.weight'
        renamed[prefix + key] = value
    return renamed


@pytest.mark.parametrize('pretraining', [True, False])
def test_takes_the_authors_files(pretraining, tmp_path):
    model = library(use_mean_pooling=not pretraining)
    state = authors(model.state_dict(), 'encoder.' if pretraining else '')
    if pretraining:
        unused = ['mask_token', 'encoder_to_decoder.weight', 'decoder.blocks.0.attn.qkv.weight']
    else:
        unused = ['fc_norm.weight', 'fc_norm.bias', 'head.weight', 'head.bias']
    state |= {key: torch.ones(3) for key in unused}
    torch.save(dict(model=state, epoch=1), tmp_path / 'a.pth')
    encoder = VideoMAEEncoder(arch=dict(NATIVE, use_mean_pooling=not pretraining), clip_len=4)
    report = load_weights(encoder, tmp_path / 'a.pth')
    assert set(report.dropped) == set(unused)
    for key, value in model.state_dict().items():
        assert torch.equal(encoder.state_dict()[f'trunk.{key}'], value), key


def test_nothing_is_lost_in_silence():
    state = library(num_hidden_layers=3).state_dict()
    encoder = VideoMAEEncoder(arch=dict(NATIVE, num_hidden_layers=3), clip_len=4, out_indices=[1])
    report = load_weights(encoder, Checkpoint(state, 'memory'))
    reasons = report.reasons()
    assert len(reasons['the encoder keeps the first 2 blocks']) == 15
    assert reasons['final norm, the encoder gives the tokens before it'] == [
        'layernorm.weight',
        'layernorm.bias',
    ]
    # A deeper model is another one, and so is what nobody knows.
    with pytest.raises(CheckpointError, match=r'15 unexpected entries, such as encoder\.layer\.2'):
        load_weights(VideoMAEEncoder(arch=NATIVE, clip_len=4), Checkpoint(state, 'memory'))
    state = library().state_dict()
    for change, expected in (
        (dict(stray=torch.ones(2)), '1 unexpected entries, such as stray'),
        ({'layernorm.bias': torch.ones(2)}, r'has shape \(2,\), expected \(24,\)'),
    ):
        with pytest.raises(CheckpointError, match=expected):
            encoder_of(type('Other', (), dict(state_dict=lambda self, c=change: state | c))())


def test_own_names_are_left_alone():
    encoder = VideoMAEEncoder(arch=NATIVE, clip_len=4)
    state = encoder.state_dict()
    assert all(key.startswith('trunk.') for key in state)
    assert encoder.adapt_weights(state) is None
    assert encoder.adapt_weights({f'encoder.{key}': value for key, value in state.items()}) is None


@pytest.mark.parametrize('cls', [VideoMAEModel, VideoMAEForPreTraining])
def test_pretrained_folder(cls, tmp_path):
    model = library(cls)
    model.save_pretrained(tmp_path / 'saved')
    encoder = VideoMAEEncoder(arch=NATIVE, clip_len=4, pretrained=str(tmp_path / 'saved'))
    load_pretrained(encoder)
    for key, value in getattr(model, 'videomae', model).state_dict().items():
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
    library(hidden_size=12).save_pretrained(tmp_path / 'narrow')
    for folder, expected in (
        ('bert', 'is no VideoMAE model'),
        ('narrow', r'shape .*, expected '),
        ('nowhere', 'there is no such folder'),
    ):
        encoder = VideoMAEEncoder(arch=NATIVE, clip_len=4, pretrained=str(tmp_path / folder))
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        with pytest.raises(CheckpointError, match=expected):
            load_pretrained(encoder)
        assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_pretrained_with_other_heads_is_told(tmp_path, monkeypatch):
    library(num_attention_heads=4).save_pretrained(tmp_path / 'saved')
    said = []
    monkeypatch.setattr('salkit_videomae.encoder.print_log', lambda text, **_: said.append(text))
    report = load_pretrained(VideoMAEEncoder(arch=NATIVE, pretrained=str(tmp_path / 'saved')))
    assert 'num_attention_heads=4, this encoder computes with 2' in said[0]
    assert 'entries of VideoMAE weights fill the encoder' in report.headline


def test_without_the_hub_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.setattr(huggingface_hub.constants, 'HF_HUB_OFFLINE', True)
    encoder = VideoMAEEncoder(arch=TINY, clip_len=4, pretrained='nobody/no-such-videomae')
    with pytest.raises(CheckpointError) as error:
        load_pretrained(encoder)
    text = str(error.value)
    assert text.startswith('nobody/no-such-videomae: ') and '\n' not in text
    assert '`hf download nobody/no-such-videomae`' in text and 'init_cfg' in text
    load_pretrained(VideoMAEEncoder(arch=TINY, clip_len=4))


# Errors and configs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (dict(arch='giant'), "'base', 'huge', 'large', 'small'"),
        (dict(arch=3), 'got 3'),
        (dict(arch=dict(TINY, hidden=3)), "no argument 'hidden'"),
        (dict(arch=dict(TINY, num_frame=3)), "did you mean 'num_frames'"),
        (dict(arch=dict(TINY, hidden_size='wide')), 'hidden_size'),
        (dict(arch=dict(TINY, num_attention_heads=5)), 'divide hidden_size 24'),
        (dict(arch=dict(TINY, num_channels=1)), 'num_channels 3'),
        (dict(arch=dict(TINY, patch_size=[16, 16])), 'single patch_size'),
        (dict(arch=TINY, clip_len=5), 'multiple of 2, got 5'),
        (dict(arch=TINY, clip_len=0), 'multiple of 2, got 0'),
        (dict(arch=TINY, out_indices=[]), r'-2 to 1, got \[\]'),
        (dict(arch=TINY, out_indices=[1, 0]), r'ascending .* got \[1, 0\]'),
        (dict(arch=TINY, out_indices=[0, -2]), r'got \[0, -2\]'),
        (dict(arch=TINY, out_indices=[2]), r'got \[2\]'),
        (dict(arch=TINY, out_indices=1), 'got 1'),
        (dict(arch=TINY, frozen_stages=3), '-1 to 2, got 3'),
    ],
)
def test_wrong_arguments_are_refused(options, expected):
    with pytest.raises(ConfigError, match=expected) as error:
        VideoMAEEncoder(**options)
    assert str(error.value).startswith('VideoMAEEncoder: ')


def test_wrong_clips_are_refused():
    with pytest.raises(ShapeError, match='divisible by 16, got 32 x 40'):
        VideoMAEEncoder(arch=TINY, clip_len=4)(torch.zeros(1, 3, 4, 32, 40))


@pytest.mark.parametrize('name', CONFIGS)
def test_configs_build(name):
    cfg = load_config(f'salkit_videomae::{name}')
    check_components(cfg)
    encoder = build_on_meta(MODELS, cfg.model).encoder
    assert isinstance(encoder, VideoMAEEncoder) and encoder.trunk.layernorm is not None
    assert cfg.train_dataloader.dataset.clip_len == encoder.clip_len
    if 'tiny' not in name:
        assert cfg.model.encoder.pretrained.startswith('MCG-NJU/videomae-')
        assert encoder.clip_len == 16


def test_the_decoder_of_salfom_runs_on_it():
    cfg = load_config('salkit_videomae::videomae-tiny_demo')
    model = build(MODELS, cfg.model).eval()
    with torch.no_grad():
        saliency_map = model(torch.randn(1, 3, 8, 64, 96))
    assert saliency_map.shape == (1, 64, 96)
