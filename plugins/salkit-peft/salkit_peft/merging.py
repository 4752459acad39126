"""From a checkpoint with adapters to one of the plain encoder's model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salkit import __version__, build_model, load_config
from salkit.checkpoints import locate, write_safetensors
from salkit.config.load import plain_config
from salkit.errors import CheckpointError, ConfigError

from .wrapper import WrapperEncoder


def merge_checkpoint(
    config: str | Path,
    checkpoint: str | Path,
    destination: str | Path,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Fold the adapters of a trained model into its encoder, and write it as a plain model.

    Args:
        config: path or name of the config it was trained with.
        checkpoint: its checkpoint or work dir.
        destination: the .safetensors file to write. It holds the whole model under the names of
            the config whose encoder is the wrapped one, and that model's config as metadata.
        options: overrides of the config.

    Returns:
        The config of the plain encoder.

    Raises:
        ConfigError: a config whose encoder is not wrapped.
        CheckpointError: a checkpoint that does not fit, or another name than .safetensors.
    """
    destination = Path(destination)
    if destination.suffix != '.safetensors':
        raise CheckpointError(f'{destination}: expected a name that ends in .safetensors')
    source = locate(checkpoint)
    if destination.exists() and destination.samefile(source):
        raise CheckpointError(f'{destination}: is the source itself')
    cfg = load_config(config, options)
    model = build_model(cfg, source)
    if not isinstance(model.encoder, WrapperEncoder):
        raise ConfigError(
            f'{config}: its encoder is a {type(model.encoder).__name__}, expected a LoRAEncoder or '
            'a FrozenEncoder'
        )
    plain = plain_config(cfg.model)
    while isinstance(model.encoder, WrapperEncoder):
        model.encoder, plain['encoder'] = model.encoder.merge(), plain['encoder']['encoder']
    metadata = dict(
        part='model',
        source=source.name,
        source_kind='salkit',
        salkit_version=__version__,
        model=json.dumps(plain),
    )
    write_safetensors(model.state_dict(), destination, metadata)
    return plain['encoder']
