"""What the engines that run exported models share: metadata, normalization, clips and maps."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from ...errors import CheckpointError, ConfigError, SalkitError, ShapeError, one_line
from ...media.clips import ClipSettings
from ...utils.parallel import Stopped
from . import Backend

# Names and shapes of a graph's inputs or outputs; a dimension that is free has no number.
Ends = list[tuple[str, list[object]]]

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
        precision: 'float32' or 'float16', of the weights and what is computed with them; 'int8' for
            those of the encoder, the rest in float32.
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


def import_runtime(*modules: str, extra: str = 'onnx') -> ModuleType:
    """Import optional modules, and give the first.

    Args:
        modules: their names.
        extra: of salkit, that installs them.

    Raises:
        ConfigError: one is not installed.
    """
    # Some of onnxruntime's packages tell their makers of every use, from their import on.
    os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
    try:
        first, *_ = (importlib.import_module(name) for name in modules)
    except ImportError as error:
        raise ConfigError(
            f"this needs {' and '.join(modules)} ({one_line(error)}): pip install 'salkit[{extra}]'"
        ) from error
    return first


class GraphBackend(Backend[np.ndarray]):
    """Runs a graph that maps normalized clips to maps, without PyTorch at prediction.

    Args:
        settings: what the model needs around it.
        source: what messages call the model.
    """

    def __init__(self, settings: ClipSettings, source: str) -> None:
        self.settings, self.source = settings, source
        self._mean, self._std = (
            np.asarray(values, np.float32)[:, None, None]
            for values in (settings.pixel_mean, settings.pixel_std)
        )

    @abstractmethod
    def _run(self, clip: np.ndarray) -> np.ndarray:
        """What the graph gives; it may fail in any way."""

    def run(self, clip: np.ndarray) -> np.ndarray:
        """Map a normalized clip (B, 3, T, H, W) float32 to the saliency_map (B, H, W) float32.

        Ctrl-C ends it.

        Raises:
            CheckpointError: a graph that cannot be run, or gives something else.
        """
        try:
            maps = self._run(clip)
        except (SalkitError, Stopped):
            raise
        # What a graph asks for may fail in any way.
        except Exception as error:
            raise CheckpointError(
                f'{self.source}: {self.engine} cannot run this model ({one_line(error)[:400]})'
            ) from error
        wanted = (len(clip), *clip.shape[-2:])
        if maps.shape != wanted or maps.dtype != np.float32:
            raise CheckpointError(
                f'{self.source}: expected maps {wanted} float32, got {maps.shape} {maps.dtype}'
            )
        return maps

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """See `Backend`; the arithmetic of `ClipPreprocessor`, to the bit."""
        pixels = np.ascontiguousarray(frame.transpose(2, 0, 1), np.float32)
        pixels /= np.float32(255)
        pixels -= self._mean
        pixels /= self._std
        return pixels

    def predict(self, windows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """See `Backend`."""
        channels, rows, columns = windows[0][0].shape
        clips = np.empty((len(windows), channels, len(windows[0]), rows, columns), np.float32)
        # Stacking twice would copy twice.
        for clip, window in zip(clips, windows, strict=True):
            np.stack(window, axis=1, out=clip)
        return self.run(clips)


class ExportedBackend(GraphBackend):
    """A model that `salkit export` wrote, whatever runs it.

    Args:
        text: the file's entry `METADATA_KEY`; None where it has none.
        sides: names and shapes of the graph's inputs, and of its outputs.
        path: the file.

    Attributes:
        metadata: what the file says about itself.

    Raises:
        CheckpointError: a graph that is not of salkit, or takes other clips than it says.
    """

    def __init__(self, text: str | None, sides: tuple[Ends, Ends], path: str | Path) -> None:
        self.metadata = ExportMetadata.from_text(text, path)
        super().__init__(self.metadata.clip, str(path))
        self._size = sized(self.settings)
        self.batch_size = None if self.metadata.dynamic_batch else 1
        wanted = [3, self.settings.clip_len, *self._size]
        inputs, outputs = sides
        names = [name for name, _ in inputs], [name for name, _ in outputs]
        if names != ([INPUT], [OUTPUT]) or inputs[0][1][1:] != wanted:
            raise CheckpointError(
                f'{path}: expected the input {INPUT} {["batch", *wanted]} and the output '
                f'{OUTPUT}, got {str(inputs + outputs)[:200]}'
            )

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        rows, columns = self._size
        if frame.shape != (rows, columns, 3):
            raise ShapeError(f'expected a frame ({rows}, {columns}, 3), got {frame.shape}')
        return super().prepare(frame)
