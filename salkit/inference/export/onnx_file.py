"""Writing a program as ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ...errors import ConfigError, one_line
from ..backends.exported_file import INPUT, METADATA_KEY, OUTPUT, ExportMetadata
from ..backends.onnx import import_runtime
from .graph import quiet

# A protobuf message, and with it an .onnx file, ends at 2 GiB; the graph needs some of it.
LARGEST_FILE = 2**31 - 2**26
# Lower ones lack operators that the exporter needs; PyTorch converts no further down.
OPSETS = range(18, 26)


def check_installed() -> None:
    """Raise ConfigError unless what writes and runs ONNX files is installed."""
    import_runtime()
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f'exporting to ONNX needs onnx and onnxscript ({one_line(error)}): '
            "pip install 'salkit[onnx]'"
        ) from error


def _name_batch(model: Any) -> None:
    """Call the number of clips 'batch' wherever a shape tells it, and not by a symbol."""
    import re

    import onnx_ir as ir

    symbol = model.graph.inputs[0].shape[0]
    if isinstance(symbol, int):
        return
    pattern = re.compile(rf'\b{re.escape(str(symbol.value))}\b')
    values = [*model.graph.inputs]
    for node in model.graph.all_nodes():
        values += node.outputs
    for value in values:
        if value.shape is None:
            continue
        value.shape = ir.Shape(
            pattern.sub('batch', str(d.value)) if isinstance(d, ir.SymbolicDim) and d.value else d
            for d in value.shape
        )


def to_onnx(program: torch.export.ExportedProgram, opset: int | None = None) -> Any:
    """Translate a program.

    Args:
        program: from `trace`.
        opset: version of the ONNX operators; None for the exporter's choice.

    Returns:
        PyTorch's `ONNXProgram`.
    """
    with quiet():
        translated = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=opset,
            verbose=False,
        )
    _name_batch(translated.model)
    return translated


def write_onnx(translated: Any, path: Path, metadata: ExportMetadata) -> list[Path]:
    """Write a model; one whose weights are too large for a file gets a second one, `<name>.data`.

    Args:
        translated: from `to_onnx`.
        path: of the .onnx file.
        metadata: what it tells about itself.

    Returns:
        The files, the one to be opened last.
    """
    import onnx_ir as ir

    model = translated.model
    model.metadata_props[METADATA_KEY] = metadata.to_text()
    size = sum(value.const_value.nbytes for value in model.graph.initializers.values())
    if size < LARGEST_FILE:
        ir.save(model, path)
        return [path]
    data = path.with_name(f'{path.name}.data')
    ir.save(model, path, external_data=data.name)
    return [data, path]
