"""Small files with the trained part of an encoder alone."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from salkit.checkpoints import read_checkpoint, write_safetensors
from salkit.errors import CheckpointError

from .wrapper import WrapperEncoder

# The metadata entry that says how the adapters are scaled, which their shapes do not tell.
SETTINGS = 'salkit_peft'


def _trained_entries(encoder: WrapperEncoder) -> dict[str, Tensor]:
    """The entries of the state dict that training changes, by name."""
    names = set(encoder.trained_names())
    # Norms that train count their statistics too.
    for path, module in encoder.named_modules():
        if any(f'{path}.{name}' in names for name, _ in module.named_parameters(recurse=False)):
            names |= {f'{path}.{name}' for name, _ in module.named_buffers(recurse=False)}
    return {key: value for key, value in encoder.state_dict().items() if key in names}


def _settings(encoder: WrapperEncoder) -> str:
    return json.dumps(getattr(encoder, 'settings', {}), sort_keys=True)


def save_adapters(encoder: WrapperEncoder, path: str | Path) -> int:
    """Write the parameters that train, and nothing of the rest.

    Args:
        encoder: a `LoRAEncoder`, or a `FrozenEncoder` that is unfrozen in part.
        path: the .safetensors file.

    Returns:
        The number of entries written.

    Raises:
        CheckpointError: nothing in the encoder trains.
    """
    entries = _trained_entries(encoder)
    if not entries:
        raise CheckpointError(f'{path}: not written, as nothing in the encoder trains')
    write_safetensors(entries, path, {SETTINGS: _settings(encoder)})
    return len(entries)


def load_adapters(encoder: WrapperEncoder, path: str | Path) -> None:
    """Load what `save_adapters` wrote into an encoder built alike; its base stays as it is.

    Raises:
        CheckpointError: a file of something else, of other layers, ranks or scales.
    """
    checkpoint = read_checkpoint(path)
    stored = checkpoint.meta.get(SETTINGS)
    if stored is None:
        raise CheckpointError(f'{path}: is no file of adapters that save_adapters wrote')
    if stored != _settings(encoder):
        raise CheckpointError(
            f'{path}: holds adapters with {stored}, the encoder has {_settings(encoder)}'
        )
    entries, own = checkpoint.weights, _trained_entries(encoder)
    for label, keys in (('no', own.keys() - entries.keys()), ('also', entries.keys() - own.keys())):
        if keys:
            raise CheckpointError(
                f'{path}: holds {label} {min(keys)} (and {len(keys) - 1} more like it); the '
                'encoder was built with other layers to train'
            )
    for key, value in own.items():
        if entries[key].shape != value.shape:
            raise CheckpointError(
                f'{path}: {key} has shape {tuple(entries[key].shape)}, expected '
                f'{tuple(value.shape)}'
            )
    encoder.load_state_dict(entries, strict=False)
