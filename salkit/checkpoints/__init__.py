"""Reading and writing weights: safely, whole, and never in silence."""

from .io import load_weights, read_checkpoint, write_checkpoint

__all__ = ['load_weights', 'read_checkpoint', 'write_checkpoint']
