"""Runs a model in an ONNX file with ONNX Runtime: neither PyTorch nor mmengine is needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from ...errors import CheckpointError, ConfigError, ShapeError, one_line
from .base import Backend
from .metadata import INPUT, METADATA_KEY, OUTPUT, ExportMetadata, sized


def import_runtime() -> ModuleType:
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


def _providers(runtime: ModuleType, device: str) -> tuple[list[str], int]:
    """What ONNX Runtime is asked to run on, the fallback last; and the number of the GPU."""
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
        return ['CPUExecutionProvider'], index
    return ['CUDAExecutionProvider', 'CPUExecutionProvider'], index


class OnnxBackend(Backend[np.ndarray]):
    """A model that `salkit export` wrote: it maps normalized clips to maps.

    Args:
        path: of the .onnx file. Where a file of the same name with `.data` behind it belongs to it,
            both lie in one folder.
        device: 'auto' (a GPU where this onnxruntime has one, else the CPU), 'cpu', 'cuda:0'.

    Attributes:
        session: the `onnxruntime.InferenceSession`.
        metadata: what the file says about itself.

    Raises:
        CheckpointError: a file that is missing, broken, or not from salkit.
        ConfigError: onnxruntime is not installed, or cannot use the device.
    """

    def __init__(self, path: str | Path, device: str = 'auto') -> None:
        path = Path(path)
        if not path.is_file():
            what = 'is a folder, expected' if path.is_dir() else 'does not exist; expected'
            raise CheckpointError(f'{path}: {what} a file that `salkit export` wrote')
        runtime = import_runtime()
        providers, gpu = _providers(runtime, device)
        options = runtime.SessionOptions()
        # Errors come as exceptions; what it warns of, users cannot mend.
        options.log_severity_level = 4
        try:
            self.session = runtime.InferenceSession(
                str(path),
                options,
                providers=providers,
                provider_options=[dict(device_id=gpu), {}][-len(providers) :],
            )
        # Each kind of damage has an exception class of its own.
        except Exception as error:
            raise CheckpointError(
                f'{path}: cannot be read as an ONNX model ({one_line(error)[:400]})'
            ) from error
        on_gpu = self.session.get_providers()[0].startswith('CUDA')
        if device.startswith('cuda') and not on_gpu:
            raise ConfigError(
                f'device {device!r}: onnxruntime could not start CUDA; its libraries must fit'
            )
        self.device = f'cuda:{gpu}' if on_gpu else 'cpu'
        entries = self.session.get_modelmeta().custom_metadata_map
        self.metadata = ExportMetadata.from_text(entries.get(METADATA_KEY), path)
        self.settings = self.metadata.clip
        self.batch_size = None if self.metadata.dynamic_batch else 1
        self._size = sized(self.settings)
        self._mean, self._std = (
            np.asarray(values, np.float32)[:, None, None]
            for values in (self.settings.pixel_mean, self.settings.pixel_std)
        )
        self._check_ends(path)

    def _check_ends(self, path: Path) -> None:
        """Raise CheckpointError unless input and output are what the metadata says."""
        inputs = {value.name: tuple(value.shape) for value in self.session.get_inputs()}
        outputs = [value.name for value in self.session.get_outputs()]
        if list(inputs) != [INPUT] or outputs != [OUTPUT]:
            raise CheckpointError(
                f'{path}: maps {", ".join(inputs)} to {", ".join(outputs)}, expected {INPUT} to '
                f'{OUTPUT}'
            )
        expected = (3, self.settings.clip_len, *self._size)
        if inputs[INPUT][1:] != expected:
            raise CheckpointError(
                f'{path}: takes clips of shape {inputs[INPUT]}, but its metadata says '
                f'(B, {", ".join(map(str, expected))})'
            )

    def run(self, clip: np.ndarray) -> np.ndarray:
        """Map a normalized clip (B, 3, T, H, W) float32 to the saliency_map (B, H, W) float32."""
        return self.session.run([OUTPUT], {INPUT: clip})[0]

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """See `Backend`; the arithmetic of `ClipPreprocessor`, to the bit."""
        rows, columns = self._size
        if frame.shape != (rows, columns, 3):
            raise ShapeError(f'expected a frame ({rows}, {columns}, 3), got {frame.shape}')
        pixels = np.ascontiguousarray(frame.transpose(2, 0, 1), np.float32)
        pixels /= np.float32(255)
        pixels -= self._mean
        pixels /= self._std
        return pixels

    def predict(self, windows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """See `Backend`."""
        for window in windows:
            if len(window) != self.settings.clip_len:
                raise ShapeError(
                    f'expected clips of {self.settings.clip_len} frames, got {len(window)}'
                )
        # A model of batches of one takes the windows one after the other.
        step = self.batch_size or max(1, len(windows))
        parts = [windows[start : start + step] for start in range(0, len(windows), step)]
        clips = (np.stack([np.stack(window, axis=1) for window in part]) for part in parts)
        return np.concatenate([self.run(clip) for clip in clips])
