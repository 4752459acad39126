"""Writing a program as ONNX.

onnx, onnxscript and its onnx_ir are optional, so that they are imported where they are used.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch.onnx import ONNXProgram

from ...errors import ConfigError, one_line
from ..backends.metadata import INPUT, METADATA_KEY, OUTPUT, ExportMetadata
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


def to_onnx(
    program: torch.export.ExportedProgram, dynamic_batch: bool, opset: int | None = None
) -> ONNXProgram:
    """Translate a program.

    Args:
        program: from `trace`.
        dynamic_batch: see there; the number of clips is called 'batch' then.
        opset: version of the ONNX operators; None for the exporter's choice.
    """
    with quiet():
        translated = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: 'batch'},) if dynamic_batch else None,
            opset_version=opset,
            verbose=False,
        )
    if translated is None:
        raise ConfigError('PyTorch gave no ONNX program')
    return translated


def write_onnx(translated: ONNXProgram, path: Path, metadata: ExportMetadata) -> list[Path]:
    """Write a model; one whose weights are too large for a file gets a second one, `<name>.data`.

    Args:
        translated: from `to_onnx`.
        path: of the .onnx file.
        metadata: what it says about itself.

    Returns:
        The files, the one to be opened last.
    """
    import onnx_ir as ir

    model = translated.model
    model.metadata_props[METADATA_KEY] = metadata.to_text()
    constants = [value.const_value for value in model.graph.initializers.values()]
    size = sum(constant.nbytes for constant in constants if constant is not None)
    if size < LARGEST_FILE:
        ir.save(model, path)
        return [path]
    data = path.with_name(f'{path.name}.data')
    ir.save(model, path, external_data=data.name)
    return [data, path]
