"""From the names in published InternVideo2 files to those of the encoder."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from salkit.layers import resize_position_table
from salkit.types import AdaptedWeights

KIND = 'InternVideo2'
POSITIONS, PATCHES = 'positions', 'patches.weight'

# What wrappers and the multi-modal models put before the video encoder's names.
_WRAPPERS = r'(?:module|model|_orig_mod|backbone|encoder)\.'
_RECOGNISED = re.compile(
    rf'(?P<outer>(?:{_WRAPPERS})*)(?P<inner>vision_encoder\.(?:{_WRAPPERS})*)?'
    r'blocks\.\d+\.(?:attn\.q_norm\.weight|ls1\.gamma)'
)

_TOP = {
    'cls_token': 'cls_token',
    'pos_embed': POSITIONS,
    'patch_embed.proj.weight': PATCHES,
    'patch_embed.proj.bias': 'patches.bias',
}
_IN_BLOCK = {
    'norm1.weight': 'token_norm.weight',
    'attn.qkv.weight': 'qkv.weight',
    'attn.q_norm.weight': 'query_norm.weight',
    'attn.k_norm.weight': 'key_norm.weight',
    'attn.proj.weight': 'merge.weight',
    'attn.proj.bias': 'merge.bias',
    'ls1.gamma': 'attention_scale',
    'norm2.weight': 'hidden_norm.weight',
    'mlp.fc1.weight': 'expand.weight',
    'mlp.fc1.bias': 'expand.bias',
    'mlp.fc2.weight': 'shrink.weight',
    'mlp.fc2.bias': 'shrink.bias',
    'ls2.gamma': 'hidden_scale',
}
# Entries of the video encoder that the features do not depend on.
_UNUSED_INSIDE = {
    r'(clip|mae)_pos_embed|clip_img_pos_embed': 'positions of the distillation targets',
    r'img_pos_embed': 'positions of single images; clips use those of videos',
    r'clip_projector\..+': 'pools the tokens to one vector per clip, the features come before it',
    r'(final_clip_decoder|clip_decoder\.\d+|mae_decoder\.\d+)\..+': 'used in pre-training alone',
    r'(head|fc_norm|down|down_norm)(\.\d+)?\.\w+': 'classification head',
}
# Entries beside the video encoder in multi-modal files.
_UNUSED_BESIDE = {
    r'(text|audio)_encoder\..+': 'text or audio encoder',
    r'((vision|text|audio)_proj|vision_align|av_concat_(vision|audio)_proj|av_fusion'
    r'|(itm|atm|avtm)_head|temp)(\..+)?': 'matches videos with text or audio',
    r'clip_teacher\..+': 'teacher of the pre-training',
}

# Lengths of published files; a table of theirs is square.
_LENGTHS = (8, 16, 4)


def _why_unused(name: str, reasons: Mapping[str, str]) -> str | None:
    return next((why for pattern, why in reasons.items() if re.fullmatch(pattern, name)), None)


def _own_name(name: str) -> str | None:
    block = re.fullmatch(r'blocks\.(\d+)\.(.+)', name)
    if block is None:
        return _TOP.get(name)
    inside = _IN_BLOCK.get(block[2])
    return inside and f'layers.{block[1]}.{inside}'


def _grid_of(patches: int, own: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """The (t, h, w) grid of a table for `patches`, or None where nothing square fits."""
    t, rows, columns = own
    for length in (*_LENGTHS, t):
        if patches == length * rows * columns:
            return length, rows, columns
    for length in (*_LENGTHS, t):
        side = round((patches / length) ** 0.5)
        if side and length * side * side == patches:
            return length, side, side
    return None


def _fit_positions(table: Tensor, own: tuple[int, int, int]) -> tuple[Tensor, str | None]:
    """A stored table brought to the encoder's grid, and how where that took anything."""
    if table.ndim != 3 or len(table) != 1 or table.shape[1] < 2:
        return table, None
    grid = _grid_of(table.shape[1] - 1, own)
    if grid is None or grid == own:
        # Of an unknown grid: its shape is refused, with both shapes named, where it is loaded.
        return table, None
    resized = resize_position_table(table[:, 1:].float(), grid, own)
    names = [' x '.join(map(str, thw)) for thw in (grid, own)]
    how = f'is resized from {names[0]} to {names[1]}'
    return torch.cat([table[:, :1].float(), resized], dim=1), how


def adapt(
    weights: Mapping[str, Tensor], depth: int, grid_thw: tuple[int, int, int], tubelet_size: int
) -> AdaptedWeights | None:
    """Bring the entries of a published file under the encoder's names.

    Recognised are files of the first stage (pre-trained, distilled, fine-tuned) and of the
    multi-modal stages, whose video encoder lies under `vision_encoder.`.

    Args:
        weights: the file's entries.
        depth: blocks that the encoder keeps.
        grid_thw: t, h, w that the encoder keeps its positions for.
        tubelet_size: frames per token.

    Returns:
        None where nothing in the file is called as in InternVideo2.
    """
    found = next(filter(None, map(_RECOGNISED.fullmatch, weights)), None)
    if found is None:
        return None
    outer, prefix = found['outer'], found['outer'] + (found['inner'] or '')
    adapted = AdaptedWeights(KIND, {})
    for key, value in weights.items():
        if not key.startswith(prefix):
            why = _why_unused(key.removeprefix(outer), _UNUSED_BESIDE)
            if why:
                adapted.dropped[key] = why
            continue
        name = key.removeprefix(prefix)
        own, why = _own_name(name), _why_unused(name, _UNUSED_INSIDE)
        if own and own.startswith('layers.') and int(own.split('.')[1]) >= depth:
            adapted.dropped[key] = f'the encoder keeps the first {depth} blocks'
        elif own:
            adapted.weights[own], adapted.sources[own] = value, key
        elif why:
            adapted.dropped[key] = why
    if POSITIONS in adapted.weights:
        table, how = _fit_positions(adapted.weights[POSITIONS], grid_thw)
        adapted.weights[POSITIONS] = table
        if how:
            adapted.derived[POSITIONS] = how
    kernel = adapted.weights.get(PATCHES)
    if kernel is not None and kernel.ndim == 5 and kernel.shape[2] == 1 < tubelet_size:
        # Each frame of a tubelet counts alike, so that a still clip gives what an image would.
        adapted.weights[PATCHES] = kernel.repeat(1, 1, tubelet_size, 1, 1) / tubelet_size
        adapted.derived[PATCHES] = f'is spread evenly over {tubelet_size} frames'
    return adapted
