"""Weights under anybody's names, fitted to small models entry by entry."""

import copy

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from golden import weight
from hypothesis import given
from hypothesis import strategies as st
from small_models import ARCH, MODEL, assert_same, filled

from salkit.builder import build
from salkit.checkpoints import Checkpoint, fit_weights, load_weights
from salkit.checkpoints.official import dead_entries, to_official
from salkit.encoders import UMTEncoder
from salkit.errors import CheckpointError
from salkit.layers import fixed_table
from salkit.registry import MODELS

PRETRAINING = {
    'encoder.norm.weight': (24,),
    'encoder.norm.bias': (24,),
    'clip_decoder.0.head.weight': (32, 24),
    'clip_decoder.0.norm.bias': (32,),
}


def model_of(clip_len=16):
    cfg = copy.deepcopy(MODEL)
    cfg['encoder']['clip_len'] = clip_len
    return build(MODELS, cfg)


def encoder_of(clip_len=16, depth=3, **options):
    return UMTEncoder(arch=dict(ARCH, depth=depth), clip_len=clip_len, **options)


def official(state):
    return to_official(state, {}, 'file')[0]


def with_prefix(prefix, state):
    return {prefix + key: value for key, value in state.items()}


def finetuned(state):
    """A fine-tuned UMT file with these entries of an encoder."""
    head = {'fc_norm.weight': (24,), 'fc_norm.bias': (24,), 'head.weight': (400, 24)}
    return {**state, **{key: torch.ones(shape) for key, shape in head.items()}}


def pretrained(state):
    """A pre-trained UMT file with these entries of an encoder."""
    rest = {key: torch.ones(shape) for key, shape in PRETRAINING.items()}
    return {**with_prefix('encoder.', state), **rest}


