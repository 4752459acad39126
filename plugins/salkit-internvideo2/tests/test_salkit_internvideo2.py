import math

import pytest
import torch
import torch.nn.functional as F
from salkit_internvideo2.encoder import ARCHITECTURES, InternVideo2Encoder
from salkit_internvideo2.layers import position_table

from salkit import hookimpl, load_config
from salkit.builder import build, build_on_meta
from salkit.checkpoints import Checkpoint, load_pretrained, load_weights, write_checkpoint
from salkit.errors import CheckpointError, ConfigError, ShapeError
from salkit.registry import DECODERS, MODELS
from salkit.testing import EncoderSuite

DIM, DEPTH, HEADS, HIDDEN = 16, 3, 2, 24
ARCH = dict(embed_dim=DIM, depth=DEPTH, num_heads=HEADS, mlp_ratio=HIDDEN / DIM)


class TestInternVideo2Encoder(EncoderSuite):
    part = InternVideo2Encoder


class TestPublishedLayerScale(EncoderSuite):
    part = InternVideo2Encoder
    smoke = dict(arch=ARCH, clip_len=4, tubelet_size=2, out_indices=(0, 2))


def encoder(arch=ARCH, clip_len=4, seed=0, **options):
    torch.manual_seed(seed)
    return InternVideo2Encoder(arch=arch, clip_len=clip_len, **options)


# Files as they are published, with random values.


def video_encoder_shapes(frames=8, depth=40, side=16):
    """Names and shapes of the entries that every file has."""
    shapes = {
        'cls_token': (1, 1, DIM),
        'pos_embed': (1, frames * side * side + 1, DIM),
        'patch_embed.proj.weight': (DIM, 3, 1, 14, 14),
        'patch_embed.proj.bias': (DIM,),
    }
    for n in range(depth):
        shapes |= {
            f'blocks.{n}.norm1.weight': (DIM,),
            f'blocks.{n}.attn.qkv.weight': (3 * DIM, DIM),
            f'blocks.{n}.attn.proj.weight': (DIM, DIM),
            f'blocks.{n}.attn.proj.bias': (DIM,),
            f'blocks.{n}.attn.q_norm.weight': (DIM,),
            f'blocks.{n}.attn.k_norm.weight': (DIM,),
            f'blocks.{n}.ls1.gamma': (DIM,),
            f'blocks.{n}.norm2.weight': (DIM,),
            f'blocks.{n}.mlp.fc1.weight': (HIDDEN, DIM),
            f'blocks.{n}.mlp.fc1.bias': (HIDDEN,),
            f'blocks.{n}.mlp.fc2.weight': (DIM, HIDDEN),
            f'blocks.{n}.mlp.fc2.bias': (DIM,),
            f'blocks.{n}.ls2.gamma': (DIM,),
        }
    return shapes


def linear(name, rows, columns):
    return {f'{name}.weight': (rows, columns), f'{name}.bias': (rows,)}


def norm(name, size):
    return {f'{name}.weight': (size,), f'{name}.bias': (size,)}


def pooling_shapes(pooled=8):
    shapes = {}
    for part in 'qkv':
        shapes |= norm(f'clip_projector.norm1_{part}', DIM)
        shapes[f'clip_projector.cross_attn.{part}_bias'] = (DIM,)
        shapes[f'clip_projector.cross_attn.{part}.weight'] = (DIM, DIM)
    return shapes | linear('clip_projector.cross_attn.proj', pooled, DIM)


def decoder_shapes(name, count, wide=20):
    shapes = {}
    for n in range(count):
        shapes |= linear(f'{name}.{n}.head', wide, DIM) | norm(f'{name}.{n}.norm', wide)
    return shapes


def stage1(frames=8, depth=40):
    """The pre-trained 1B file's entries, narrow."""
    shapes = video_encoder_shapes(frames, depth) | pooling_shapes()
    shapes['clip_pos_embed'] = shapes['pos_embed']
    shapes['mae_pos_embed'] = (1, frames * 256, DIM)
    shapes |= decoder_shapes('clip_decoder', 6)
    for n in range(4):
        shapes |= linear(f'mae_decoder.{n}.head.0', DIM, DIM)
        shapes |= linear(f'mae_decoder.{n}.head.2', 20, DIM) | norm(f'mae_decoder.{n}.norm', 20)
    return shapes | linear('final_clip_decoder.head', 8, 8) | norm('final_clip_decoder.norm', 8)


