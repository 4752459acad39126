"""Models as ONNX files that run without salkit, each one checked."""

from .agreement import Agreement
from .exporting import Export, ExportOptions, export_model

__all__ = ['Agreement', 'Export', 'ExportOptions', 'export_model']
