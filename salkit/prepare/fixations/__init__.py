"""Makes ground truth: fixation maps from gaze, density maps from fixations."""

from .density import DENSITY_RECIPES, density_map, points_to_map
from .gaze_csv import Gaze, fixation_points, read_gaze_csv

__all__ = [
    'DENSITY_RECIPES',
    'Gaze',
    'density_map',
    'fixation_points',
    'points_to_map',
    'read_gaze_csv',
]
