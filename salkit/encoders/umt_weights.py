"""The files that UMT's authors publish: their names, their sizes, their position tables."""

from __future__ import annotations

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
    weights: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    clip_len: int,
    depth: int,
    source_grid: tuple[int, int, int] | None,
) -> AdaptedWeights | None:
    """Bring a published file under the names of an encoder.

    Args:
        weights: entries of a fine-tuned or pre-trained file, or of the encoder of a saliency model.
        own: entries of the encoder.
        clip_len: its frames.
        depth: its blocks; those of the file behind them are dropped.
        source_grid: (t, h, w) of the stored position table, where its size does not say.

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
            _place_positions(found, key, value, clip_len, POSITIONS in own, source_grid)
        elif name in own and name not in found.weights:
            found.weights[name], found.sources[name] = value, key
        elif reason:
            found.dropped[key] = reason
        elif count_blocks([name]) > depth:
            found.dropped[key] = f'the encoder keeps the first {depth} blocks'
    if POSITIONS in own and POSITIONS not in found.sources:
        found.weights[POSITIONS] = fixed_table(clip_len, own[POSITIONS].shape[2])
        found.derived[POSITIONS] = 'is the fixed sine-cosine table, which the file omits'
    return found


def _place_positions(
    found: AdaptedWeights,
    key: str,
    table: Tensor,
    clip_len: int,
    is_stored: bool,
    source_grid: tuple[int, int, int] | None,
) -> None:
    """Copy, resize or check a stored position table."""
    try:
        resized, how = resized_positions(table, clip_len, source_grid)
    except ValueError as error:
        found.sources[POSITIONS] = key
        found.wrong[POSITIONS] = f'{key} {error}'
        return
    if is_stored:
        found.weights[POSITIONS], found.sources[POSITIONS] = resized, key
        if how:
            found.derived[POSITIONS] = how
        return
    expected = fixed_table(TABLE_THW[0], resized.shape[-1])
    if float((resized.float() - expected).abs().mean()) < _FIXED_WITHIN:
        found.dropped[key] = 'the fixed position table, which the encoder makes itself'
    else:
        found.sources[POSITIONS] = key
        found.wrong[POSITIONS] = (
            f'{key} is not the fixed sine-cosine table that this encoder makes itself'
        )


def guess_grid(positions: int, frames: int) -> tuple[int, int, int] | None:
    """The (t, h, w) grid that a stored table of `positions` entries was made for, or None.

    Args:
        positions: t * h * w.
        frames: of the model that takes the table.

    Returns:
        The published grids (8 or 16 frames of 14 x 14) first, then `frames` of 14 x 14, then square
        grids of 8, 16, `frames` and 4 frames.
    """
    if positions < 1:
        return None
    rows, columns = TABLE_THW[1:]
    for t in (8, 16, frames):
        if positions == t * rows * columns:
            return t, rows, columns
    for t in (8, 16, frames, 4):
        side = round((positions / t) ** 0.5)
        if t * side * side == positions:
            return t, side, side
    return None


def resized_positions(
    table: Tensor, frames: int, source_grid: tuple[int, int, int] | None = None
) -> tuple[Tensor, str | None]:
    """Bring a stored table to `frames` frames of 14 x 14, the grid that encoders keep it for.

    Args:
        table: (1, t * h * w, C).
        frames: wanted.
        source_grid: t, h, w, where the table's size alone does not say.

    Returns:
        (1, frames * 196, C), and what was done in words, None where nothing was.

    Raises:
        ValueError: no table, or one of no known grid; says what was found, to follow its name.
    """
    if table.ndim != 3 or len(table) != 1:
        raise ValueError(f'has shape {tuple(table.shape)}, expected (1, positions, channels)')
    grid = source_grid or guess_grid(table.shape[1], frames)
    if grid is None or grid[0] * grid[1] * grid[2] != table.shape[1]:
        tried = 'no grid of 8 or 16 square frames'
        if source_grid is not None:
            tried = f'not {" x ".join(map(str, source_grid))}'
        raise ValueError(
            f'holds {table.shape[1]} positions, {tried}; give its frames, rows and columns '
            '(--source-grid T,H,W)'
        )
    goal = (frames, *TABLE_THW[1:])
    if tuple(grid) == goal:
        return table, None
    names = [' x '.join(map(str, thw)) for thw in (grid, goal)]
    return (
        resize_position_table(table.float(), grid, goal),
        f'is resized from {names[0]} to {names[1]}',
    )
