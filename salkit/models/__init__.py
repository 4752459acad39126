"""The model: preprocessing, encoder, decoder and losses as one module for the Runner."""

from .clip_preprocessor import ClipPreprocessor
from .load import build_model
from .postprocess import postprocess_map
from .saliency_model import SaliencyModel

__all__ = ['ClipPreprocessor', 'SaliencyModel', 'build_model', 'postprocess_map']
