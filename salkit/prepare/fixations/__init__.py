"""Makes ground truth: fixation maps from gaze, density maps from fixations."""

from ...datasets.published import DensityArguments, density_recipes
from ...media.gaze_csv import GazeRow, read_gaze_rows
from ...utils.density_options import DensityOptions
from ..options import GazeReading
from .density import density_arguments, density_map, points_to_map
from .gaze import Gaze, read_gaze_csv
from .screen import fixation_points

__all__ = [
    'DENSITY_RECIPES',
    'DensityOptions',
    'Gaze',
    'GazeReading',
    'GazeRow',
    'density_arguments',
    'density_map',
    'density_recipes',
    'fixation_points',
    'points_to_map',
    'read_gaze_csv',
    'read_gaze_rows',
]


def __getattr__(name: str) -> dict[str, DensityArguments]:
    """`DENSITY_RECIPES`: those of plugins are known when it is asked for, not on import."""
    if name == 'DENSITY_RECIPES':
        return density_recipes()
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
