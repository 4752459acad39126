"""Prediction on anybody's videos.

Nothing here imports PyTorch or mmengine before a model needs it: an exported one needs neither.
"""

from __future__ import annotations

from .maps import SaliencyMaps
from .predictor import SaliencyPredictor
from .stimulus import Stimulus, open_stimulus

__all__ = ['SaliencyMaps', 'SaliencyPredictor', 'Stimulus', 'open_stimulus']