def distilled(frames=8, depth=12):
    """A distilled file's entries: decoders with a hidden layer and no MAE."""
    shapes = video_encoder_shapes(frames, depth) | pooling_shapes()
    shapes['clip_pos_embed'] = shapes['pos_embed']
    for name in [f'clip_decoder.{n}' for n in range(6)] + ['final_clip_decoder']:
        shapes |= linear(f'{name}.head.0', DIM, DIM) | linear(f'{name}.head.2', 20, DIM)
        shapes |= norm(f'{name}.norm', 20)
    return shapes


def fine_tuned(frames=16, depth=40):
    """An action recognition file's entries."""
    shapes = video_encoder_shapes(frames, depth) | pooling_shapes()
    return shapes | norm('fc_norm', 8) | linear('head', 400, 8)


def stage2(frames=4, depth=40):
    """A multi-modal file's entries."""
    inside = video_encoder_shapes(frames, depth) | pooling_shapes()
    inside |= decoder_shapes('clip_decoder', 6)
    inside |= linear('final_clip_decoder.head', 8, 8) | norm('final_clip_decoder.norm', 8)
    inside['img_pos_embed'] = inside['clip_img_pos_embed'] = (1, 257, DIM)
    inside['clip_pos_embed'] = inside['pos_embed']
    shapes = {f'vision_encoder.{name}': shape for name, shape in inside.items()}
    shapes |= {'temp': (), 'text_encoder.bert.embeddings.word_embeddings.weight': (30, 8)}
    for name in ('vision_proj', 'text_proj', 'itm_head'):
        shapes |= linear(name, 4, 8)
    return shapes


def small_clip(frames=8, depth=12):
    """The entries of a file that a distilled encoder shares with a small text encoder."""
    inside = video_encoder_shapes(frames, depth) | pooling_shapes()
    shapes = {f'vision_encoder.{name}': shape for name, shape in inside.items()}
    shapes |= norm('vision_align.0', 8) | linear('vision_align.1', 8, 8)
    return shapes | {'temp': (), 'text_encoder.projection_layer': (8, 8)}


def values(shapes, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: 0.3 * torch.randn(shape, generator=generator, **options)
        for name, shape in shapes.items()
    }


# What the published model computes, read off its description and not off the encoder: every step
# written out, on a file's own names.


def reference_norm(tokens, weight):
    return torch.stack(
        [row / math.sqrt(float((row * row).mean()) + 1e-6) * weight for row in tokens]
    )


def reference_gelu(x):
    return x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def reference_positions(table, frames, grid):
    first, rest = table[0, :1], table[0, 1:]
    if grid == (16, 16):
        return table[0]
    planes = rest.reshape(frames, 16, 16, DIM)
    planes = [
        F.interpolate(plane.permute(2, 0, 1)[None], grid, mode='bicubic', align_corners=False)[0]
        for plane in planes
    ]
    rows = [plane[:, y, x] for plane in planes for y in range(grid[0]) for x in range(grid[1])]
    return torch.cat([first, torch.stack(rows)])


