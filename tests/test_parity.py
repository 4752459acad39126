"""The authors' numbers, from the parts of the decoder up to the whole 403 M model.

Weights come under the authors' names and take the way of every file into the model. Differences
are allowed up to 1e-5 of a tensor's largest value, and 1e-5 flat where that is below 1, as in every
saliency map. That is float32 rounding, which changes with the machine: the golden tensors are up to
2e-5 from a float64 run where values reach 15.
"""

import zlib
from typing import NamedTuple

import numpy as np
import official_reference
import pytest
import torch
from golden import DATA, official_entries, tensor, weight

from salkit import build_model
from salkit.checkpoints import Checkpoint, load_weights
from salkit.checkpoints.convert import convert
from salkit.checkpoints.official import salkit_key, to_official
from salkit.config.load import load_config
from salkit.encoders import UMTEncoder
from salkit.layers import fixed_table

CONFIG = 'salfom/umt-l16_cc-kl'
# What an 8-frame encoder changes: the layers that would take 16 time steps to 8 keep them.
EIGHT_FRAMES = {
    'encoder.pos_embed': None,
    'conv_2.weight': (256, 512, 1, 3, 3),
    'conv_t1_4.weight': None,
    'transformer_1.patch_embed.proj.weight': (256, 1024, 1, 1, 1),
    **{
        f'transformer_1.layers.0.blocks.{block}.attn.relative_position_{name}': shape
        for block in range(6)
        for name, shape in (('bias_table', (1, 8)), ('index', (1, 1)))
    },
}
NARROW = {
    'model.encoder.arch': dict(embed_dim=24, depth=1, num_heads=2),
    '+model.decoder.branches.swin3d.width': 0.125,
    '+model.decoder.branches.swin3d.num_heads': 2,
    '+model.decoder.branches.dfd.width': 0.125,
    '+model.decoder.branches.sfd.width': 0.125,
}


class Pair(NamedTuple):
    """A model, and the official state dict that it was loaded from."""

    model: torch.nn.Module
    weights: dict


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def entries(clip_len=16, depth=24):
    """(key, shape) of the official state dict for an encoder of 8 or 16 frames and `depth`."""
    for key, shape, _ in official_entries():
        block = key.removeprefix('encoder.blocks.').split('.')[0]
        if key.startswith('encoder.blocks.') and int(block) >= depth:
            continue
        if clip_len == 8:
            shape = EIGHT_FRAMES.get(key, shape)
        if shape is not None:
            yield key, shape


def official_value(key, shape):
    """What the golden models held under an official name."""
    if key == 'encoder.pos_embed':
        return fixed_table(16, shape[-1])
    if key.endswith('relative_position_index'):
        steps = range(shape[0])
        return torch.tensor([[i - j + shape[0] - 1 for j in steps] for i in steps])
    return weight(key, shape)


def full_width_pair(clip_len):
    """The published decoder behind one block of the encoder, which is most of the weights."""
    weights = {key: official_value(key, shape) for key, shape in entries(clip_len, depth=1)}
    options = {'+model.encoder.depth': 1, 'model.encoder.clip_len': clip_len}
    model = build_model(load_config(CONFIG, options))
    load_weights(model, Checkpoint(weights, 'official weights'))
    return Pair(model, weights)


@pytest.fixture(scope='module')
def sixteen_frames():
    return full_width_pair(16)


@pytest.fixture(scope='module')
def golden_maps(sixteen_frames):
    """What the reference makes of the golden input, and the output of every module in it."""
    seen = {}
    return official_reference.decode(sixteen_frames.weights, golden_feature(), seen), seen


def golden_feature():
    tokens = tensor('decoder_input_tokens', (1, 3136, 1024))
    return tokens.reshape(1, 16, 14, 14, 1024).permute(0, 4, 1, 2, 3)


def salkit_maps(decoder, feature):
    """What salkit's branches and its whole decoder give for a feature."""
    maps = {}
    handles = [
        branch.register_forward_hook(
            lambda module, args, out, name=name: maps.update({name: out.map_features})
        )
        for name, branch in decoder.branches.items()
    ]
    rows, columns = feature.shape[-2:]
    saliency = decoder((feature,), (16 * rows, 16 * columns))
    for handle in handles:
        handle.remove()
    return official_reference.Maps(**maps, saliency=saliency)


