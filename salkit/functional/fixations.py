"""Fixations: from a map to its fixated pixels, and from points to a map."""

from __future__ import annotations

import numpy as np

from ..errors import DataError, ShapeError
from ._common import Maps, is_tensor


def count_fixations(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """How many fixations fall on each pixel: a fixation map that keeps repeats.

    Any measure takes it as a fixation map, each pixel counting once; with `repeats=True` each
    fixation counts.

    Args:
        points: (n, 2) whole numbers, y and x of each fixation; n may be 0.
        size: (H, W) of the map.

    Returns:
        (H, W) int64.

    Raises:
        ShapeError: the points are not (n, 2).
        DataError: a point lies outside the map.

    Example:
        >>> import numpy as np
        >>> from salkit import functional
        >>> points = np.array([[0, 1], [0, 1], [1, 0]])
        >>> functional.count_fixations(points, (2, 2))
        array([[0, 2],
               [1, 0]])
    """
    points = np.asarray(points)
    if points.size == 0:
        return np.zeros(size, np.int64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ShapeError(f'count_fixations: expected points (n, 2), got {points.shape}')
    points = points.astype(np.int64)
    outside = ((points < 0) | (points >= size)).any(1)
    if outside.any():
        raise DataError(
            f'count_fixations: expected points (y, x) inside {tuple(size)}, got '
            f'{tuple(points[outside][0].tolist())} and {outside.sum() - 1} more outside'
        )
    flat = np.ravel_multi_index((points[:, 0], points[:, 1]), size)
    return np.bincount(flat, minlength=size[0] * size[1]).reshape(size)


def fixated_pixels(fixation_map: Maps, repeats: bool) -> tuple[np.ndarray, np.ndarray]:
    """Index of each fixated pixel of a flat map, ascending, and how often it counts, int64."""
    if is_tensor(fixation_map):
        places = (fixation_map > 0).nonzero().flatten()
        counts = fixation_map[places].cpu().numpy()
        index = places.cpu().numpy()
    else:
        # A bool map would be compared as int64.
        is_bool = fixation_map.dtype == np.bool_
        index = np.flatnonzero(fixation_map if is_bool else fixation_map > 0)
        counts = fixation_map[index]
    return index, counts.astype(np.int64) if repeats else np.ones(len(index), np.int64)
