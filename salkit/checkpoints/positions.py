"""Position tables of UMT files: what grid they were made for, and their way to another one."""

from __future__ import annotations

from torch import Tensor

from ..layers import TABLE_THW, fixed_table, resize_position_table


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
        source_grid: t, h, w, where the table's size alone does not tell.

    Returns:
        (1, frames * 196, C), and what was done in words, None where nothing was.

    Raises:
        ValueError: no table, or one of no known grid; says what was found, to follow its name.
    """
    if table.ndim != 3 or len(table) != 1:
        raise ValueError(f'has shape {tuple(table.shape)}, expected (1, positions, channels)')
    grid = source_grid or guess_grid(table.shape[1], frames)
    if grid is None or grid[0] * grid[1] * grid[2] != table.shape[1]:
        tried = (
            f'not {source_grid[0]} x {source_grid[1]} x {source_grid[2]}'
            if source_grid
            else ('no grid of 8 or 16 square frames')
        )
        raise ValueError(
            f'holds {table.shape[1]} positions, {tried}; tell its frames, rows and columns '
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


def is_fixed_table(table: Tensor) -> bool:
    """Whether a table (1, 1568, C) is the sine-cosine one, up to what resizing there and back does.

    Resizing costs up to 0.1 in the mean, 16 frames to 8 most; a learned table is 0.6 away.
    """
    expected = fixed_table(TABLE_THW[0], table.shape[-1])
    return float((table.float() - expected).abs().mean()) < 0.2
