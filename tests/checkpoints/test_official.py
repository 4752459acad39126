"""The authors' names of every entry, both ways."""

import copy

import pytest
import torch
from golden import DATA, official_entries, weight
from mmengine.config import Config
from small_models import MODEL, filled

import salkit
from salkit.builder import build
from salkit.checkpoints import Checkpoint, load_weights
from salkit.checkpoints.official import (
    DEAD,
    is_official,
    official_key,
    salkit_key,
    to_official,
    why_unused,
)
from salkit.errors import CheckpointError
from salkit.registry import MODELS

NAME = 'salfom/umt-l16_cc-kl'


def model_of(**changes):
    """A small model; changes by dotted key."""
    cfg = Config(dict(model=copy.deepcopy(MODEL)))
    cfg.merge_from_dict({f'model.{key.replace("__", ".")}': v for key, v in changes.items()})
    return build(MODELS, cfg.model)


@pytest.fixture(scope='module')
def published():
    """The published model without memory for its weights."""
    with torch.device('meta'):
        return build(MODELS, salkit.load_config(NAME).model)


def test_every_official_key_has_a_place_or_a_reason():
    keys = [key for key, _, _ in official_entries()]
    targets = [salkit_key(key) for key in keys]
    used = [target for target in targets if target is not None]
    assert len(set(used)) == len(used)
    assert {key for key, target in zip(keys, targets, strict=True) if target is None} == {
        key
        for key in keys
        if key.endswith('relative_position_index')
        or key.startswith(('encoder.fc_norm', 'encoder.head', 'conv_t3_3', 'final_map'))
        or (key.count('.') == 2 and '.norm.' in key)
    }
    assert all(
        (why_unused(k) is None) == (t is not None) for k, t in zip(keys, targets, strict=True)
    )


@pytest.mark.parametrize('key', ['conv_99.weight', 'conv_2D_0.weight', 'transformer_4.norm.weight'])
def test_names_that_the_authors_do_not_use(key):
    with pytest.raises(KeyError):
        salkit_key(key)
    with pytest.raises(KeyError):
        official_key(key)


def test_every_live_key_leads_back_to_itself(published):
    live = [key for key, _, _ in official_entries() if why_unused(key) is None]
    assert [official_key(salkit_key(key)) for key in live] == live
    own = list(published.state_dict())
    assert sorted(map(salkit_key, live)) == sorted(own)
    assert [salkit_key(official_key(key)) for key in own] == own


def test_the_published_model_gives_exactly_the_published_entries(published):
    official, made = to_official(published.state_dict(), {}, 'file')
    rows = [line.split('\t') for line in (DATA / 'salfom_state_dict.tsv').read_text().splitlines()]
    expected = {key: (shape, dtype) for key, shape, dtype, _ in rows[1:]}
    assert {
        key: ('x'.join(map(str, value.shape)), str(value.dtype).removeprefix('torch.'))
        for key, value in official.items()
    } == expected
    assert set(made) == {
        key
        for key, _, kind in official_entries()
        if kind == 'parameter' and salkit_key(key) is None
    }


def test_salfom_is_told_from_other_names(published):
    assert is_official(key for key, _, _ in official_entries())
    assert not is_official(published.state_dict())
    assert not is_official(published.encoder.state_dict())


def test_relative_positions_of_both_windows():
    # A window of 16 frames' stages 1 and 2 holds two time steps, that of stage 3 four.
    official, _ = to_official(filled(model_of()), {}, 'file')
    two = [[1, 0], [2, 1]]
    four = [[3, 2, 1, 0], [4, 3, 2, 1], [5, 4, 3, 2], [6, 5, 4, 3]]
    for stage, expected in ((1, two), (2, two), (3, four)):
        for block in (0, 1):
            name = f'transformer_{stage}.layers.0.blocks.{block}.attn.relative_position_index'
            assert official[name].tolist() == expected
            assert official[name].dtype == torch.int64


def test_relative_positions_of_a_window_of_one():
    official, _ = to_official(filled(model_of(encoder__clip_len=8)), {}, 'file')
    name = 'transformer_1.layers.0.blocks.0.attn.relative_position_index'
    assert official[name].tolist() == [[0]]


def test_dead_entries_are_kept_where_they_are_given():
    state = filled(model_of())
    official, made = to_official(state, {}, 'file')
    assert {key for key in official if any(map(key.startswith, ('conv_t3_3', 'final_map')))} == {
        'conv_t3_3.weight',
        'conv_t3_3.bias',
        'final_map.weight',
        'final_map.bias',
    }
    kept = {key: weight(key, official[key].shape) for key in made[::2]}
    again, made_again = to_official(state, kept, 'file')
    assert made_again == made[1::2]
    for key in made:
        assert torch.equal(again[key], kept.get(key, official[key])), key


def test_dead_entries_that_nobody_has_are_those_of_a_new_model():
    official, made = to_official(filled(model_of()), {}, 'file')
    assert len(made) == 14
    for key in made:
        ones = 'norm' in key and key.endswith('weight')
        assert torch.equal(official[key], torch.full_like(official[key], float(ones))), key
        assert why_unused(key) in DEAD.values()
    assert official['encoder.head.weight'].shape == (400, 24)
    assert official['transformer_2.norm.weight'].shape == (8,)
    assert official['conv_t3_3.weight'].shape == official['conv_t3_2.weight'].shape


def test_a_head_of_other_classes_is_kept_as_it_was():
    state, kept = filled(model_of()), {'encoder.head.weight': torch.ones(710, 24)}
    official, made = to_official(state, kept, 'file')
    assert torch.equal(official['encoder.head.weight'], torch.ones(710, 24))
    assert 'encoder.head.weight' not in made


@pytest.mark.parametrize('clip_len', [8, 16])
@pytest.mark.parametrize('depth', [1, 2])
def test_there_and_back(clip_len, depth):
    model = model_of(encoder__clip_len=clip_len, decoder__branches__swin3d__depth=depth)
    state = filled(model)
    official, _ = to_official(state, {}, 'file')
    assert ('encoder.pos_embed' in official) == (clip_len == 16)
    assert ('conv_t1_4.weight' in official) == (clip_len == 16)
    load_weights(model, Checkpoint(official, 'file'))
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key]), key


VARIANTS = [
    dict(decoder__branches__dfd__layers='fewer'),
    dict(decoder__branches__dfd__layers='extra'),
    dict(decoder__branches__dfd__separable=True),
    dict(decoder__branches__sfd__layers='fewer'),
    dict(decoder__branches__sfd__layers='extra'),
    dict(decoder__branches__sfd__separable=True),
    dict(decoder__branches__swin3d=None),
    dict(decoder__branches__dfd=None),
    dict(decoder__branches__sfd=None),
]


@pytest.mark.parametrize('changes', VARIANTS, ids=lambda c: '-'.join(f'{k[19:]}={c[k]}' for k in c))
def test_variants_without_official_names_are_refused(changes):
    state = filled(model_of(**changes))
    with pytest.raises(CheckpointError, match='this model is another variant') as error:
        to_official(state, {}, 'file')
    assert str(error.value).startswith('file: ') and 'official name)' in str(error.value)
    assert '\n' not in str(error.value)
