import numpy as np
import pytest
import torch
from golden import DATA, tensor, weight
from torch import nn

from salkit.encoders import UMTEncoder
from salkit.errors import ConfigError, ShapeError

SMALL = dict(embed_dim=96, depth=3, num_heads=4)
TINY = dict(embed_dim=24, depth=2, num_heads=2)


def golden_encoder(clip_len, **options):
    encoder = UMTEncoder(arch=SMALL, clip_len=clip_len, **options)
    state = encoder.state_dict()
    for key, value in state.items():
        if key != 'pos_embed':
            state[key] = weight(f'umt_small_{clip_len}.{key}', value.shape)
    encoder.load_state_dict(state)
    return encoder


@pytest.mark.parametrize('clip_len', [8, 16])
def test_equals_golden_tensors(clip_len):
    golden = np.load(DATA / f'umt_small_f{clip_len}.npz')
    encoder = golden_encoder(clip_len).eval()
    with torch.no_grad():
        (feature,) = encoder(tensor(f'clip_{clip_len}', (1, 3, clip_len, 224, 224)))
    tokens = feature.flatten(2).transpose(1, 2)
    assert feature.shape == (1, 96, clip_len, 14, 14)
    np.testing.assert_allclose(encoder.pos_embed[0, ::13], golden['pos_embed'], atol=1e-6)
    np.testing.assert_allclose(tokens[0, ::13], golden['tokens'], atol=1e-5)
    meanstd = [tokens.double().mean(), tokens.double().std(unbiased=False)]
    np.testing.assert_allclose(meanstd, golden['tokens_meanstd'], atol=1e-5)