def reference(weights, clip, depth):
    """Tokens after each block, (1 + t * h * w, C), of one clip (3, T, H, W)."""
    _, frames, height, width = clip.shape
    kernel = weights['patch_embed.proj.weight'].reshape(DIM, -1)
    tokens = [weights['cls_token'][0, 0]]
    for frame in range(frames):
        for y in range(0, height, 14):
            for x in range(0, width, 14):
                patch = clip[:, frame, y : y + 14, x : x + 14].reshape(-1)
                tokens.append(kernel @ patch + weights['patch_embed.proj.bias'])
    grid = (height // 14, width // 14)
    tokens = torch.stack(tokens) + reference_positions(weights['pos_embed'], frames, grid)
    after = []
    for n in range(depth):
        block = {
            name.removeprefix(f'blocks.{n}.'): value
            for name, value in weights.items()
            if name.startswith(f'blocks.{n}.')
        }
        normed = reference_norm(tokens, block['norm1.weight'])
        q, k, v = (normed @ part.T for part in block['attn.qkv.weight'].split(DIM))
        q = reference_norm(q, block['attn.q_norm.weight'])
        k = reference_norm(k, block['attn.k_norm.weight'])
        heads = []
        size = DIM // HEADS
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            scores = (q[:, part] @ k[:, part].T / math.sqrt(size)).exp()
            heads.append(scores / scores.sum(dim=1, keepdim=True) @ v[:, part])
        out = torch.cat(heads, dim=1) @ block['attn.proj.weight'].T + block['attn.proj.bias']
        tokens = tokens + out * block['ls1.gamma']
        normed = reference_norm(tokens, block['norm2.weight'])
        hidden = reference_gelu(normed @ block['mlp.fc1.weight'].T + block['mlp.fc1.bias'])
        out = hidden @ block['mlp.fc2.weight'].T + block['mlp.fc2.bias']
        tokens = tokens + out * block['ls2.gamma']
        after.append(tokens)
    return after


@pytest.mark.parametrize(('frames', 'size'), [(4, (28, 56)), (1, (224, 224))])
def test_computes_what_the_published_model_does(frames, size):
    weights = values(video_encoder_shapes(frames, DEPTH), dtype=torch.float64)
    built = encoder(clip_len=frames, out_indices=(0, 2)).double().eval()
    load_weights(built, Checkpoint(weights, 'published.pth'))
    clip = torch.randn(2, 3, frames, *size, dtype=torch.float64)
    with torch.no_grad():
        features = built(clip)
    assert len(features) == 2
    for item in range(2):
        after = reference(weights, clip[item], DEPTH)
        for feature, tokens in zip(features, (after[0], after[2]), strict=True):
            got = feature[item].permute(1, 2, 3, 0).reshape(-1, DIM)
            torch.testing.assert_close(got, tokens[1:], atol=1e-9, rtol=1e-9)


def test_positions_start_from_the_published_sine_cosine_table():
    table = position_table((3, 4, 5), 32)[0]
    assert table.shape == (61, 32) and not table[0].any()
    for index, (t, y, x) in enumerate(
        ((t, y, x) for t in range(3) for y in range(4) for x in range(5)), start=1
    ):
        row = []
        # Frames take a quarter of the channels; columns go before rows.
        for position, channels in ((t, 8), (x, 12), (y, 12)):
            half = channels // 2
            angles = [position / 10000 ** (n / half) for n in range(half)]
            row += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        torch.testing.assert_close(table[index], torch.tensor(row, dtype=torch.float64))
    built = encoder()
    torch.testing.assert_close(built.positions, position_table((4, 16, 16), DIM).float())
    assert built.positions.requires_grad


# Loading.


@pytest.mark.parametrize(
    ('shapes', 'prefix', 'frames', 'depth'),
    [
        (stage1, '', 8, 40),
        (distilled, '', 8, 12),
        (fine_tuned, '', 16, 40),
        (stage2, 'vision_encoder.', 4, 40),
        (small_clip, 'vision_encoder.', 8, 12),
    ],
)
def test_published_files_load(shapes, prefix, frames, depth):
    weights = values(shapes(frames, depth))
    built = encoder(dict(ARCH, depth=depth), clip_len=frames)
    report = load_weights(built, Checkpoint(weights, 'published.pth'))
    assert report.kind == 'InternVideo2' and not report.derived
    used = {prefix + name for name in video_encoder_shapes(frames, depth)}
    assert set(report.used.values()) == used
    assert set(report.dropped) == set(weights) - used
    state = built.state_dict()
    for name, source in report.used.items():
        torch.testing.assert_close(state[name], weights[source])
    assert len(report.used) == len(state)


@pytest.mark.parametrize('prefix', ['module.', 'model.', 'module.model.', 'backbone.', 'encoder.'])
def test_wrapped_files_load(prefix, tmp_path):
    weights = values(stage2(frames=4, depth=DEPTH))
    path = tmp_path / 'wrapped.pth'
    write_checkpoint(dict(module={prefix + k: v for k, v in weights.items()}, epoch=3), path)
    built = encoder(pretrained=str(path))
    load_pretrained(built)
    torch.testing.assert_close(built.cls_token.data, weights['vision_encoder.cls_token'])


@pytest.mark.parametrize('clip_len', [4, 5, 16])
def test_another_clip_len_interpolates_positions_in_time(clip_len):
    weights = values(stage1(frames=8, depth=DEPTH))
    built = encoder(clip_len=clip_len)
    report = load_weights(built, Checkpoint(weights, 'published.pth'))
    assert report.derived == {'positions': f'is resized from 8 x 16 x 16 to {clip_len} x 16 x 16'}
    table = weights['pos_embed']
    line = table[0, 1:].reshape(8, 256, DIM).permute(1, 2, 0)
    line = F.interpolate(line, clip_len, mode='linear').permute(2, 0, 1).reshape(-1, DIM)
    torch.testing.assert_close(built.positions.data, torch.cat([table[0, :1], line])[None])


def test_files_of_larger_frames_load():
    shapes = fine_tuned(frames=8, depth=DEPTH) | dict(pos_embed=(1, 8 * 24 * 24 + 1, DIM))
    report = load_weights(encoder(), Checkpoint(values(shapes), 'published.pth'))
    assert report.derived['positions'] == 'is resized from 8 x 24 x 24 to 4 x 16 x 16'


def test_tubelets_share_the_kernel_of_single_frames():
    weights = values(stage1(frames=8, depth=DEPTH))
    built = encoder(clip_len=8, tubelet_size=2)
    report = load_weights(built, Checkpoint(weights, 'published.pth'))
    assert report.derived['patches.weight'] == 'is spread evenly over 2 frames'
    total = built.patches.weight.data.sum(dim=2, keepdim=True)
    torch.testing.assert_close(total, weights['patch_embed.proj.weight'])
    assert built(torch.randn(1, 3, 8, 28, 14))[0].shape == (1, DIM, 4, 2, 1)


def test_a_shallower_encoder_drops_the_blocks_it_has_not():
    weights = values(stage1(frames=4, depth=5))
    built = encoder(depth=2)
    report = load_weights(built, Checkpoint(weights, 'published.pth'))
    beyond = [key for key in weights if key.startswith(('blocks.2.', 'blocks.3.', 'blocks.4.'))]
    assert {report.dropped[key] for key in beyond} == {'the encoder keeps the first 2 blocks'}
    whole = encoder(dict(ARCH, depth=5), out_indices=(1, 4))
    load_weights(whole, Checkpoint(weights, 'published.pth'))
    clip = torch.randn(1, 3, 4, 28, 28)
    torch.testing.assert_close(built(clip)[0], whole(clip)[0])


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        (lambda w: w.update({'blocks.0.attn.q_bias': torch.ones(DIM)}), 'blocks.0.attn.q_bias'),
        (lambda w: w.update({'pos_embed_spatial': torch.ones(1, 256, DIM)}), 'pos_embed_spatial'),
        (lambda w: w.update({'decoder.weight': torch.ones(1)}), 'decoder.weight'),
        (lambda w: w.pop('blocks.1.ls2.gamma'), 'layers.1.hidden_scale'),
        (lambda w: w.pop('pos_embed'), 'positions'),
        (lambda w: w.update(pos_embed=torch.ones(1, 1030, DIM)), 'positions'),
        (lambda w: w.update(cls_token=torch.ones(1, 1, 2 * DIM)), 'cls_token'),
    ],
)
def test_what_does_not_fit_is_told(change, told):
    weights = values(stage1(frames=4, depth=DEPTH))
    change(weights)
    built = encoder()
    before = {name: value.clone() for name, value in built.state_dict().items()}
    with pytest.raises(CheckpointError, match=told):
        load_weights(built, Checkpoint(weights, 'published.pth'))
    torch.testing.assert_close(built.state_dict(), before)


