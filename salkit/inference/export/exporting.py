"""From a config and its weights to one checked file.

onnx, onnxscript and its onnx_ir are optional, so that they are imported where they are used.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.onnx import ONNXProgram

from ...checkpoints import Checkpoint
from ...errors import CheckpointError, ConfigError, ShapeError, one_line
from ...layers import fold_batch_norms
from ...models.load import build_model, find_model
from ...plugin import plugins_of
from ...utils.files import sha256_of
from ...utils.folders import unfinished_folder
from ...version import __version__
from ..backends.exported import (
    INPUT,
    METADATA_KEY,
    OUTPUT,
    ExportMetadata,
    import_runtime,
    sized,
)
from ..backends.onnx import OnnxBackend
from ..backends.torch import settings_of
from .agreement import Agreement, Bounds, compare, panned_clips, random_clips
from .options import ExportOptions, check_export_place
from .quantizing import quantize

# How far maps may lie from those of the model. docs/export.md says what was measured.
BOUNDS = {
    'float32': Bounds(1e-4),
    'float16': Bounds(2e-2, relative=True),
    'int8': Bounds(0.2, relative=True, cc=0.998),
}
# In int8, ranges of values are looked up on so many clips of these photographs, and the file is
# checked on others.
CALIBRATION, CALIBRATED_ON, CHECKED_ON = (1,) * 12, slice(0, 4), slice(4, None)
# Where PyTorch says of an operator which modules it comes from.
SCOPES = 'pkg.torch.onnx.name_scopes'
# A protobuf message, and with it an .onnx file, ends at 2 GiB; the graph needs some of it.
LARGEST_FILE = 2**31 - 2**26


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        path: the file to open.
        files: all files, its own last.
        metadata: what the file says about itself.
        agreement: how far it is from the model.
        opset: version of the ONNX operators.
    """

    path: Path
    files: tuple[Path, ...]
    metadata: ExportMetadata
    agreement: Agreement
    opset: int

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)


class ClipToMap(nn.Module):
    """A model with float32 at both ends, whatever it computes in.

    Args:
        model: a `SaliencyModel`; it is changed: parameters no longer ask for gradients.
        precision: what its weights become.
    """

    def __init__(self, model: nn.Module, precision: torch.dtype) -> None:
        super().__init__()
        # A mask that might need a gradient, such as the position bias of a window, has PyTorch
        # choose another attention when the graph is simplified than when it was traced; their
        # memory layouts do not agree.
        self.model = model.requires_grad_(False).to(precision)
        self.precision = precision

    def forward(self, clip: Tensor) -> Tensor:
        """Map a normalized clip (B, 3, T, H, W) to the saliency_map (B, H, W)."""
        return self.model(clip.to(self.precision)).float()


