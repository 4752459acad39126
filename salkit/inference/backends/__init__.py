"""What runs a model: PyTorch, ONNX Runtime, or an exported program."""

from .base import Backend

__all__ = ['Backend']