def test_own_names_are_no_published_ones(tmp_path):
    first, second = encoder(seed=1), encoder(seed=2)
    assert first.adapt_weights(first.state_dict()) is None
    write_checkpoint(dict(state_dict=first.state_dict()), tmp_path / 'own.pth')
    report = load_weights(second, tmp_path / 'own.pth')
    assert report.kind == 'salkit'
    torch.testing.assert_close(second.state_dict(), first.state_dict())
    umt = {'blocks.0.attn.q_bias': torch.ones(1), 'patch_embed.proj.weight': torch.ones(1)}
    assert first.adapt_weights(umt) is None


def test_pretrained_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r'none\.pth'):
        load_pretrained(encoder(pretrained=str(tmp_path / 'none.pth')))
    load_pretrained(encoder())


# The encoder itself.


def test_features_of_several_blocks():
    built = encoder(out_indices=(0, 1)).eval()
    assert len(built.layers) == 2 and len(built.features) == 2
    clip = torch.randn(2, 3, 4, 28, 42)
    first, last = built(clip)
    torch.testing.assert_close(encoder(depth=1).eval()(clip)[0], first)
    assert first.shape == last.shape == (2, DIM, 4, 2, 3)
    assert not torch.equal(first, last)


def test_the_class_token_takes_part_and_learns():
    built = encoder(depth=1, layer_scale=1.0)
    clip = torch.randn(1, 3, 4, 14, 28)
    before = built(clip)[0].detach()
    built(clip)[0].square().sum().backward()
    assert built.cls_token.grad.abs().max() > 0
    assert built.positions.grad[:, 0].abs().max() > 0
    with torch.no_grad():
        built.cls_token += 1
    assert not torch.allclose(built(clip)[0], before)


