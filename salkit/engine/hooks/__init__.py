"""Hooks of the Runner, one a file."""

from .dump_maps import DumpMapsHook
from .epoch_seed import EpochSeedHook
from .safe_checkpoint import SafeCheckpointHook

__all__ = ['DumpMapsHook', 'EpochSeedHook', 'SafeCheckpointHook']
