"""What all exported models share: the entry that describes them, and how clips are put together.

Nothing here needs PyTorch.
"""

from __future__ import annotations

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CheckpointError, ConfigError, ShapeError
from ...media.clips import ClipSettings
from .base import Backend

# Where an exported file keeps `ExportMetadata` as JSON.
METADATA_KEY = 'salkit'
# The names of the model's input and output.
INPUT, OUTPUT = 'clip', 'saliency_map'


@dataclass(frozen=True)
class ExportMetadata:
    """What an exported file tells about itself.

    Attributes:
        clip: how clips are cut, resized and normalised, maps finished.
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
    options: dict[str, Any] = field(default_factory=dict)

    def to_text(self) -> str:
        """As JSON, the inverse of `from_text`."""
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return json.dumps({**own, 'clip': self.clip.to_json()}, default=str)

    @classmethod
    def from_text(cls, text: str | None, source: str | Path) -> ExportMetadata:
        """Read the entry of a file.

        Args:
            text: the entry; None or empty where the file has none.
            source: the file, for the error.

        Raises:
            CheckpointError: no such entry, or not one of salkit's.
        """
        if not text:
            raise CheckpointError(
                f'{source}: is no model that salkit exported: its metadata has no entry '
                f'{METADATA_KEY!r}, which tells the size, length and normalisation of clips'
            )
        try:
            content = json.loads(text)
            known = {f.name for f in dataclasses.fields(cls)}
            # A later salkit may tell more.
            values = {key: value for key, value in content.items() if key in known}
            found = cls(**{**values, 'clip': ClipSettings.from_json(content['clip'])})
            found.clip.size[0], np.float32(found.clip.pixel_mean), np.float32(found.clip.pixel_std)
        except (AttributeError, ConfigError, KeyError, RecursionError, TypeError, ValueError) as e:
            raise CheckpointError(
                f'{source}: its metadata entry {METADATA_KEY!r} is broken or of another salkit '
                f'({type(e).__name__}: {e})'
            ) from e
        return found


def check_file(path: str | Path) -> Path:
    """The path of an exported model that exists.

    Raises:
        CheckpointError: it does not, or is a folder.
    """
    path = Path(path)
    if not path.is_file():
        what = 'is a folder, expected' if path.is_dir() else 'does not exist; expected'
        raise CheckpointError(f'{path}: {what} a file that `salkit export` wrote')
    return path


class FileBackend(Backend):
    """A model in one file, which takes normalised clips and gives maps.

    Attributes:
        metadata: what the file tells about itself.
    """

    metadata: ExportMetadata

    def _describe(self, metadata: ExportMetadata) -> None:
        self.metadata, self.settings = metadata, metadata.clip
        self.batch_size = None if metadata.dynamic_batch else 1
        self._mean, self._std = (
            np.asarray(values, np.float32)[:, None, None]
            for values in (self.settings.pixel_mean, self.settings.pixel_std)
        )

    def check_shape(self, shape: Sequence[Any], path: Path) -> None:
        """Raise CheckpointError unless a file's input is what its metadata tells."""
        expected = (3, self.settings.clip_len, *self.settings.size)
        if tuple(shape[1:]) != expected:
            raise CheckpointError(
                f'{path}: takes clips of shape {tuple(shape)}, but its metadata tells of '
                f'(B, {", ".join(map(str, expected))})'
            )

    @abstractmethod
    def run(self, clip: np.ndarray) -> np.ndarray:
        """Map a normalised clip (B, 3, T, H, W) float32 to the saliency_map (B, H, W) float32."""

    def prepare(self, frame: np.ndarray) -> np.ndarray:
        """See `Backend`; the arithmetic of `ClipPreprocessor`, to the bit."""
        if tuple(frame.shape) != (*self.settings.size, 3):
            rows, columns = self.settings.size
            raise ShapeError(f'expected a frame ({rows}, {columns}, 3), got {tuple(frame.shape)}')
        pixels = np.ascontiguousarray(frame.transpose(2, 0, 1), np.float32)
        pixels /= np.float32(255)
        pixels -= self._mean
        pixels /= self._std
        return pixels

    def predict(self, windows: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """See `Backend`."""
        settings = self.settings
        for window in windows:
            if len(window) != settings.clip_len:
                raise ShapeError(f'expected clips of {settings.clip_len} frames, got {len(window)}')
        # What a fixed batch does not fill is predicted and thrown away.
        step = self.batch_size or max(1, len(windows))
        maps = np.empty((len(windows), *settings.size), np.float32)
        for start in range(0, len(windows), step):
            part = windows[start : start + step]
            clip = np.zeros((step, 3, settings.clip_len, *settings.size), np.float32)
            for row, window in enumerate(part):
                for time, frame in enumerate(window):
                    clip[row, :, time] = frame
            maps[start : start + step] = self.run(clip)[: len(part)]
        return maps
