"""Makes ground truth: fixation maps from gaze, density maps from fixations."""

from ..options import DensityOptions
from .density import (
    DENSITY_RECIPES,
    density_arguments,
    density_map,
    points_to_map,
)
from .gaze_csv import Gaze, GazeRow, read_gaze_csv, read_gaze_rows
from .screen import fixation_points

__all__ = [
    'DENSITY_RECIPES',
    'DensityOptions',
    'Gaze',
    'GazeRow',
    'density_arguments',
    'density_map',
    'fixation_points',
    'points_to_map',
    'read_gaze_csv',
    'read_gaze_rows',
]