def snapshot(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def fit(module, state, **options):
    return fit_weights(module, Checkpoint(state, 'file.pth'), **options)


def refused(module, state, match, **options):
    """The one line with which weights are refused; the module stays as it was."""
    before = snapshot(module)
    with pytest.raises(CheckpointError, match=match) as error:
        load_weights(module, Checkpoint(state, 'file.pth'), **options)
    assert str(error.value).startswith('file.pth: ') and '\n' not in str(error.value)
    assert_same(module.state_dict(), before)
    return str(error.value)


WRAPPED = {
    'top': lambda state: state,
    'state_dict': lambda state: dict(state_dict=state, epoch=3),
    'model': lambda state: dict(model=state, optimizer=dict(state={})),
    'module': lambda state: dict(module=state),
    'prefix': lambda state: with_prefix('module.', state),
    'nested': lambda state: dict(model=dict(state_dict=with_prefix('module.model.', state))),
}


@pytest.mark.parametrize('wrapped', WRAPPED)
@pytest.mark.parametrize('clip_len', [8, 16])
def test_official_files_in_any_wrapper(tmp_path, clip_len, wrapped):
    model = model_of(clip_len)
    state = filled(model)
    names = official(state)
    torch.save(WRAPPED[wrapped](names), tmp_path / 'a.pth')
    report = load_weights(model, tmp_path / 'a.pth')
    assert_same(model.state_dict(), state)
    assert (report.kind, report.part, report.cast) == ('official SalFoM', 'model', 0)
    assert set(report.used) == set(state) and not report.derived
    assert set(report.dropped) == set(names) - set(report.used.values())
    reasons = report.reasons()
    head = ('encoder.fc_norm.weight', 'encoder.fc_norm.bias', 'encoder.head.weight')
    assert {*head, 'encoder.head.bias'} == set(
        reasons['classification head, no part of the saliency model']
    )
    assert all(key.endswith('_index') for key in reasons['follows from the window size'])


@pytest.mark.parametrize('wrapped', WRAPPED)
@pytest.mark.parametrize('clip_len', [8, 16])
def test_finetuned_umt_files_in_any_wrapper(tmp_path, clip_len, wrapped):
    encoder = encoder_of(clip_len)
    state = filled(encoder)
    torch.save(WRAPPED[wrapped](finetuned(state)), tmp_path / 'a.pth')
    report = load_weights(encoder, tmp_path / 'a.pth')
    assert_same(encoder.state_dict(), state)
    assert (report.kind, report.part) == ('UMT', 'encoder')
    assert report.reasons() == {
        'classification head, no part of the saliency model': [
            'fc_norm.weight',
            'fc_norm.bias',
            'head.weight',
        ]
    }
    assert 'dropped 3 (fc_norm.weight, ...: classification head' in report.headline


def test_pretrained_umt_files():
    encoder = encoder_of(8)
    state = filled(encoder)
    report = load_weights(encoder, Checkpoint(pretrained(state), 'file.pth'))
    assert_same(encoder.state_dict(), state)
    assert report.used['blocks.0.attn.q_bias'] == 'encoder.blocks.0.attn.q_bias'
    assert report.reasons() == {
        'final norm, the saliency model takes the tokens before it': list(PRETRAINING)[:2],
        'used in pre-training alone': list(PRETRAINING)[2:],
    }


@pytest.mark.parametrize('prefix', ['backbone.', 'vision_encoder.', 'vision_encoder.encoder.'])
def test_other_names_of_the_encoder_in_umt_files(prefix):
    encoder = encoder_of(8)
    state = filled(encoder)
    file = {**with_prefix(prefix, state), 'text_encoder.embeddings.weight': torch.ones(2)}
    report = load_weights(encoder, Checkpoint(file, 'file.pth'))
    assert_same(encoder.state_dict(), state)
    assert list(report.dropped) == ['text_encoder.embeddings.weight']


@pytest.mark.parametrize('names', [finetuned, pretrained])
def test_a_deeper_file_fills_the_first_blocks(names):
    deep, encoder = filled(encoder_of(8)), encoder_of(8, depth=2)
    report = load_weights(encoder, Checkpoint(names(deep), 'file.pth'))
    assert_same(
        encoder.state_dict(), {k: v for k, v in deep.items() if not k.startswith('blocks.2.')}
    )
    dropped = report.reasons()['the encoder keeps the first 2 blocks']
    assert len(dropped) == 13 and all('blocks.2.' in key for key in dropped)


def test_a_shallower_file_is_refused():
    line = refused(encoder_of(8), filled(encoder_of(8, depth=2)), '13 missing entries')
    assert 'such as blocks.2.' in line


def test_a_salkit_model_is_never_cut_in_depth():
    deep = filled(model_of())
    extra = {k.replace('blocks.2', 'blocks.3'): v for k, v in deep.items() if 'blocks.2' in k}
    line = refused(model_of(), {**deep, **extra}, '13 unexpected entries')
    assert 'such as encoder.blocks.3.' in line


# Positions ----------------------------------------------------------------------------------------


def without_table(state):
    return {key: value for key, value in state.items() if key != 'pos_embed'}


def test_a_file_without_positions_gets_the_fixed_table():
    encoder = encoder_of(16)
    with torch.no_grad():
        encoder.pos_embed.zero_()
    report = load_weights(encoder, Checkpoint(filled(encoder_of(8)), 'file.pth'))
    assert torch.equal(encoder.pos_embed, fixed_table(16, 24))
    assert (
        report.derived == {'pos_embed': 'is the fixed sine-cosine table, which the file omits'}
        and 'pos_embed is the fixed' in report.headline
    )


@pytest.mark.parametrize('frames', [8, 16])
def test_official_files_may_omit_the_table(frames):
    model = model_of(16)
    state = official(filled(model))
    del state['encoder.pos_embed']
    report = load_weights(model, Checkpoint(state, 'file.pth'))
    assert list(report.derived) == ['encoder.pos_embed']
    assert torch.equal(model.encoder.pos_embed, fixed_table(16, 24))


def resized(table, source, target):
    """Bicubically in space, then linearly in time, one axis after the other."""
    (t, h, w), (target_t, target_h, target_w) = source, target
    grid = rearrange(table, '1 (t h w) c -> t c h w', t=t, h=h, w=w)
    grid = F.interpolate(grid, (target_h, target_w), mode='bicubic', align_corners=False)
    line = rearrange(grid, 't c h w -> (h w) c t')
    line = F.interpolate(line, target_t, mode='linear', align_corners=False)
    return rearrange(line, '(h w) c t -> 1 (t h w) c', h=target_h)


@pytest.mark.parametrize('source', [(8, 14, 14), (8, 16, 16), (16, 24, 24)])
def test_stored_positions_are_resized(source):
    encoder, positions = encoder_of(16), source[0] * source[1] * source[2]
    table = weight('table', (1, positions, 24))
    state = {**filled(encoder), 'pos_embed': table}
    report = load_weights(encoder, Checkpoint(state, 'file.pth'))
    expected = resized(table, source, (16, 14, 14))
    torch.testing.assert_close(encoder.pos_embed.detach(), expected, atol=1e-6, rtol=1e-5)
    names = ' x '.join(map(str, source))
    assert report.derived == {'pos_embed': f'is resized from {names} to 16 x 14 x 14'}
    assert report.used['pos_embed'] == 'pos_embed'


def test_positions_of_the_encoders_own_grid_are_copied():
    encoder = encoder_of(16)
    table = weight('table', (1, 16 * 196, 24))
    report = load_weights(encoder, Checkpoint({**filled(encoder), 'pos_embed': table}, 'file.pth'))
    assert torch.equal(encoder.pos_embed, table) and not report.derived


def test_a_table_whose_size_says_no_grid_is_refused():
    encoder = encoder_of(16)
    state = {**filled(encoder), 'pos_embed': weight('table', (1, 8 * 14 * 24, 24))}
    refused(encoder, state, r'pos_embed has shape \(1, 2688, 24\), expected .* square frames')


@pytest.mark.parametrize('shape', [(1568, 24), (2, 1568, 24), (1, 1568, 25), (1, 0, 24), (24,)])
def test_a_table_of_another_shape_is_refused(shape):
    encoder = encoder_of(16)
    refused(encoder, {**filled(encoder), 'pos_embed': torch.zeros(shape)}, 'pos_embed ')


@pytest.mark.parametrize('grid', [(8, 14, 14), (16, 14, 14), (8, 16, 16), (16, 16, 16)])
def test_an_encoder_of_8_frames_drops_the_fixed_table(grid):
    encoder = encoder_of(8)
    state = filled(encoder)
    table = resized(fixed_table(8, 24), (8, 14, 14), grid)
    report = load_weights(encoder, Checkpoint({**state, 'pos_embed': table}, 'file.pth'))
    assert_same(encoder.state_dict(), state)
    assert report.dropped == {
        'pos_embed': 'the fixed position table, which the encoder makes itself'
    }
    assert torch.equal(encoder.pos_embed, fixed_table(8, 24))


@pytest.mark.parametrize('frames', [8, 16])
@pytest.mark.parametrize('scale', [0.02, 1.0])
def test_an_encoder_of_8_frames_refuses_a_learned_table(frames, scale):
    encoder = encoder_of(8)
    generator = torch.Generator().manual_seed(0)
    table = scale * torch.randn(1, frames * 196, 24, generator=generator)
    refused(encoder, {**filled(encoder), 'pos_embed': table}, 'pos_embed is not the fixed')


def test_the_positions_of_a_salkit_model_are_never_resized():
    model = model_of(16)
    state = filled(model)
    table = dict(state, **{'encoder.pos_embed': torch.zeros(1, 1568, 24)})
    line = refused(model, table, r'encoder.pos_embed has shape \(1, 1568, 24\), expected')
    assert 'missing' not in line


# Parts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize('names', [official, dict])
@pytest.mark.parametrize('depth', [2, 3])
def test_a_whole_model_is_a_source_for_its_encoder(names, depth):
    state, encoder = filled(model_of()), encoder_of(16, depth)
    report = load_weights(encoder, Checkpoint(names(state), 'file.pth'))
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, state[f'encoder.{key}']), key
    assert report.part == 'encoder'
    decoder = report.reasons()['belongs to the decoder']
    assert len(decoder) == sum(key.startswith('decoder.') for key in state)
    cut = report.reasons().get('the encoder keeps the first 2 blocks', [])
    assert len(cut) == (13 if depth == 2 else 0)


