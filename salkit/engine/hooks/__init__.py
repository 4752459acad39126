"""Hooks of the Runner, one a file."""

from .cached_features import CachedFeaturesHook
from .dump_maps import DumpMapsHook
from .epoch_line import EpochLineHook
from .epoch_seed import EpochSeedHook
from .finite_steps import FiniteStepsHook
from .safe_checkpoint import SafeCheckpointHook
from .training_scalars import TrainingScalarsHook
from .validation_panel import ValidationPanelHook

__all__ = [
    'CachedFeaturesHook',
    'DumpMapsHook',
    'EpochLineHook',
    'EpochSeedHook',
    'FiniteStepsHook',
    'SafeCheckpointHook',
    'TrainingScalarsHook',
    'ValidationPanelHook',
]
