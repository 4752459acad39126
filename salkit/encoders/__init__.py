"""Video foundation models as encoders."""

from .base import Encoder
from .umt import UMTEncoder

__all__ = ['Encoder', 'UMTEncoder']
