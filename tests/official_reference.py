"""The arithmetic of the authors' decoder, spelled out on their state dict and nothing of salkit.

Slow and plain on purpose: every stride, window and number of convolutions follows from the names
and shapes of the entries, so that 16 and 8 frames, narrow and full widths take the same code.
"""

import math
from itertools import count
from typing import NamedTuple

import torch
import torch.nn.functional as F


class Maps(NamedTuple):
    """What the decoder's parts give: three maps (B, 16, 16 h, 16 w), the fused (B, 16 h, 16 w)."""

    swin3d: torch.Tensor
    dfd: torch.Tensor
    sfd: torch.Tensor
    saliency: torch.Tensor


def decode(weights, feature, seen=None):
    """All maps for a deepest feature (B, C, T, h, w).

    `seen`, a dict, receives the output of every convolution and transformer by its official name.
    """
    seen = {} if seen is None else seen
    swin3d_map, s1, s2 = swin3d(weights, feature, seen)
    dfd_map, d2, d4 = dfd(weights, feature, s1, s2, seen)
    sfd_map = sfd(weights, feature, d2, d4, seen)
    return Maps(swin3d_map, dfd_map, sfd_map, fusion(weights, swin3d_map, dfd_map, sfd_map, seen))


def swin3d(weights, feature, seen):
    """The branch's map, and what its first two stages hand over."""
    s1 = _transformer(weights, 'transformer_1', feature, seen)
    s2 = _enlarged(_transformer(weights, 'transformer_2', s1, seen), 4)
    s3 = _enlarged(_transformer(weights, 'transformer_3', s2, seen), 4)
    return _only_frame(s3), s1, s2


def dfd(weights, feature, s1, s2, seen):
    """The branch's map, and its second and fourth features with what Swin3D added to them."""

    def layer(number, values):
        kernel = weights[f'conv_{number}.weight']
        values = F.conv3d(values, kernel, stride=(kernel.shape[2], 1, 1), padding=(0, 1, 1))
        seen[f'conv_{number}'] = values
        return F.relu(values)

    d2 = layer(2, layer(1, feature)) + s1
    d4 = _enlarged(layer(4, _enlarged(layer(3, d2), 2)), 2) + s2
    d6 = _enlarged(layer(6, _enlarged(layer(5, d4), 2)), 2)
    return _only_frame(d6), d2, d4


def sfd(weights, feature, d2, d4, seen):
    """The branch's map."""

    def layer(number, values):
        values = F.conv2d(values, weights[f'conv_2D_{number}.weight'], padding=1)
        seen[f'conv_2D_{number}'] = values
        return F.relu(values)

    def along_time(name, values, stop):
        for number in range(1, stop):
            kernel, bias = (weights[f'{name}_{number}.{part}'] for part in ('weight', 'bias'))
            values = F.conv3d(values, kernel, bias, stride=(2, 1, 1), padding=(1, 0, 0))
            seen[f'{name}_{number}'] = values
            values = F.relu(values)
        return _only_frame(values)

    for number in count(1):
        kernel = weights.get(f'conv_t1_{number}.weight')
        if kernel is None:
            break
        feature = F.conv3d(feature, kernel, stride=(2, 1, 1), padding=(0, 1, 1))
        seen[f'conv_t1_{number}'] = feature
        feature = F.relu(feature)

    values = layer(3, layer(2, layer(1, _only_frame(feature))))
    values = values + along_time('conv_t2', d2, stop=4)
    values = _enlarged(layer(5, layer(4, values)), 2)
    values = _enlarged(layer(6, values), 2)
    # The third convolution of this group lies in the file and is never called.
    values = values + along_time('conv_t3', d4, stop=3)
    values = _enlarged(layer(8, layer(7, values)), 2)
    return _enlarged(layer(9, values), 2)