@pytest.mark.parametrize('names', [dict, finetuned, pretrained])
def test_an_encoder_fills_a_model_only_on_request(names):
    model = model_of()
    before, state = snapshot(model), filled(encoder_of(16))
    line = refused(model, names(state), 'holds the weights of an encoder alone')
    assert 'model.encoder.init_cfg' in line
    report = load_weights(model, Checkpoint(names(state), 'file.pth'), accept_encoder=True)
    assert report.part == 'encoder' and set(report.used) == {f'encoder.{key}' for key in state}
    for key, value in model.state_dict().items():
        expected = (
            before[key] if key.startswith('decoder.') else state[key.removeprefix('encoder.')]
        )
        assert torch.equal(value, expected), key


def test_an_encoder_taken_for_a_model_must_be_whole():
    state = filled(encoder_of(16))
    del state['blocks.1.mlp.fc1.bias']
    line = refused(model_of(), state, '1 missing', accept_encoder=True)
    assert 'such as encoder.blocks.1.mlp.fc1.bias' in line and 'the encoder' in line


# Refusals -----------------------------------------------------------------------------------------

SOURCES = {
    'salkit': (model_of, dict, 'decoder.fusion.layers.2.weight', None),
    'official': (model_of, official, 'decoder.fusion.layers.2.weight', 'conv_9.weight'),
    'UMT': (encoder_of, finetuned, 'blocks.1.mlp.fc2.weight', None),
    'pre-trained': (
        encoder_of,
        pretrained,
        'blocks.1.mlp.fc2.weight',
        'encoder.blocks.1.mlp.fc2.weight',
    ),
}


