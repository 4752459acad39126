"""The plugins that a file of weights was made with."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import CheckpointError, ConfigError, PluginWarning
from ..plugin import lacking_plugins


def plugins_in(checkpoint: Mapping[str, Any]) -> dict[str, str]:
    """Versions of the plugins that a checkpoint names, by distribution; none where it has no say.

    Args:
        checkpoint: what `read_checkpoint` gives.
    """
    meta = checkpoint.get('metadata') or checkpoint.get('meta') or {}
    plugins = meta.get('plugins')
    if isinstance(plugins, str):
        # The metadata of a .safetensors file is text.
        try:
            plugins = json.loads(plugins)
        except (ValueError, RecursionError):
            plugins = None
    if not isinstance(plugins, Mapping):
        return {}
    return {str(package): str(version) for package, version in plugins.items()}


@contextmanager
def naming_plugins(checkpoint: Mapping[str, Any]) -> Iterator[None]:
    """Add to an error which plugins of a checkpoint are not there.

    Raises:
        CheckpointError, ConfigError: what the block raises, and what is lacking.
    """
    try:
        yield
    except (CheckpointError, ConfigError) as error:
        lacking = lacking_plugins(plugins_in(checkpoint))
        if not lacking or lacking in str(error):
            raise
        raise type(error)(f'{error}; {lacking}') from error


def warn_of_plugins(checkpoint: Mapping[str, Any], source: str) -> None:
    """Warn where a checkpoint fits although its plugins are not there, or in another version."""
    lacking = lacking_plugins(plugins_in(checkpoint))
    if lacking:
        warnings.warn(f'{source}: {lacking}', PluginWarning, stacklevel=3)
