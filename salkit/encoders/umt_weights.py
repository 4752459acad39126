"""The files that UMT's authors publish: their names, their sizes, their position tables."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping

from torch import Tensor

from ..errors import CheckpointError
from ..layers import TABLE_THW, fixed_table, resize_position_table
from ..types import AdaptedWeights
from .base import HEAD_REASON

KIND = 'UMT'
ARCHITECTURES = {
    'tiny': dict(embed_dim=128, depth=4, num_heads=4),
    'base': dict(embed_dim=768, depth=12, num_heads=12),
    'large': dict(embed_dim=1024, depth=24, num_heads=16),
}
POSITIONS = 'pos_embed'

# What no other transformer calls so.
_BIAS = re.compile(r'blocks\.\d+\.attn\.(q_bias|v_bias)')
# Where UMT's training codes put the video encoder.
_PREFIXES = ('vision_encoder.encoder.', 'vision_encoder.', 'backbone.', 'encoder.')
_UNUSED = {
    r'(fc_norm|head)\.(weight|bias)': HEAD_REASON,
    r'norm\.(weight|bias)': 'final norm, the saliency model takes the tokens before it',
    r'(clip_decoder|clip_pos_embed|clip_img|mask_token|text_encoder|text_proj|vision_proj'
    r'|vision_layernorm|itm_head|temp)(\..*)?': 'used in pre-training alone',
}
# Resizing a fixed table there and back costs up to 0.1 in the mean, 16 frames to 8 most; a learned
# table is 0.6 away.
_FIXED_WITHIN = 0.2


def _plain(key: str) -> str:
    """A file's name of an encoder entry without the prefix of the training code."""
    return next((key.removeprefix(p) for p in _PREFIXES if key.startswith(p)), key)


def _is_known(names: Collection[str]) -> bool:
    # A whole saliency model has names of its own.
    return not any(name.startswith('decoder.') for name in names) and any(
        _BIAS.fullmatch(_plain(name)) for name in names
    )


def count_blocks(names: Collection[str], prefix: str = '') -> int:
    """How many blocks `<prefix>blocks.<number>.` the names are about."""
    found = (re.match(re.escape(prefix) + r'blocks\.(\d+)\.', name) for name in names)
    return max((int(match[1]) + 1 for match in found if match), default=0)


def arguments_of(weights: Mapping[str, Tensor]) -> dict[str, object] | None:
    """Arguments of the `UMTEncoder` that wrote these entries, as their shapes have it.

    Returns:
        `arch`, `clip_len` and where it is cut `depth`; None where the names are not UMT's.

    Raises:
        CheckpointError: entries of none of the published architectures.
    """
    if not _is_known(weights):
        return None
    inner = {_plain(key): value for key, value in weights.items()}
    patches, depth = inner.get('patch_embed.proj.weight'), count_blocks(inner)
    if patches is None or patches.ndim != 5:
        raise CheckpointError('looks like UMT weights, but has no usable patch_embed.proj.weight')
    dim = len(patches)
    arch = next((name for name, a in ARCHITECTURES.items() if a['embed_dim'] == dim), None)
    if arch is None:
        raise CheckpointError(
            f'no published UMT has {dim} channels; name the config of this model (--config)'
        )
    full_depth = ARCHITECTURES[arch]['depth']
    if depth > full_depth:
        raise CheckpointError(f'{depth} blocks, but UMT-{arch} has {full_depth}')
    positions = inner.get(POSITIONS)
    stored = 0
    if positions is not None and positions.ndim == 3:
        stored = positions.shape[1] // (TABLE_THW[1] * TABLE_THW[2])
    # Files of 8-frame encoders store no positions.
    arguments: dict[str, object] = dict(arch=arch, clip_len=16 if stored == 16 else TABLE_THW[0])
    return arguments if depth == full_depth else dict(arguments, depth=depth)


def adapt(
    weights: Mapping[str, Tensor], own: Mapping[str, Tensor], clip_len: int, depth: int
) -> AdaptedWeights | None:
    """Bring a published file under the names of an encoder.

    Args:
        weights: entries of a fine-tuned or pre-trained file, or of the encoder of a saliency model.
        own: entries of the encoder.
        clip_len: its frames.
        depth: its blocks; those of the file behind them are dropped.

    Returns:
        None where the names are not UMT's.
    """
    if not _is_known(weights):
        return None
    found = AdaptedWeights(KIND, {})
    for key, value in weights.items():
        name = _plain(key)
        reason = next((why for p, why in _UNUSED.items() if re.fullmatch(p, name)), None)
        if name == POSITIONS:
            _place_positions(found, key, value, clip_len, POSITIONS in own)
        elif name in own and name not in found.weights:
            found.weights[name], found.sources[name] = value, key
        elif reason:
            found.dropped[key] = reason
        elif count_blocks([name]) > depth:
            found.dropped[key] = f'the encoder keeps the first {depth} blocks'
    if POSITIONS in own and POSITIONS not in found.sources:
        add_fixed_table(found, POSITIONS, own[POSITIONS])
    return found


def add_fixed_table(found: AdaptedWeights, name: str, own: Tensor) -> None:
    """Add the fixed position table in the size that the encoder stores, as the file omits it."""
    _, positions, dim = own.shape
    found.weights[name] = fixed_table(positions // (TABLE_THW[1] * TABLE_THW[2]), dim)
    found.derived[name] = 'is the fixed sine-cosine table, which the file omits'


def _place_positions(
    found: AdaptedWeights, key: str, table: Tensor, clip_len: int, is_stored: bool
) -> None:
    """Copy, resize or check a stored position table, whose grid follows from its size."""
    grid = _grid_of(table, clip_len)
    if grid is None:
        found.sources[POSITIONS] = key
        found.wrong[POSITIONS] = (
            f'{key} has shape {tuple(table.shape)}, expected (1, positions, channels) with the '
            'positions of 8 or 16 square frames'
        )
        return
    goal = (clip_len, *TABLE_THW[1:])
    resized = table if grid == goal else resize_position_table(table.float(), grid, goal)
    if is_stored:
        found.weights[POSITIONS], found.sources[POSITIONS] = resized, key
        if grid != goal:
            names = [' x '.join(map(str, thw)) for thw in (grid, goal)]
            found.derived[POSITIONS] = f'is resized from {names[0]} to {names[1]}'
    elif _is_fixed(resized):
        found.dropped[key] = 'the fixed position table, which the encoder makes itself'
    else:
        found.sources[POSITIONS] = key
        found.wrong[POSITIONS] = (
            f'{key} is not the fixed sine-cosine table that this encoder makes itself'
        )


def _is_fixed(table: Tensor) -> bool:
    expected = fixed_table(TABLE_THW[0], table.shape[-1])
    return float((table.float() - expected).abs().mean()) < _FIXED_WITHIN


def _grid_of(table: Tensor, frames: int) -> tuple[int, int, int] | None:
    """The (t, h, w) that a stored table was made for; published grids are looked for first."""
    if table.ndim != 3 or len(table) != 1 or not table.shape[1]:
        return None
    count = table.shape[1]
    published = [(t, *TABLE_THW[1:]) for t in (8, 16, frames)]
    sides = {t: math.isqrt(count // t) for t in (8, 16, frames)}
    square = [(t, side, side) for t, side in sides.items()]
    return next((grid for grid in published + square if math.prod(grid) == count), None)