def test_frozen_stages_stay_as_they_are():
    built = encoder(frozen_stages=2, drop_path=0.9).train()
    built(torch.randn(1, 3, 4, 28, 28))[0].sum().backward()
    learning = {name for name, p in built.named_parameters() if p.grad is not None}
    assert learning == {n for n, _ in built.named_parameters() if n.startswith('layers.2.')}
    assert not built.layers[1].training and built.layers[2].training
    embedding = {'patches.weight', 'patches.bias', 'cls_token', 'positions'}
    fixed = {n for n, p in encoder(frozen_stages=0).named_parameters() if not p.requires_grad}
    assert fixed == embedding


def test_activation_checkpointing_changes_nothing_but_memory():
    clip = torch.randn(2, 3, 4, 28, 28)
    gradients = []
    for flag in (False, True):
        built = encoder(activation_checkpointing=flag, layer_scale=1.0).train()
        built(clip)[0].square().mean().backward()
        gradients.append([p.grad for p in built.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize(
    'options',
    [
        dict(arch='2b'),
        dict(arch=dict(embed_dim=32)),
        dict(arch=dict(ARCH, patch=16)),
        dict(arch=dict(ARCH, embed_dim=24)),
        dict(arch=dict(ARCH, num_heads=3)),
        dict(depth=0),
        dict(depth=4),
        dict(out_indices=()),
        dict(out_indices=(2, 1)),
        dict(out_indices=(3,)),
        dict(frozen_stages=4),
        dict(clip_len=0),
        dict(clip_len=5, tubelet_size=2),
    ],
)
def test_wrong_arguments_are_refused(options):
    with pytest.raises(ConfigError, match=r'InternVideo2Encoder: .*, got'):
        encoder(**options)


def test_wrong_clips_are_refused():
    with pytest.raises(ShapeError, match='divisible by 14'):
        encoder()(torch.zeros(1, 3, 4, 28, 32))
    with pytest.raises(ShapeError, match='4 frames'):
        encoder()(torch.zeros(1, 3, 8, 28, 28))


@pytest.mark.parametrize(
    ('arch', 'millions'), [('s', 22.3), ('b', 87.1), ('l', 305.0), ('1b', 1013.7), ('6b', 5908.5)]
)
def test_sizes_build_without_memory(arch, millions):
    with torch.device('meta'):
        built = InternVideo2Encoder(arch)
    assert all(value.is_meta for value in built.state_dict().values())
    assert sum(p.numel() for p in built.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    assert len(built.layers) == ARCHITECTURES[arch]['depth']


# With salkit.


def test_salfom_decoder_runs_on_it():
    built = encoder(dict(embed_dim=32, depth=1, num_heads=2), clip_len=8).eval()
    cfg = load_config('salkit::demo/umt-tiny_cc-kl').model.decoder
    decoder = build(DECODERS, cfg, in_specs=built.features, clip_len=8).eval()
    with torch.no_grad():
        saliency_map = decoder(built(torch.randn(1, 3, 8, 56, 84)), (56, 84))
    assert saliency_map.shape == (1, 56, 84)
    assert torch.isfinite(saliency_map).all()


@pytest.mark.parametrize(
    ('name', 'frames'),
    [
        ('internvideo2-1b8_cc-kl', 8),
        ('internvideo2-6b8_cc-kl', 8),
        ('internvideo2-b16_cc-kl', 16),
        ('internvideo2-s16_cc-kl', 16),
        ('internvideo2-tiny_demo', 8),
    ],
)
def test_configs_build(name, frames):
    cfg = load_config(f'salkit_internvideo2::{name}')
    model = build_on_meta(MODELS, cfg.model)
    assert model.encoder.clip_len == frames
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        assert dataset.clip_len == frames
        assert all(size % 14 == 0 for size in dataset.pipeline[0].size)


def test_hooks_are_salkits():
    import salkit_internvideo2

    marker = f'{hookimpl.project_name}_impl'
    assert hasattr(salkit_internvideo2.register_encoders, marker)
    assert hasattr(salkit_internvideo2.config_dirs, marker)
