"""mmengine's Runner with what training on today's torch needs."""

from .amp import BFloat16OptimWrapper
from .building import build_runner, find_latest_checkpoint
from .hooks import DumpMapsHook, EpochSeedHook, SafeCheckpointHook
from .runner import SaliencyRunner
from .sharding import FSDP2

__all__ = [
    'FSDP2',
    'BFloat16OptimWrapper',
    'DumpMapsHook',
    'EpochSeedHook',
    'SafeCheckpointHook',
    'SaliencyRunner',
    'build_runner',
    'find_latest_checkpoint',
]
