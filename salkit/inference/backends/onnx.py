"""Runs a model in an ONNX file with ONNX Runtime: neither PyTorch nor mmengine is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CheckpointError, ConfigError, one_line
from .exported_file import INPUT, METADATA_KEY, OUTPUT, ExportMetadata, FileBackend, check_file


def import_runtime() -> Any:
    """The module `onnxruntime`.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError(
            f'ONNX files need onnxruntime, which cannot be imported ({one_line(error)}): '
            "pip install 'salkit[onnx]'"
        ) from error
    return onnxruntime


def _providers(runtime: Any, device: str) -> list[Any]:
    """What ONNX Runtime is asked to run on, the fallback last."""
    match = re.fullmatch(r'(auto|cpu|cuda)(?::(\d+))?', device)
    if not match:
        raise ConfigError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:N', got {device!r}")
    kind, index = match[1], int(match[2] or 0)
    available = 'CUDAExecutionProvider' in runtime.get_available_providers()
    if kind == 'cuda' and not available:
        raise ConfigError(
            f'device {device!r}: this onnxruntime runs on the CPU only, a GPU needs '
            'onnxruntime-gpu instead of it'
        )
    if kind == 'cpu' or not available:
        return ['CPUExecutionProvider']
    return [('CUDAExecutionProvider', dict(device_id=index)), 'CPUExecutionProvider']


class OnnxBackend(FileBackend):
    """A model that `salkit export` wrote as .onnx.

    Args:
        path: of the file. Where a file of the same name with `.data` behind it belongs to it, both
            lie in one folder.
        device: 'auto' (a GPU where this onnxruntime has one, else the CPU), 'cpu', 'cuda:0'.

    Attributes:
        session: the `onnxruntime.InferenceSession`.

    Raises:
        CheckpointError: a file that is missing, broken, or not from salkit.
        ConfigError: onnxruntime is not installed, or cannot use the device.
    """

    def __init__(self, path: str | Path, device: str = 'auto') -> None:
        path = check_file(path)
        runtime = import_runtime()
        providers = _providers(runtime, device)
        options = runtime.SessionOptions()
        # Errors come as exceptions; what it warns of, users cannot mend.
        options.log_severity_level = 4
        try:
            self.session = runtime.InferenceSession(str(path), options, providers=providers)
        # Each kind of damage has an exception class of its own.
        except Exception as error:
            raise CheckpointError(
                f'{path}: cannot be read as an ONNX model ({one_line(error)[:400]})'
            ) from error
        entries = self.session.get_modelmeta().custom_metadata_map
        self._describe(ExportMetadata.from_text(entries.get(METADATA_KEY), path))
        inputs = {value.name: value.shape for value in self.session.get_inputs()}
        outputs = [value.name for value in self.session.get_outputs()]
        if list(inputs) != [INPUT] or outputs != [OUTPUT]:
            raise CheckpointError(
                f'{path}: maps {", ".join(inputs)} to {", ".join(outputs)}, expected {INPUT} to '
                f'{OUTPUT}'
            )
        self.check_shape(inputs[INPUT], path)
        on_gpu = self.session.get_providers()[0].startswith('CUDA')
        if device.startswith('cuda') and not on_gpu:
            raise ConfigError(
                f'device {device!r}: onnxruntime could not start CUDA; its libraries must fit'
            )
        self.device = f'cuda:{providers[0][1]["device_id"]}' if on_gpu else 'cpu'

    def run(self, clip: np.ndarray) -> np.ndarray:
        """See `FileBackend`."""
        return self.session.run([OUTPUT], {INPUT: clip})[0]