def one_by_one(weights, feature):
    """The reference's maps of every clip by itself, put together again."""
    clips = [official_reference.decode(weights, clip[None]) for clip in feature]
    return official_reference.Maps(*(torch.cat(maps) for maps in zip(*clips, strict=True)))


def assert_same(actual, expected, name, tolerance=1e-5):
    actual, expected = torch.as_tensor(actual), torch.as_tensor(expected)
    tolerance = tolerance * max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(
        actual, expected, atol=tolerance, rtol=0, msg=lambda text: f'{name}: {text}'
    )


def assert_same_maps(actual, expected, tolerance=1e-5):
    for name in expected._fields:
        assert_same(getattr(actual, name), getattr(expected, name), name, tolerance)


def assert_golden_modules(outputs):
    """Compare module outputs by official name with the golden samples, means and deviations."""
    golden = np.load(DATA / 'salfom_decoder.npz')
    names = {name.removesuffix('_meanstd') for name in golden.files} - {'saliency'}
    assert len(names) == 18
    for name in sorted(names):
        output = outputs[name]
        sample = output[0][tuple(slice(None, None, max(1, n // 8)) for n in output.shape[1:])]
        assert_same(sample, golden[name], name)
        meanstd = torch.stack([output.double().mean(), output.double().std()])
        assert_same(meanstd, golden[f'{name}_meanstd'], f'{name}, mean and deviation')


@pytest.mark.parametrize('grid', [(3, 3), (2, 5)])
@pytest.mark.parametrize('clip_len', [16, 8])
def test_a_narrow_decoder_does_the_official_arithmetic_in_float64(clip_len, grid):
    model = build_model(load_config(CONFIG, {**NARROW, 'model.encoder.clip_len': clip_len}))
    official, _ = to_official(model.state_dict(), {}, 'narrow model')
    weights = {
        key: value if key.endswith('index') else weight(key, value.shape)
        for key, value in official.items()
    }
    load_weights(model, Checkpoint(weights, 'official weights'))
    weights = {k: v if k.endswith('index') else v.double() for k, v in weights.items()}
    feature = tensor(f'narrow_{clip_len}', (2, 24, clip_len, *grid)).double()
    actual = salkit_maps(model.double().decoder, feature)
    assert_same_maps(actual, one_by_one(weights, feature), tolerance=1e-12)


@pytest.mark.slow
def test_the_reference_reproduces_every_golden_module(golden_maps):
    maps, seen = golden_maps
    assert_golden_modules(seen)
    assert_same(maps.saliency[0], np.load(DATA / 'salfom_decoder.npz')['saliency'], 'saliency')


@pytest.mark.slow
def test_every_module_of_the_decoder_equals_its_golden_samples(sixteen_frames, golden_maps):
    model, weights = sixteen_frames
    outputs, handles = {}, []
    for key in weights:
        name = key.split('.')[0]
        ours = salkit_key(key)
        if ours is None or name in ('encoder', *outputs):
            continue
        outputs[name] = None
        end = '.patch_embed' if name.startswith('transformer') else '.weight'
        module = model.get_submodule(ours[: ours.rindex(end)])
        # The activation behind a convolution works in place.
        handles.append(
            module.register_forward_hook(
                lambda module, args, out, name=name: outputs.update({name: out.clone()})
            )
        )
    maps = salkit_maps(model.decoder, golden_feature())
    for handle in handles:
        handle.remove()
    assert_golden_modules(outputs)
    assert_same_maps(maps, golden_maps[0])
    assert_same(maps.saliency[0], np.load(DATA / 'salfom_decoder.npz')['saliency'], 'saliency')


@pytest.mark.slow
def test_branches_and_decoder_take_two_different_clips_at_once(sixteen_frames):
    model, weights = sixteen_frames
    features = tensor('two_decoder_inputs', (2, 1024, 16, 7, 7))
    assert_same_maps(salkit_maps(model.decoder, features), one_by_one(weights, features))


@pytest.mark.slow
def test_branches_and_decoder_equal_the_reference_on_wide_frames(sixteen_frames):
    model, weights = sixteen_frames
    feature = tensor('wide_decoder_input', (1, 1024, 16, 6, 11))
    actual = salkit_maps(model.decoder, feature)
    assert actual.saliency.shape == (1, 96, 176)
    assert_same_maps(actual, official_reference.decode(weights, feature))


@pytest.mark.slow
def test_a_model_predicts_two_clips_as_it_does_each_alone(sixteen_frames):
    clips = tensor('two_clips', (2, 3, 16, 64, 96))
    whole = sixteen_frames.model(clips)
    assert whole.shape == (2, 64, 96)
    assert_same(whole, torch.cat([sixteen_frames.model(clip[None]) for clip in clips]), 'saliency')
    assert (whole[0] - whole[1]).abs().max() > 0.01


def test_entries_for_eight_frames_count_what_the_paper_counts():
    count = sum(np.prod(shape) for key, shape in entries(8) if not key.endswith('index'))
    assert count == 379_417_923


@pytest.mark.slow
def test_an_eight_frame_decoder_equals_the_reference():
    model, weights = full_width_pair(8)
    square = tensor('eight_frames', (1, 1024, 8, 14, 14))
    wide = tensor('eight_frames_wide', (2, 1024, 8, 5, 8))
    for feature in (square, wide):
        assert_same_maps(salkit_maps(model.decoder, feature), one_by_one(weights, feature))


@pytest.mark.parametrize('clip_len', [8, 16])
def test_the_encoder_takes_two_clips_as_it_does_each_alone(clip_len):
    encoder = UMTEncoder(arch=dict(embed_dim=96, depth=3, num_heads=4), clip_len=clip_len).eval()
    weights = {
        key: weight(f'umt_small_{clip_len}.{key}', value.shape)
        for key, value in encoder.state_dict().items()
        if key != 'pos_embed'
    }
    load_weights(encoder, Checkpoint(weights, 'UMT weights'))
    clips = tensor('two_clips', (2, 3, clip_len, 224, 224))
    (whole,) = encoder(clips)
    single = torch.cat([encoder(clip[None])[0] for clip in clips])
    assert_same(whole, single, 'tokens')


def checksum(value):
    """What tells tensors apart: type, shape and bytes."""
    return value.dtype, value.shape, zlib.crc32(memoryview(value.numpy()).cast('B'))


@pytest.fixture(scope='module')
def converted_file(tmp_path_factory):
    """The whole official model, converted to salkit's file, and checksums of the official entries.

    1.6 GB, gone after the last test.
    """
    folder = tmp_path_factory.mktemp('official')
    source, converted = folder / 'salfom.pth', folder / 'salfom.safetensors'
    try:
        weights = {key: official_value(key, shape) for key, shape in entries()}
        checksums = {key: checksum(value) for key, value in weights.items()}
        torch.save(weights, source)
        del weights
        conversion = convert(source, converted)
        source.unlink()
        assert conversion.config == CONFIG
        yield converted, checksums
    finally:
        source.unlink(missing_ok=True)
        converted.unlink(missing_ok=True)


@pytest.mark.slow
def test_the_whole_model_equals_the_golden_tensors(converted_file):
    golden = np.load(DATA / 'salfom_umt-l16_full.npz')
    model = build_model(CONFIG, converted_file[0])
    seen = []
    model.encoder.register_forward_hook(lambda module, args, out: seen.extend(out))
    saliency = model(tensor('clip', (1, 3, 16, 224, 224)))
    tokens = seen[0].flatten(2).transpose(1, 2)
    meanstd = torch.stack([tokens.double().mean(), tokens.double().std()])
    # Tight enough to tell norms with eps 1e-6 from those with 1e-5.
    assert_same(tokens[0, ::97, ::16], golden['encoder_tokens'], 'tokens', tolerance=1.5e-6)
    assert_same(meanstd, golden['encoder_meanstd'], 'mean and deviation of tokens')
    assert_same(saliency[0], golden['saliency'], 'saliency')


@pytest.mark.slow
def test_the_whole_model_goes_back_to_the_official_file_bit_for_bit(converted_file, tmp_path):
    back = tmp_path / 'official.pth'
    try:
        conversion = convert(converted_file[0], back, to='official')
        assert conversion.invented == []
        weights = torch.load(back, weights_only=True, mmap=True)
        assert {key: checksum(value) for key, value in weights.items()} == converted_file[1]
    finally:
        back.unlink(missing_ok=True)
