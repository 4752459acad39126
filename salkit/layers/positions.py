"""Fixed sine-cosine position tables and their resizing."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..errors import ConfigError

# Of a table, 0.5 GB in float64: a config from a file may ask for any size.
MOST_VALUES = 2**26


def _check_table(positions: int, dim: int) -> None:
    if positions * dim > MOST_VALUES:
        raise ConfigError(
            f'a position table of {positions} positions and {dim} channels has more than '
            f'{MOST_VALUES} values'
        )


def sine_cosine_table(num_positions: int, dim: int) -> Tensor:
    """Sine-cosine encoding of positions 0 .. num_positions - 1 (Vaswani et al. 2017, sec. 3.5).

    Channel j of position p is `p / 10000^(2 * (j // 2) / dim)`, through a sine where j is even and
    a cosine where it is odd; computed in float64.

    Returns:
        (1, num_positions, dim) float32.

    Raises:
        ConfigError: a table that is too large.
    """
    _check_table(num_positions, dim)
    exponent = 2 * (np.arange(dim) // 2) / dim
    angle = np.arange(num_positions)[:, None] / np.power(10000.0, exponent)
    angle[:, 0::2] = np.sin(angle[:, 0::2])
    angle[:, 1::2] = np.cos(angle[:, 1::2])
    return torch.from_numpy(angle.astype(np.float32))[None]


def resize_position_table(
    table: Tensor, source_thw: tuple[int, int, int], target_thw: tuple[int, int, int]
) -> Tensor:
    """Resize a table of (t, h, w)-ordered positions, bicubically in space and linearly in time.

    Args:
        table: (1, t * h * w, C) for `source_thw`.
        source_thw: the grid that `table` was made for.
        target_thw: the grid wanted.

    Returns:
        (1, t * h * w, C) for `target_thw`; `table` itself where the grids are equal.

    Raises:
        ConfigError: a table that would be too large.
    """
    _check_table(math.prod(target_thw), table.shape[-1])
    (t, h, w), (target_t, target_h, target_w) = source_thw, target_thw
    if (h, w) != (target_h, target_w):
        grid = rearrange(table, '1 (t h w) c -> t c h w', t=t, h=h, w=w)
        grid = F.interpolate(grid, (target_h, target_w), mode='bicubic', align_corners=False)
        table = rearrange(grid, 't c h w -> 1 (t h w) c')
    if t != target_t:
        line = rearrange(table, '1 (t n) c -> n c t', t=t)
        line = F.interpolate(line, target_t, mode='linear', align_corners=False)
        table = rearrange(line, 'n c t -> 1 (t n) c')
    return table


# The grid that the fixed table of UMT is made for: 8 frames of 224 x 224 in patches of 16.
TABLE_THW = (8, 14, 14)


def fixed_table(clip_len: int, dim: int) -> Tensor:
    """UMT's sine-cosine table for `clip_len` frames of 14 x 14 patches, from the one for 8 frames.

    Returns:
        (1, clip_len * 196, dim) float32.
    """
    frames, rows, columns = TABLE_THW
    table = sine_cosine_table(frames * rows * columns, dim)
    return resize_position_table(table, TABLE_THW, (clip_len, rows, columns))
