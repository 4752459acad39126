"""Models as ONNX files that run without salkit, each one checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...utils.lazy import on_first_use
from .options import ExportOptions

if TYPE_CHECKING:
    from .agreement import Agreement
    from .exporting import Export, export_model

__all__ = ['Agreement', 'Export', 'ExportOptions', 'export_model']

# Imported on first use: what does not fit is found without PyTorch.
__getattr__, __dir__ = on_first_use(
    __name__, {'Agreement': 'agreement', 'Export': 'exporting', 'export_model': 'exporting'}
)
