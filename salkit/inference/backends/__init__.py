"""What runs a model: PyTorch, or ONNX Runtime."""

from .base import Backend, OutOfMemory

__all__ = ['Backend', 'OutOfMemory']