@pytest.mark.parametrize(
    ('clip_len', 'size'), [(8, (32, 48)), (16, (224, 384)), (5, (48, 16)), (1, (16, 16))]
)
def test_any_length_and_size_divisible_by_16(clip_len, size):
    encoder = UMTEncoder(arch=TINY, clip_len=clip_len).eval()
    with torch.no_grad():
        (feature,) = encoder(torch.randn(2, 3, clip_len, *size))
    spec = encoder.features[0]
    assert feature.shape == (2, spec.channels, clip_len, size[0] // 16, size[1] // 16)
    assert spec.stride_thw == (1, 16, 16)
    assert torch.isfinite(feature).all()


def test_positions_follow_the_grid_of_patches():
    # Half the rows: the bicubic table keeps its period along columns.
    encoder = UMTEncoder(arch=TINY, clip_len=8)
    table = encoder.positions((7, 14))
    assert table.shape == (1, 8 * 7 * 14, 24)
    torch.testing.assert_close(encoder.positions((14, 14)), encoder.pos_embed)


@pytest.mark.parametrize(
    ('shape', 'expected', 'got'),
    [
        ((1, 3, 16, 32, 32), '8 frames', 'got 16'),
        ((1, 3, 8, 32, 40), 'divisible by 16', '32 x 40'),
        ((1, 1, 8, 32, 32), '(B, 3, T, H, W)', '(1, 1, 8, 32, 32)'),
        ((3, 8, 32, 32), '(B, 3, T, H, W)', '(3, 8, 32, 32)'),
    ],
)
def test_wrong_clips_say_what_was_expected(shape, expected, got):
    with pytest.raises(ShapeError) as error:
        UMTEncoder(arch=TINY, clip_len=8)(torch.zeros(shape))
    assert expected in str(error.value) and got in str(error.value)


@pytest.mark.parametrize(
    'options',
    [
        dict(arch='huge'),
        dict(arch=dict(embed_dim=32)),
        dict(arch='tiny', depth=99),
        dict(arch='tiny', depth=0),
        dict(arch='tiny', frozen_stages=40),
        dict(arch='tiny', clip_len=0),
        dict(arch='tiny', clip_len=8, token_merging=3),
        dict(arch='tiny', token_merging=0),
        dict(arch=dict(embed_dim=10, depth=1, num_heads=3)),
    ],
)
def test_wrong_arguments_are_refused(options):
    with pytest.raises(ConfigError, match='UMTEncoder'):
        UMTEncoder(**options)


def test_truncation_keeps_the_first_blocks():
    full, short = golden_encoder(8), golden_encoder(8, depth=2)
    state = {k: v for k, v in full.state_dict().items() if not k.startswith('blocks.2.')}
    short.load_state_dict(state)
    full.blocks = full.blocks[:2]
    clip = torch.randn(1, 3, 8, 32, 32)
    torch.testing.assert_close(short(clip)[0], full(clip)[0])


def test_activation_checkpointing_changes_nothing_but_memory():
    clip = torch.randn(2, 3, 8, 32, 32)
    gradients = []
    for flag in (False, True):
        encoder = golden_encoder(8, activation_checkpointing=flag).train()
        encoder(clip)[0].square().mean().backward()
        gradients.append([p.grad for p in encoder.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_frozen_stages_get_no_gradient_and_drop_nothing():
    encoder = UMTEncoder(arch=SMALL, clip_len=8, frozen_stages=2, drop_path=0.9).train()
    encoder(torch.randn(1, 3, 8, 32, 32))[0].sum().backward()
    with_gradient = {name for name, p in encoder.named_parameters() if p.grad is not None}
    assert with_gradient and all(name.startswith('blocks.2.') for name in with_gradient)
    assert not encoder.blocks[0].training and encoder.blocks[2].training
    assert [
        block.drop_path.drop_prob if hasattr(block.drop_path, 'drop_prob') else 0
        for block in encoder.blocks
    ] == pytest.approx([0, 0.45, 0.9])
    encoder.freeze()
    assert not any(p.requires_grad for p in encoder.parameters())


def test_position_table_is_constant_and_stored_where_published_files_store_it():
    assert 'pos_embed' not in UMTEncoder(arch=TINY, clip_len=8).state_dict()
    sixteen = UMTEncoder(arch=TINY, clip_len=16)
    assert 'pos_embed' in sixteen.state_dict()
    assert not sixteen.pos_embed.requires_grad


def encoder_of(**options):
    torch.manual_seed(0)
    encoder = UMTEncoder(dict(embed_dim=48, depth=2, num_heads=3), clip_len=8, **options)
    # Biases are zeros at first.
    for block in encoder.blocks:
        nn.init.normal_(block.attn.q_bias)
        nn.init.normal_(block.attn.v_bias)
    return encoder.double().eval()


@pytest.mark.parametrize('frames', [2, 8])
def test_merged_keys_and_values_are_means_over_frames(frames):
    encoder, clip = encoder_of(token_merging=frames), torch.randn(2, 3, 8, 32, 48).double()
    (found,) = encoder(clip)
    plain = encoder_of()

    class Merged(nn.Module):
        def forward(self, q, k, v, bias=None):
            k, v = (
                torch.stack([x[:, :, t * 6 : t * 6 + 6] for t in range(8)], dim=2)
                .unflatten(2, (8 // frames, frames))
                .mean(3)
                .flatten(2, 3)
                for x in (k, v)
            )
            return (q @ k.transpose(2, 3) / 4).softmax(-1) @ v

    for block in plain.blocks:
        block.attn.attend = Merged()
    torch.testing.assert_close(found, plain(clip)[0], atol=1e-12, rtol=1e-12)
    assert not torch.allclose(found, encoder_of()(clip)[0])


def test_biases_become_part_of_the_layer():
    encoder, clip = encoder_of(), torch.randn(1, 3, 8, 32, 32).double()
    before = encoder(clip)[0]
    for block in encoder.blocks:
        block.attn.fuse_bias()
    assert 'blocks.0.attn.qkv.bias' in encoder.state_dict()
    torch.testing.assert_close(encoder(clip)[0], before, atol=1e-12, rtol=1e-12)