def fusion(weights, swin3d_map, dfd_map, sfd_map, seen):
    """Three convolutions over the maps side by side, and a sigmoid."""
    seen['conv_7'] = F.conv2d(
        torch.cat([sfd_map, swin3d_map, dfd_map], dim=1), weights['conv_7.weight'], padding=1
    )
    seen['conv_8'] = F.conv2d(F.relu(seen['conv_7']), weights['conv_8.weight'], padding=1)
    seen['conv_9'] = F.conv2d(F.relu(seen['conv_8']), weights['conv_9.weight'], padding=1)
    return 1 / (1 + torch.exp(-seen['conv_9'][:, 0]))


def _only_frame(values):
    assert values.shape[2] == 1
    return values[:, :, 0]


def _enlarged(values, factor):
    """Rows and columns `factor` times as many, every frame (B, C, [T,] H, W) by itself."""
    frames = values.unbind(2) if values.ndim == 5 else [values]
    frames = [
        F.interpolate(x, scale_factor=factor, mode='bilinear', align_corners=False) for x in frames
    ]
    return torch.stack(frames, 2) if values.ndim == 5 else frames[0]


def _transformer(weights, name, feature, seen):
    """A stage: patches along time, then blocks of which every second one is shifted."""
    kernel = weights[f'{name}.patch_embed.proj.weight']
    feature = F.conv3d(
        feature, kernel, weights[f'{name}.patch_embed.proj.bias'], stride=(kernel.shape[2], 1, 1)
    )
    tokens = feature.permute(0, 3, 4, 2, 1)  # (B, h, w, T, C)
    for number in count():
        prefix = f'{name}.layers.0.blocks.{number}'
        if f'{prefix}.norm1.weight' not in weights:
            break
        tokens = _block(weights, prefix, tokens, shifted=number % 2 == 1)
    seen[name] = tokens.permute(0, 4, 3, 1, 2)
    return seen[name]


def _block(weights, prefix, tokens, shifted):
    def norm(values, part):
        centred = values - values.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * weights[f'{prefix}.{part}.weight'] + weights[f'{prefix}.{part}.bias']

    def linear(values, part):
        return values @ weights[f'{prefix}.{part}.weight'].T + weights[f'{prefix}.{part}.bias']

    length = tokens.shape[3]
    table = weights[f'{prefix}.attn.relative_position_bias_table']
    window = (len(table) + 1) // 2
    shift = window // 2 if shifted else 0
    if length <= window:
        window, shift = length, 0
    assert length % window == 0

    values = norm(tokens, 'norm1').roll(-shift, dims=3)
    # Which of three parts a time step belongs to, after the shift: those that never meet a border,
    # the rest of the last window, and what was rolled in from the start of the clip.
    part = [
        (step >= length - window) + (shift > 0 and step >= length - shift) for step in range(length)
    ]
    rows = weights[f'{prefix}.attn.relative_position_index'][:window, :window]
    bias = table[rows].permute(2, 0, 1)  # (heads, window, window)
    windows = []
    for start in range(0, length, window):
        inside = part[start : start + window]
        mask = torch.tensor([[0.0 if a == b else -100.0 for b in inside] for a in inside])
        attended = _attention(
            linear(values[:, :, :, start : start + window], 'attn.qkv'), bias + mask.to(bias)
        )
        windows.append(linear(attended, 'attn.proj'))
    tokens = tokens + torch.cat(windows, dim=3).roll(shift, dims=3)

    hidden = linear(norm(tokens, 'norm2'), 'mlp.fc1')
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    return tokens + linear(hidden, 'mlp.fc2')


def _attention(qkv, bias):
    """Softmax attention over axis 3 of (B, h, w, window, 3 C); bias (heads, window, window)."""
    heads = len(bias)
    q, k, v = (
        x.unflatten(-1, (heads, -1)).transpose(3, 4) for x in qkv.chunk(3, dim=-1)
    )  # (B, h, w, heads, window, C / heads)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + bias
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights @ v).transpose(3, 4).flatten(4)
