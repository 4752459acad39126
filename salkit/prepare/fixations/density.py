"""Density maps from fixations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...datasets.published import DensityArguments, density_recipes
from ...errors import ConfigError, ShapeError
from ...functional.density import density_of
from ...functional.fixations import count_fixations
from ...utils.density_options import DensityOptions
from ...utils.text import check_choice

if TYPE_CHECKING:
    from typing_extensions import Unpack


def density_arguments(recipe: str | None, **own: Unpack[DensityArguments]) -> DensityArguments:
    """Arguments of `density_map` by the name of a data set's recipe, or one's own.

    Raises:
        ConfigError: both of them or none, an unknown recipe, or see `DensityOptions`.
    """
    if recipe is None:
        DensityOptions(**own)
        return own
    recipes = density_recipes()
    check_choice('', '--recipe', recipe, recipes)
    if own:
        raise ConfigError(f'--recipe and --{min(own).replace("_", "-")}: give one of the two')
    return recipes[recipe]


def points_to_map(points_yx: np.ndarray | Sequence, size: tuple[int, int]) -> np.ndarray:
    """Mark the pixel that each point falls into.

    Args:
        points_yx: (n, 2) y and x of each point in pixels; n may be 0.
        size: (H, W) of the map.

    Returns:
        (H, W) bool.

    Raises:
        ShapeError: the points are not (n, 2).
        DataError: a point lies outside.
    """
    return count_points(points_yx, size) > 0


def count_points(points_yx: np.ndarray | Sequence, size: tuple[int, int]) -> np.ndarray:
    """How many points fall into each pixel, (H, W) int64; see `points_to_map`."""
    # Pixel 3 reaches from 3.0 to 4.0.
    return count_fixations(np.floor(np.asarray(points_yx, dtype=np.float64)), size)


def density_map(
    fixations: np.ndarray | Sequence,
    size: tuple[int, int] | None = None,
    **options: Unpack[DensityArguments],
) -> np.ndarray:
    """The density of fixations: a Gaussian summed over each of them.

    Args:
        fixations: (H, W) fixation map, each pixel that is not 0 counting once; or, with `size`,
            (n, 2) points y and x in pixels, each counting as often as it is given.
        size: (H, W) of the frame that the points lie in.
        **options: those of `DensityOptions`, such as `sigma_px=12`.

    Returns:
        (H, W) float32, zero everywhere where there is no fixation.

    Raises:
        ConfigError: arguments that do not go together, or are not above 0.
        ShapeError: neither a map nor points with a size.
        DataError: a point outside of the frame.
    """
    if size is not None:
        counts = count_points(fixations, size)
    else:
        counts = np.asarray(fixations)
        if counts.ndim != 2 or (counts.shape[1] == 2 and counts.dtype != bool):
            raise ShapeError(
                f'density_map: expected a fixation map (H, W), or points (n, 2) with size=(H, W), '
                f'got {counts.shape} without size'
            )
        counts = counts > 0
    return density_of(counts, DensityOptions(**options))
