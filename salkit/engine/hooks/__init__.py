"""Hooks of the Runner, one a file."""

from .dump_maps import DumpMapsHook
from .epoch_seed import EpochSeedHook
from .finite_steps import FiniteStepsHook
from .safe_checkpoint import SafeCheckpointHook

__all__ = ['DumpMapsHook', 'EpochSeedHook', 'FiniteStepsHook', 'SafeCheckpointHook']
