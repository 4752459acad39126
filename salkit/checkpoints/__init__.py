"""Weights in files: read safely, fitted strictly, written whole, converted either way."""

from .checkpoint import Checkpoint
from .finite import check_finite
from .fit import fit_weights, load_pretrained, load_weights
from .fit_report import FitReport
from .locate import find_best_checkpoint, locate
from .read import read_checkpoint
from .write import write_checkpoint, write_safetensors

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
