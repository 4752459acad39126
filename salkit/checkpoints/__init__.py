"""Weights in files: read safely, fitted strictly, written whole, converted either way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..utils.lazy import on_first_use
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

__getattr__, __dir__ = on_first_use(__name__, _HOMES)
