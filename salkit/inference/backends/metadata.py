"""What an exported file says about itself. Nothing here needs PyTorch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import CheckpointError, ConfigError
from ...media.clips import ClipSettings

# Where an exported file keeps `ExportMetadata` as JSON.
METADATA_KEY = 'salkit'
# The names of the model's input and output.
INPUT, OUTPUT = 'clip', 'saliency_map'


def sized(settings: ClipSettings) -> tuple[int, int]:
    """(rows, columns) of the clips of an exported model, which always have a size.

    Raises:
        ConfigError: these settings have none.
    """
    if settings.size is None:
        raise ConfigError(
            f'{settings.name}: its clips have no size of their own, and an exported model needs '
            'one: give --size ROWSxCOLUMNS'
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
            text: the entry; None or empty where the file has none.
            source: the file, for the error.

        Raises:
            CheckpointError: no such entry, or not one of salkit's.
        """
        if not text:
            raise CheckpointError(
                f'{source}: expected a model that salkit exported, but its metadata has no entry '
                f'{METADATA_KEY!r} with the size, length and normalization of clips'
            )
        try:
            content = json.loads(text)
            known = {f.name for f in dataclasses.fields(cls)}
            # A later salkit may say more.
            values = {key: value for key, value in content.items() if key in known}
            found = cls(**{**values, 'clip': ClipSettings.from_json(content['clip'])})
            sized(found.clip)
            np.asarray((found.clip.pixel_mean, found.clip.pixel_std), np.float32)
        except (AttributeError, ConfigError, KeyError, RecursionError, TypeError, ValueError) as e:
            raise CheckpointError(
                f'{source}: its metadata entry {METADATA_KEY!r} is broken or of another salkit '
                f'({type(e).__name__}: {e})'
            ) from e
        return found
