"""Weights in files: read safely, fitted strictly, written whole, converted either way."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .locate import find_best_checkpoint, locate

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .finite import check_finite
    from .fit import fit_weights, load_pretrained, load_weights
    from .fit_report import FitReport
    from .read import read_checkpoint
    from .write import write_checkpoint, write_safetensors

# Public name -> where it lives. Imported on first use: a file is found without PyTorch.
_HOMES = {
    'Checkpoint': 'checkpoint',
    'FitReport': 'fit_report',
    'check_finite': 'finite',
    'fit_weights': 'fit',
    'load_pretrained': 'fit',
    'load_weights': 'fit',
    'read_checkpoint': 'read',
    'write_checkpoint': 'write',
    'write_safetensors': 'write',
}
__all__ = [
    'Checkpoint',
    'FitReport',
    'check_finite',
    'find_best_checkpoint',
    'fit_weights',
    'load_pretrained',
    'load_weights',
    'locate',
    'read_checkpoint',
    'write_checkpoint',
    'write_safetensors',
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(f'.{_HOMES[name]}', __name__), name)
