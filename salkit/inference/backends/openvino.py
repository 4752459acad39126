"""Runs models with OpenVINO on a CPU: those that were exported, and those of configs."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import CheckpointError, ConfigError, one_line
from ...utils.input_files import open_input_file
from ...utils.parallel import threads_to_use
from ...utils.text import check_choice
from ...utils.threads import run_interruptibly
from .exported import METADATA_KEY, ExportedBackend, GraphBackend, import_runtime

if TYPE_CHECKING:
    from .torch import TorchBackend

# As OpenVINO calls what a CPU may compute in; what files hold is merged no more.
PRECISIONS = {'exact': 'f32', 'bf16': 'bf16', 'fast': 'bf16'}
OF_FILES = ('exact', 'bf16')
# PyTorch exports one model at a time in a process.
_CONVERTING = threading.Lock()


def import_openvino() -> ModuleType:
    """Import OpenVINO without the package that tells its makers of every import.

    Raises:
        ConfigError: it is not installed.
    """
    # OpenVINO does without where it is not installed, which is what None says.
    sys.modules.setdefault('openvino_telemetry', None)  # type: ignore[arg-type]
    return import_runtime('openvino', extra='openvino')


def _open_core(openvino: ModuleType) -> tuple[Any, list[str]]:
    """OpenVINO's `Core`, and what this CPU can compute in."""
    core = openvino.Core()
    return core, core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')


class _Compiler:
    """Compiles graphs for this CPU, and runs them."""

    def __init__(self, device: str, precision: str | None, known: Iterable[str]) -> None:
        if device not in ('auto', 'cpu'):
            raise ConfigError(f"device must be 'auto' or 'cpu' for openvino, got {device!r}")
        precision = 'exact' if precision is None else precision
        check_choice('openvino', 'precision', precision, tuple(known))
        # In a thread that ends: OpenVINO puts a stack for signals of its own under the thread that
        # asks it for a CPU first, and frees it wherever its last user is dropped. The next signal
        # to that thread, Ctrl-C or the end of a child, would end the process.
        self.core, able = run_interruptibly(partial(_open_core, import_openvino()))
        if precision != 'exact' and 'BF16' not in able:
            raise ConfigError(
                f'precision {precision}: this processor has no instructions for bfloat16 '
                '(AVX512-BF16 or AMX); expected exact'
            )
        self.precision = precision

    def compiled(self, graph: Any) -> Any:
        """An `openvino.Model`, which is changed, as what runs here."""
        enlarge_by_products(graph)
        options = dict(
            INFERENCE_PRECISION_HINT=PRECISIONS[self.precision],
            INFERENCE_NUM_THREADS=threads_to_use(),
            PERFORMANCE_HINT='LATENCY',
        )
        return run_interruptibly(partial(self.core.compile_model, graph, 'CPU', options))


def _infer(compiled: Any, clip: np.ndarray) -> np.ndarray:
    # A request runs one thing at a time, and predictors may be asked by several threads.
    request = compiled.create_infer_request()
    run_interruptibly(partial(request.infer, {0: clip}), request.cancel)
    return request.get_output_tensor(0).data


class OpenVINOBackend(ExportedBackend):
    """A model that `salkit export` wrote, as one file.

    The graph may hold operators of ONNX alone and none with a graph inside, which no model of
    salkit has: what OpenVINO does with such of strangers is not known.

    Args:
        path: of the .onnx file.
        device: 'auto' or 'cpu'.
        precision: 'exact' (None too) or 'bf16', what is computed in. What the file says is int8
            stays so.

    Raises:
        CheckpointError: a file that is missing, broken, or not from salkit.
        ConfigError: openvino or onnx is not installed, or an argument that does not fit.
    """

    engine = 'openvino'

    def __init__(
        self, path: str | Path, device: str = 'auto', precision: str | None = None
    ) -> None:
        with open_input_file(path, CheckpointError) as file:
            content = file.read()
        compiler = _Compiler(device, precision, OF_FILES)
        self.precision = compiler.precision
        text = _checked_entry(content, path)
        try:
            # From memory: nothing that the file names is opened.
            graph = run_interruptibly(partial(compiler.core.read_model, content))
            del content
            self._compiled = compiler.compiled(graph)
            inputs, outputs = (
                [(end.any_name, [_length(side) for side in end.partial_shape]) for end in ends]
                for ends in (self._compiled.inputs, self._compiled.outputs)
            )
        # Whatever its C++ makes of damage.
        except Exception as error:
            raise CheckpointError(
                f'{path}: cannot be read by openvino ({one_line(error)[:400]})'
            ) from error
        super().__init__(text, (inputs, outputs), path)

    def _run(self, clip: np.ndarray) -> np.ndarray:
        return _infer(self._compiled, clip)


