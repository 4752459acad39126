"""mmengine's Runner with what training on today's torch needs."""

from .amp import BFloat16OptimWrapper
from .building import build_runner, find_latest_checkpoint
from .hooks import DumpMapsHook, EpochSeedHook, SafeCheckpointHook
from .layer_decay import LayerDecayOptimWrapperConstructor
from .runner import SaliencyRunner

__all__ = [
    'BFloat16OptimWrapper',
    'DumpMapsHook',
    'EpochSeedHook',
    'LayerDecayOptimWrapperConstructor',
    'SafeCheckpointHook',
    'SaliencyRunner',
    'build_runner',
    'find_latest_checkpoint',
]
