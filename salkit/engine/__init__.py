"""mmengine's Runner with what training on today's torch needs."""

from .amp import BFloat16OptimWrapper
from .building import build_runner, find_latest_checkpoint
from .hooks import DumpMapsHook, EpochSeedHook, SafeCheckpointHook
from .runner import SaliencyRunner
from .stopping import TrainingStopped

__all__ = [
    'BFloat16OptimWrapper',
    'DumpMapsHook',
    'EpochSeedHook',
    'SafeCheckpointHook',
    'SaliencyRunner',
    'TrainingStopped',
    'build_runner',
    'find_latest_checkpoint',
]