class ConvertedBackend(GraphBackend):
    """A model of a config, converted in memory for clips of one shape after another.

    Args:
        backend: of the model on the CPU, not prepared; it is used up.
        precision: 'exact' (None too), 'bf16' or 'fast'.

    Raises:
        ConfigError: openvino is not installed, or an argument that does not fit.
    """

    engine = 'openvino'
    batch_size = 1

    def __init__(self, backend: TorchBackend, precision: str | None = None) -> None:
        # Of PyTorch, which exported models do without.
        from ...models.faster import merge_keys
        from ...models.precision import find_precision

        super().__init__(backend.settings, backend.source)
        self._compiler = _Compiler(backend.device, precision, PRECISIONS)
        self.precision, self.left_out = self._compiler.precision, backend.left_out
        self._model = backend.model
        merge_keys(self._model, find_precision(self.precision, backend.device))
        # The shape of clips, and what is compiled for it.
        self._ready: tuple[tuple[int, ...], Any] = ((), None)

    def _run(self, clip: np.ndarray) -> np.ndarray:
        shape, compiled = self._ready
        if clip.shape != shape:
            with _CONVERTING:
                shape, compiled = self._ready
                if clip.shape != shape:
                    compiled = self._compiler.compiled(_converted(self._model, clip.shape))
                    self._ready = clip.shape, compiled
        return _infer(compiled, clip)


def enlarge_by_products(graph: Any) -> int:
    """Have matrix products enlarge what has one channel, as a saliency map.

    The same values but for rounding, in a fifth of the time: OpenVINO resizes pixel by pixel, which
    was a sixth of all of lite0.

    Args:
        graph: an `openvino.Model`, changed in place.

    Returns:
        How many were changed.
    """
    opset = importlib.import_module('openvino.opset13')
    changed = 0
    for node in graph.get_ordered_ops():
        if node.get_type_name() != 'Interpolate':
            continue
        small, large = (
            [_length(side) for side in end.get_partial_shape()[1:]]
            for end in (node.input(0), node.output(0))
            if end.get_partial_shape().rank.is_static
        )
        told = node.get_attributes()
        if (
            len(small) != 3
            or small[0] != 1
            or None in (*small, *large)
            or told.get('mode') not in ('linear', 'linear_onnx')
            or told.get('coordinate_transformation_mode') != 'half_pixel'
            or told.get('antialias')
            or any(told['pads_begin'] + told['pads_end'])
        ):
            continue
        down, across = (
            opset.constant(_linear(*lengths)) for lengths in zip(small[1:], large[1:], strict=True)
        )
        rows = opset.matmul(down, node.input_value(0), False, False)
        node.output(0).replace(opset.matmul(rows, across, False, True).output(0))
        changed += 1
    graph.validate_nodes_and_infer_types()
    return changed


def _linear(count: int, wanted: int) -> np.ndarray:
    """The matrix (wanted, count) float32 that resizes linearly, as `align_corners=False` does."""
    places = np.clip((np.arange(wanted) + 0.5) * count / wanted - 0.5, 0, count - 1)
    distances = np.abs(places[:, None] - np.arange(count))
    return np.maximum(0, 1 - distances).astype(np.float32)


def _length(dimension: Any) -> Any:
    return dimension.get_length() if dimension.is_static else None


def _converted(model: Any, shape: tuple[int, ...]) -> Any:
    """A `SaliencyModel` as an `openvino.Model` for clips of one shape (B, 3, T, H, W)."""
    import torch

    openvino = import_openvino()
    try:
        # Tracing would miss what is computed from the shape.
        with torch.no_grad():
            program = torch.export.export(
                model.requires_grad_(False), (torch.zeros(shape),), strict=False
            )
        graph = openvino.convert_model(program)
        graph.reshape(list(shape))
    except (MemoryError, OSError):
        raise
    # Both fail with errors of their own classes and of Python's.
    except Exception as error:
        raise ConfigError(
            f'openvino cannot convert this model for clips {shape} '
            f'({type(error).__name__}: {one_line(error)[:300]})'
        ) from error
    return graph


def _checked_entry(content: bytes, path: str | Path) -> str | None:
    """The metadata of an ONNX file whose graph holds nothing but known operators and numbers.

    Raises:
        CheckpointError: it is broken, or holds something else.
    """
    onnx = import_runtime('onnx', extra='openvino')
    try:
        # Types, attributes and names fit the operators.
        model = onnx.load_from_string(content)
        for what in _strange(model):
            raise CheckpointError(f'{path}: {what}; openvino is given operators of ONNX alone')
        onnx.checker.check_model(content)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(
            f'{path}: cannot be read as an ONNX model ({one_line(error)[:400]})'
        ) from error
    return {entry.key: entry.value for entry in model.metadata_props}.get(METADATA_KEY)


def _strange(model: Any) -> Iterator[str]:
    """What of an `onnx.ModelProto` no model of salkit has."""
    graph = model.graph
    tensors = list(graph.initializer)
    if model.functions or model.training_info or graph.sparse_initializer:
        yield 'has functions, training information or sparse weights'
    for node in graph.node:
        if node.domain not in ('', 'ai.onnx'):
            yield f'has the operator {node.domain}.{node.op_type}'
        for attribute in node.attribute:
            if attribute.HasField('g') or attribute.graphs:
                yield f'has a graph inside of the operator {node.op_type}'
            if attribute.HasField('sparse_tensor') or attribute.sparse_tensors:
                yield f'has sparse values in the operator {node.op_type}'
            tensors += [attribute.t, *attribute.tensors]
    for tensor in tensors:
        if tensor.external_data or tensor.data_location:
            yield 'has weights in another file, where openvino is given one file'
