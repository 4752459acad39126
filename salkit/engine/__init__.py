"""mmengine's Runner with what training on today's torch needs."""

from .amp import BFloat16OptimWrapper
from .building import build_runner, find_latest_checkpoint
from .hooks import DumpMapsHook, EpochSeedHook, FiniteStepsHook, SafeCheckpointHook
from .runner import SaliencyRunner

__all__ = [
    'BFloat16OptimWrapper',
    'DumpMapsHook',
    'EpochSeedHook',
    'FiniteStepsHook',
    'SafeCheckpointHook',
    'SaliencyRunner',
    'build_runner',
    'find_latest_checkpoint',
]
