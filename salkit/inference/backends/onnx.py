"""Runs a model in an ONNX file with ONNX Runtime: neither PyTorch nor mmengine is needed."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from ...errors import CheckpointError, ConfigError, ShapeError, one_line
from ...media.clips import ClipSettings
from ...utils.input_files import check_input_file
from ...utils.parallel import Stopped
from ...utils.threads import run_interruptibly
from . import Backend

# Where an exported file keeps `ExportMetadata` as JSON.
METADATA_KEY = 'salkit'
# The names of the model's input and output.
INPUT, OUTPUT = 'clip', 'saliency_map'
# Of the metadata; that of salkit has some 1,000.
MOST_LETTERS = 1_000_000


def sized(settings: ClipSettings) -> tuple[int, int]:
    """(rows, columns) of the clips of an exported model, which always have a size.

    Raises:
        ConfigError: these settings have none.
    """
    if settings.size is None:
        raise ConfigError(
            f'{settings.name}: its clips have no size of their own, and an exported model needs '
            'one: give --size WIDTHxHEIGHT'
        )
    return settings.size


@dataclass(frozen=True)
class ExportMetadata:
    """What an exported file says about itself.

    Attributes:
        clip: how clips are cut, resized and normalized, maps finished.
        config: name of the config.
        checkpoint: name of the weights' file; None for random weights.
        checkpoint_sha256: its sha256; None likewise.
        salkit_version: of the salkit that exported.
        precision: 'float32' or 'float16', of the weights and what is computed with them.
        dynamic_batch: whether it takes any number of clips at once, or one.
        plugins: versions by distribution of the plugins whose parts are in it; running it needs
            none of them.
        options: what `--cfg-options` changed in the config.
    """

    clip: ClipSettings
    config: str
    checkpoint: str | None
    checkpoint_sha256: str | None
    salkit_version: str
    precision: str = 'float32'
    dynamic_batch: bool = False
    plugins: dict[str, str] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)

    def to_text(self) -> str:
        """As JSON, the inverse of `from_text`."""
        return json.dumps(dataclasses.asdict(self), default=str)

    @classmethod
    def from_text(cls, text: str | None, source: str | Path) -> ExportMetadata:
        """Read the entry of a file.

        Args:
            text: the entry; None where the file has none.
            source: the file, for the error.

        Raises:
            CheckpointError: no such entry, or not one of salkit's.
        """
        expected = f'{source}: expected a model that salkit exported, but its metadata'
        if not text or len(text) > MOST_LETTERS:
            raise CheckpointError(
                f'{expected} has no entry {METADATA_KEY!r} of at most {MOST_LETTERS} letters with '
                'the size, length and normalization of clips'
            )
        try:
            content = json.loads(text)
            # A later salkit may say more.
            values = {f.name: content[f.name] for f in dataclasses.fields(cls) if f.name in content}
            found = cls(**{**values, 'clip': ClipSettings.from_json(content['clip'])})
            sized(found.clip)
        except (AttributeError, ConfigError, KeyError, RecursionError, TypeError, ValueError) as e:
            raise CheckpointError(
                f'{expected} entry {METADATA_KEY!r} is broken '
                f'({type(e).__name__}: {one_line(e)[:200]})'
            ) from e
        return found


def import_runtime(*modules: str) -> ModuleType:
    """Import optional modules, and give the first.

    Raises:
        ConfigError: one is not installed.
    """
    # Some of onnxruntime's packages tell their makers of every use, from their import on.
    os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
    try:
        first, *_ = (importlib.import_module(name) for name in modules)
    except ImportError as error:
        raise ConfigError(
            f'ONNX files need {" and ".join(modules)} ({one_line(error)}): '
            "pip install 'salkit[onnx]'"
        ) from error
    return first


class OnnxBackend(Backend[np.ndarray]):
    """A model that `salkit export` wrote: it maps normalized clips to maps.

    Where a file of the same name with `.data` behind it belongs to it, both lie in one folder. The
    device 'auto' is a GPU where this onnxruntime has one, else the CPU.

    Attributes:
        session: the `onnxruntime.InferenceSession`.
        metadata: what the file says about itself.

    Raises:
        CheckpointError: a file that is missing, broken, or not from salkit.
        ConfigError: onnxruntime is not installed, or cannot use the device.
    """

    def __init__(self, path: str | Path, device: str = 'auto') -> None:
        self.source = str(check_input_file(path, CheckpointError))
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
        # Its threads wait asleep: they would take the cores from what decodes and writes.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        try:
            # Files that hold its weights are looked for in its folder and nowhere else.
            # Constant parts of the graph are computed now, and may take as long.
            opened = partial(runtime.InferenceSession, str(path), options, providers=providers)
            self.session = run_interruptibly(opened)
            entries = self.session.get_modelmeta().custom_metadata_map
            sides = [
                [(entry.name, entry.shape) for entry in ends]
                for ends in (self.session.get_inputs(), self.session.get_outputs())
            ]
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
        self.metadata = ExportMetadata.from_text(entries.get(METADATA_KEY), path)
        self.settings = self.metadata.clip
        self._size = sized(self.settings)
        self._check_sides(*sides)
        self.batch_size = None if self.metadata.dynamic_batch else 1
        self._mean, self._std = (
            np.asarray(values, np.float32)[:, None, None]
            for values in (self.settings.pixel_mean, self.settings.pixel_std)
        )

    def run(self, clip: np.ndarray) -> np.ndarray:
        """Map a normalized clip (B, 3, T, H, W) float32 to the saliency_map (B, H, W) float32.

        A graph may have loops without an end, so that Ctrl-C has to end it.

        Raises:
            CheckpointError: a graph that cannot be run, or gives something else.
        """
        options = self._runtime.RunOptions()
        options.log_severity_level = 4

        def end() -> None:
            options.terminate = True

        run = partial(self.session.run, [OUTPUT], {INPUT: clip}, options)
        try:
            maps = run_interruptibly(run, end)[0]
        except Stopped:
            raise
        # What a graph asks for may fail in any way.
        except Exception as error:
            raise CheckpointError(
                f'{self.source}: onnxruntime cannot run this model ({one_line(error)[:400]})'
            ) from error
        wanted = (len(clip), *self._size)
        if maps.shape != wanted or maps.dtype != np.float32:
            raise CheckpointError(
                f'{self.source}: expected maps {wanted} float32, got {maps.shape} {maps.dtype}'
            )
        return maps

    def _check_sides(self, inputs: list[tuple], outputs: list[tuple]) -> None:
        """Raise CheckpointError unless the graph takes the clips that the metadata speaks of."""
        wanted = [3, self.settings.clip_len, *self._size]
        names = [name for name, _ in inputs], [name for name, _ in outputs]
        if names != ([INPUT], [OUTPUT]) or inputs[0][1][1:] != wanted:
            raise CheckpointError(
                f'{self.source}: expected the input {INPUT} {["batch", *wanted]} and the output '
                f'{OUTPUT}, got {str(inputs + outputs)[:200]}'
            )

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
        return self.run(np.stack([np.stack(window, axis=1) for window in windows]))
