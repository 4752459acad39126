"""Weights in files: read safely, fitted strictly, written whole, converted either way."""

from .fit import fit_weights, load_weights
from .io import read_checkpoint, write_checkpoint, write_safetensors
from .locate import find_best_checkpoint, locate
from .made_with import naming_plugins, plugins_in
from .report import FitReport

__all__ = [
    'FitReport',
    'find_best_checkpoint',
    'fit_weights',
    'load_weights',
    'locate',
    'naming_plugins',
    'plugins_in',
    'read_checkpoint',
    'write_checkpoint',
    'write_safetensors',
]