@pytest.mark.parametrize('source', SOURCES)
def test_one_wrong_entry_is_named_and_nothing_is_loaded(source):
    make, names, key, name = SOURCES[source]
    name = name or key
    module = make()
    state = names(filled(module))
    value = state[name]
    lacking = {k: v for k, v in state.items() if k != name}
    assert f'1 missing entries, such as {key}' in refused(module, lacking, 'does not fit')
    line = refused(module, {**state, name: value[1:]}, 'does not fit')
    expected = tuple(value.shape)
    assert f'{key} has shape {(expected[0] - 1, *expected[1:])}, expected {expected}' in line
    assert 'missing' not in line and 'unexpected' not in line
    more = {**state, 'blocs.0.weight': value}
    assert '1 unexpected entries, such as blocs.0.weight' in refused(module, more, 'does not fit')


def test_an_entry_that_comes_twice_is_refused():
    encoder = encoder_of(8)
    state = filled(encoder)
    twice = {**state, 'encoder.patch_embed.proj.bias': torch.ones(24)}
    line = refused(encoder, twice, '1 unexpected entries')
    assert 'such as encoder.patch_embed.proj.bias' in line


def test_the_weights_of_another_width_are_refused_in_one_line():
    other = UMTEncoder(arch=dict(ARCH, embed_dim=32), clip_len=8)
    line = refused(encoder_of(8), filled(other), 'and .* like it')
    assert 'has shape (32,' in line and 'expected (24,' in line


@pytest.mark.parametrize('names', [dict, official])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_cast_and_counted(dtype, names):
    model = model_of()
    state = {key: value.to(dtype) for key, value in filled(model).items()}
    report = load_weights(model, Checkpoint(names(state), 'file.pth'))
    assert report.cast == len(state)
    assert_same(model.state_dict(), {key: value.float() for key, value in state.items()})


def test_resized_positions_of_another_precision_are_counted_too():
    encoder = encoder_of(16)
    state = {**filled(encoder), 'pos_embed': weight('table', (1, 1568, 24)).half()}
    assert fit(encoder, state)[1].cast == 1


def test_the_source_may_be_a_view_of_the_module_itself():
    encoder = encoder_of(8)
    before = snapshot(encoder)
    load_weights(encoder, Checkpoint(encoder.state_dict(), 'file.pth'))
    assert_same(encoder.state_dict(), before)


FILES = {
    'salkit': (model := model_of(), filled(model)),
    'official': (model, official(filled(model))),
    'UMT': (encoder := encoder_of(), filled(encoder)),
}
# Official name by salkit's, where they differ.
NAMES = {v: k for k, v in fit(model, FILES['official'][1])[1].used.items()}


@given(st.data(), st.sampled_from(sorted(FILES)))
def test_the_report_names_exactly_what_was_removed_or_reshaped(data, kind):
    module, whole = FILES[kind]
    own = {key: value.shape for key, value in module.state_dict().items()}
    dead = dead_entries(own) if kind == 'official' else {}
    # The table has rules of its own in files that are not salkit's.
    candidates = sorted(
        key
        for key in whole
        if (kind == 'salkit' or not key.endswith('pos_embed'))
        and key not in dead
        and not key.endswith('relative_position_index')
    )
    harmed = data.draw(st.lists(st.sampled_from(candidates), max_size=8, unique=True))
    removed = {key for key in harmed if data.draw(st.booleans())}
    state = {key: value for key, value in whole.items() if key not in removed}
    for key in set(harmed) - removed:
        axis = data.draw(st.integers(0, whole[key].ndim - 1))
        state[key] = torch.cat([whole[key], whole[key]], axis)
    report = fit(module, state)[1]
    named = {key: NAMES.get(key, key) if kind == 'official' else key for key in harmed}
    assert set(report.missing) == {named[key] for key in removed}
    assert set(report.wrong) == {named[key] for key in set(harmed) - removed}
    assert not report.unexpected and bool(report.problems) == bool(harmed)
    assert set(report.used) == set(own) - set(named.values())
