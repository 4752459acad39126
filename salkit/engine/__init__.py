"""mmengine's Runner with what training on today's torch needs."""

from .amp import BFloat16OptimWrapper
from .building import build_runner, find_latest_checkpoint
from .hooks import (
    CachedFeaturesHook,
    DumpMapsHook,
    EpochLineHook,
    EpochSeedHook,
    FiniteStepsHook,
    SafeCheckpointHook,
    TrainingScalarsHook,
    ValidationPanelHook,
)
from .layer_decay import LayerDecayOptimWrapperConstructor
from .runner import SaliencyRunner
from .sharding import FSDP2
from .stopping import TrainingStopped

__all__ = [
    'FSDP2',
    'BFloat16OptimWrapper',
    'CachedFeaturesHook',
    'DumpMapsHook',
    'EpochLineHook',
    'EpochSeedHook',
    'FiniteStepsHook',
    'LayerDecayOptimWrapperConstructor',
    'SafeCheckpointHook',
    'SaliencyRunner',
    'TrainingScalarsHook',
    'TrainingStopped',
    'ValidationPanelHook',
    'build_runner',
    'find_latest_checkpoint',
]
