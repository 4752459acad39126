"""Models as files that run without salkit: ONNX, and `torch.export` programs; each one checked."""

from .agreement import Agreement
from .exporting import Export, export_model

__all__ = ['Agreement', 'Export', 'export_model']