def export_model(
    config: str | Path | None,
    checkpoint: Checkpoint | str | Path | None,
    out: str | Path,
    export: ExportOptions | None = None,
    *,
    on_step: Callable[[str], object] = lambda step: None,
    **options: Any,
) -> Export:
    """Export the model of a config as ONNX and check the file against it.

    The file takes `clip` (B, 3, T, H, W) float32, normalized, and gives `saliency_map` (B, H, W)
    float32, before resizing to the frame and blurring. It appears under its name only when it
    agrees with the model.

    Args:
        config: file or name; or, in place of both, a checkpoint that says its config, such as a
            work dir, or the name of a model that comes with salkit. None as for `find_model`.
        checkpoint: what `salkit.build_model` takes.
        out: the .onnx file to write.
        export: what it is made like.
        on_step: called with what begins, in words.
        options: of `ExportOptions`, in place of `export`.

    Returns:
        What was written.

    Raises:
        ConfigError: a config, name, size or number that does not fit; no weights; a model that
            cannot be exported.
        CheckpointError: weights that do not fit the model, or a file that does not agree with it.
    """
    export = export or ExportOptions(**options)
    out = Path(out)
    check_export_place(out)
    import_runtime('onnxruntime', 'onnx', 'onnxscript')
    cfg, weights = find_model(config, checkpoint, export.options)
    export.check_weights(str(config or 'the default model'), weights is not None)
    source = None if weights is None else weights.path
    on_step('building the model')
    model = build_model(cfg, weights)
    settings, _ = settings_of(cfg, model)
    settings = dataclasses.replace(settings, size=export.size or settings.size, keep_shape=0)
    sized(settings)
    metadata = ExportMetadata(
        clip=settings,
        config=settings.name,
        checkpoint=None if source is None else source.name,
        checkpoint_sha256=None if source is None else sha256_of(source),
        salkit_version=__version__,
        precision=export.precision,
        dynamic_batch=export.dynamic_batch,
        plugins=plugins_of(cfg.model),
        options=dict(export.options),
    )
    on_step('predicting with the model')
    bounds = BOUNDS[metadata.precision]
    bounds = dataclasses.replace(bounds, difference=export.tolerance or bounds.difference)
    sizes = (1, 2, 3) if export.dynamic_batch else (1, 1, 1)
    clips = list(
        random_clips(settings, sizes)
        if bounds.cc is None
        else panned_clips(settings, sizes, CHECKED_ON)
    )
    try:
        with torch.no_grad():
            reference = [model(torch.from_numpy(clip)).numpy() for clip in clips]
    except ShapeError as error:
        raise ConfigError(f'{settings.name}: cannot be exported at this size: {error}') from error
    on_step('translating it')
    program = to_onnx(model, metadata, export.opset)
    with unfinished_folder(out.parent, out.name) as folder:
        on_step('writing it')
        in_int8 = metadata.precision == 'int8'
        nodes = encoder_nodes(program) if in_int8 else ()
        files = write_onnx(program, folder / ('float32' if in_int8 else out.name), metadata)
        opset = program.model.opset_imports['']
        # A large model is not to be in memory several times.
        del model, program
        if in_int8:
            on_step('quantizing it')
            calibration = panned_clips(settings, CALIBRATION, CALIBRATED_ON)
            files = [quantize(files, folder / out.name, nodes, calibration)]
        on_step('checking the file')
        backend = OnnxBackend(folder / out.name, 'cpu')
        agreement = compare(reference, map(backend.run, clips), bounds)
        if not agreement.holds:
            raise CheckpointError(
                f'{out}: not written, the exported model does not agree with the model: {agreement}'
            )
        if len(files) > 1:
            # An earlier graph must not be found beside the new weights.
            out.unlink(missing_ok=True)
        for path in files:
            os.replace(path, out.parent / path.name)
        placed = tuple(out.parent / path.name for path in files)
        return Export(out, placed, metadata, agreement, opset)


def to_onnx(model: nn.Module, metadata: ExportMetadata, opset: int | None = None) -> ONNXProgram:
    """Translate a `SaliencyModel` on the CPU, which gets the precision of the file."""
    # A batch of one would be taken for a constant.
    batch = 2 if metadata.dynamic_batch else 1
    example = torch.zeros(batch, 3, metadata.clip.clip_len, *sized(metadata.clip))
    precision = torch.float16 if metadata.precision == 'float16' else torch.float32
    clip_to_map = ClipToMap(model, precision).eval()
    # Half the graph of an EfficientNet, and what is quantized is what is computed.
    fold_batch_norms(clip_to_map)
    # What PyTorch and onnxscript note for their own developers is kept off the screen.
    logging.disable(logging.WARNING)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            program = torch.onnx.export(
                clip_to_map,
                (example,),
                dynamo=True,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: 'batch'},) if metadata.dynamic_batch else None,
                opset_version=opset,
                verbose=False,
            )
    except (OSError, MemoryError):
        raise
    # The exporters fail with errors of their own classes and of Python's.
    except Exception as error:
        cause = error.__cause__ or error
        raise ConfigError(
            f'{metadata.config}: PyTorch {torch.__version__} cannot export this model '
            f'({type(cause).__name__}: {one_line(cause)[:300]}); --traceback shows where'
        ) from error
    finally:
        logging.disable(logging.NOTSET)
    assert program is not None
    return program


def encoder_nodes(program: ONNXProgram) -> set[str]:
    """Names of the operators that the encoder of a `SaliencyModel` was translated to."""
    return {
        node.name
        for node in program.model.graph
        if node.name and "'model.encoder'" in node.metadata_props.get(SCOPES, '')
    }


def write_onnx(program: ONNXProgram, path: Path, metadata: ExportMetadata) -> list[Path]:
    """Write the files of a model, the one to be opened last.

    One whose weights are too large for a file has them in a second one, `<name>.data`.
    """
    import onnx_ir as ir

    model = program.model
    model.metadata_props[METADATA_KEY] = metadata.to_text()
    # PyTorch notes the lines of code, with their folders on this machine.
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
    constants = [value.const_value for value in model.graph.initializers.values()]
    size = sum(constant.nbytes for constant in constants if constant is not None)
    if size < LARGEST_FILE:
        ir.save(model, path)
        return [path]
    data = path.with_name(f'{path.name}.data')
    ir.save(model, path, external_data=data.name)
    return [data, path]
