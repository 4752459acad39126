"""Runs a model in an ONNX file with ONNX Runtime: neither PyTorch nor mmengine is needed."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import CheckpointError, ConfigError, one_line
from ...utils.input_files import check_input_file
from ...utils.parallel import threads_to_use
from ...utils.threads import run_interruptibly
from .exported import INPUT, METADATA_KEY, OUTPUT, ExportedBackend, import_runtime


class OnnxBackend(ExportedBackend):
    """A model that `salkit export` wrote: it maps normalized clips to maps.

    Where a file of the same name with `.data` behind it belongs to it, both lie in one folder. The
    device 'auto' is a GPU where this onnxruntime has one, else the CPU.

    Attributes:
        session: the `onnxruntime.InferenceSession`.

    Raises:
        CheckpointError: a file that is missing, broken, or not from salkit.
        ConfigError: onnxruntime is not installed, or cannot use the device.
    """

    engine = 'onnxruntime'

    def __init__(self, path: str | Path, device: str = 'auto') -> None:
        check_input_file(path, CheckpointError)
        match = re.fullmatch(r'(auto|cpu|cuda)(?::(\d+))?', device)
        if not match:
            raise ConfigError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:N', got {device!r}")
        gpu = int(match[2] or 0)
        self._runtime = runtime = import_runtime('onnxruntime')
        providers: list[object] = ['CPUExecutionProvider']
        if match[1] != 'cpu' and 'CUDAExecutionProvider' in runtime.get_available_providers():
            providers.insert(0, ('CUDAExecutionProvider', dict(device_id=gpu)))
        options = runtime.SessionOptions()
        # Errors come as exceptions; what it warns of, users cannot mend.
        options.log_severity_level = 4
        options.intra_op_num_threads = threads_to_use()
        # Its threads wait asleep: they would take the cores from what decodes and writes.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        try:
            # Files that hold its weights are looked for in its folder and nowhere else.
            # Constant parts of the graph are computed now, and may take as long.
            opened = partial(runtime.InferenceSession, str(path), options, providers=providers)
            self.session = run_interruptibly(opened)
            entries = self.session.get_modelmeta().custom_metadata_map
            inputs, outputs = (
                [(entry.name, entry.shape) for entry in ends]
                for ends in (self.session.get_inputs(), self.session.get_outputs())
            )
        # Each kind of damage has an exception class of its own.
        except Exception as error:
            raise CheckpointError(
                f'{path}: cannot be read as an ONNX model ({one_line(error)[:400]})'
            ) from error
        on_gpu = self.session.get_providers()[0].startswith('CUDA')
        if match[1] == 'cuda' and not on_gpu:
            raise ConfigError(
                f'device {device!r}: this onnxruntime cannot use CUDA; that needs onnxruntime-gpu '
                'instead of it, and libraries that fit'
            )
        self.device = f'cuda:{gpu}' if on_gpu else 'cpu'
        super().__init__(entries.get(METADATA_KEY), (inputs, outputs), path)

    def _run(self, clip: np.ndarray) -> np.ndarray:
        options = self._runtime.RunOptions()
        options.log_severity_level = 4

        def end() -> None:
            # A graph may have loops without an end.
            options.terminate = True

        run = partial(self.session.run, [OUTPUT], {INPUT: clip}, options)
        return run_interruptibly(run, end)[0]
