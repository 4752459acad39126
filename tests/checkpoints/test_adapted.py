"""Files whose names only the encoder knows."""

import pprint

import pytest
import torch
from small_models import MODEL, assert_same, filled
from torch import nn

from salkit.builder import build
from salkit.checkpoints import load_weights, read_checkpoint
from salkit.checkpoints.convert import convert
from salkit.encoders import Encoder
from salkit.errors import CheckpointError
from salkit.registry import ENCODERS, MODELS
from salkit.types import AdaptedWeights, FeatureSpec


class ForeignEncoder(Encoder):
    """Its publisher calls the convolution `stem.w` and `stem.b`, and adds a head."""

    def __init__(self, width=24, clip_len=16, adapter=False):
        super().__init__()
        self.clip_len, self.features = clip_len, (FeatureSpec(width, (1, 16, 16)),)
        # Names that other transformers have too, and shapes that are not those of UMT.
        self.pos_embed = nn.Parameter(torch.zeros(1, 5, width))
        self.blocks = nn.ModuleList([nn.Conv3d(3, width, (1, 16, 16), (1, 16, 16))])
        if adapter:
            self.adapter = nn.Parameter(torch.full((width,), 0.5))

    def forward(self, clip):
        self.check_clip(clip)
        return (self.blocks[0](clip) + self.pos_embed.sum(1)[..., None, None, None],)

    def adapt_weights(self, weights):
        if not any(key.startswith('stem.') for key in weights):
            return None
        names = {'stem.w': 'blocks.0.weight', 'stem.b': 'blocks.0.bias'}
        found = {k: v for k, v in weights.items() if k in names}
        return AdaptedWeights(
            'foreign',
            {
                **{names[k]: v for k, v in found.items()},
                'pos_embed': torch.ones(self.pos_embed.shape),
            },
            sources={names[k]: k for k in found},
            dropped={k: 'a head' for k in weights if k.startswith('head.')},
            derived={'pos_embed': 'starts at one'},
            kept={'adapter': 'is new'} if hasattr(self, 'adapter') else {},
        )


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    ENCODERS.import_from_location()
    monkeypatch.setattr(ENCODERS, '_module_dict', dict(ENCODERS._module_dict))
    ENCODERS.register_module(module=ForeignEncoder)


def published(width=24):
    state = filled(ForeignEncoder(width))
    return {
        'stem.w': state['blocks.0.weight'],
        'stem.b': state['blocks.0.bias'],
        'head.weight': torch.ones(3),
    }


def saved(tmp_path, weights, name='foreign.pth'):
    torch.save(weights, tmp_path / name)
    return tmp_path / name


def model():
    return build(MODELS, dict(MODEL, encoder=dict(type='ForeignEncoder')))


def test_every_entry_is_placed_or_explained(tmp_path):
    encoder = ForeignEncoder()
    report = load_weights(encoder, saved(tmp_path, published()))
    assert report.kind == 'foreign' and report.part == 'encoder'
    assert report.used == {'blocks.0.weight': 'stem.w', 'blocks.0.bias': 'stem.b'}
    assert report.dropped == {'head.weight': 'a head'}
    assert report.derived == {'pos_embed': 'starts at one'}
    assert torch.equal(encoder.blocks[0].weight, published()['stem.w'])
    assert torch.equal(encoder.pos_embed, torch.ones(1, 5, 24))


def test_what_is_new_keeps_its_value(tmp_path):
    encoder = ForeignEncoder(adapter=True)
    report = load_weights(encoder, saved(tmp_path, published()))
    assert report.kept == {'adapter': 'is new'} and not report.missing
    assert '1 stay as they were (adapter: is new)' in report.headline
    assert torch.equal(encoder.adapter, torch.full((24,), 0.5))
    assert torch.equal(encoder.blocks[0].weight, published()['stem.w'])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda w: w.pop('stem.b'), '1 missing entries, such as blocks.0.bias'),
        (lambda w: w.update(other=torch.ones(1)), '1 unexpected entries, such as other'),
        (
            lambda w: w.update({'stem.b': torch.ones(3)}),
            r'blocks.0.bias has shape \(3,\), expected \(24,\)',
        ),
    ],
)
def test_what_the_encoder_does_not_speak_of_stops_the_loading(tmp_path, change, message):
    weights = published()
    change(weights)
    encoder = ForeignEncoder()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    with pytest.raises(CheckpointError, match=f'read as foreign weights.*{message}'):
        load_weights(encoder, saved(tmp_path, weights))
    assert_same(encoder.state_dict(), before)


def test_a_model_takes_it_for_its_encoder(tmp_path):
    path = saved(tmp_path, published())
    config = dict(MODEL, encoder=dict(type='ForeignEncoder', init_cfg=str(path)))
    built = build(MODELS, config)
    decoder = {k: v.clone() for k, v in built.decoder.state_dict().items()}
    built.init_weights()
    assert torch.equal(built.encoder.blocks[0].weight, published()['stem.w'])
    assert_same(built.decoder.state_dict(), decoder)
    with pytest.raises(CheckpointError, match='holds the weights of an encoder alone'):
        load_weights(model(), path)


def test_own_names_are_nobody_elses(tmp_path):
    """Entries called as UMT's are not resized, cut or completed as UMT's are."""
    source = ForeignEncoder()
    source.load_state_dict(filled(source))
    own = source.state_dict()
    encoder = ForeignEncoder()
    report = load_weights(encoder, saved(tmp_path, own))
    assert report.kind == 'salkit' and not report.derived and not report.dropped
    assert_same(encoder.state_dict(), own)
    for change in (dict(pos_embed=torch.zeros(1, 1568, 24)), {'blocks.1.weight': torch.ones(1)}):
        with pytest.raises(CheckpointError):
            load_weights(ForeignEncoder(), saved(tmp_path, {**own, **change}))
    without = {k: v for k, v in own.items() if k != 'pos_embed'}
    with pytest.raises(CheckpointError, match='1 missing entries, such as pos_embed'):
        load_weights(ForeignEncoder(), saved(tmp_path, without))


def test_conversion_of_what_the_encoder_of_a_config_adapts(tmp_path):
    config = tmp_path / 'foreign.py'
    shown = pprint.pformat(dict(MODEL, encoder=dict(type='ForeignEncoder')))
    config.write_text(f'model = {shown}\n')
    done = convert(saved(tmp_path, published()), tmp_path / 'out.safetensors', config=str(config))
    assert done.report.kind == 'foreign' and done.report.part == 'encoder'
    encoder = ForeignEncoder()
    assert load_weights(encoder, tmp_path / 'out.safetensors').kind == 'salkit'
    assert torch.equal(encoder.blocks[0].weight, published()['stem.w'])
    assert 'foreign' in read_checkpoint(tmp_path / 'out.safetensors').meta['source_kind']


def test_no_whole_file_comes_of_one_that_leaves_entries_out(tmp_path):
    config = tmp_path / 'foreign.py'
    shown = pprint.pformat(dict(MODEL, encoder=dict(type='ForeignEncoder', adapter=True)))
    config.write_text(f'model = {shown}\n')
    with pytest.raises(CheckpointError, match=r'1 entries, such as adapter \(is new\)'):
        convert(saved(tmp_path, published()), tmp_path / 'out.safetensors', config=str(config))
    assert not (tmp_path / 'out.safetensors').exists()
