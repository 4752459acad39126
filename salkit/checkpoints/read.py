"""The one door through which weights come in from files."""

from __future__ import annotations

import argparse
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..errors import CheckpointError
from .checkpoint import Checkpoint
from .locate import locate

# Keys under which published files keep their weights, in the order they are looked for.
WRAPPERS = ('state_dict', 'model', 'module')
# What wrappers of a model put before every name.
PREFIXES = ('module.', 'model.', '_orig_mod.')


def read_checkpoint(
    source: str | Path, map_location: str | torch.device | None = 'cpu'
) -> Checkpoint:
    """Read a checkpoint without running any code from it.

    Args:
        source: what `locate` takes: a file written by `torch.save`, a .safetensors file, a work
            dir, or an address of either.
        map_location: as for `torch.load`.

    Returns:
        The weights, found below `state_dict`, `model` or `module` or at the top, and what else
        the file holds.

    Raises:
        CheckpointError: a missing file, something that is no checkpoint, or one that asks for more
            than tensors and plain values.
    """
    path = locate(source)
    try:
        if path.suffix == '.safetensors':
            with safe_open(path, framework='pt', device=str(map_location)) as file:
                found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                return Checkpoint(
                    _without_common_prefix(found), str(source), path, file.metadata() or {}
                )
        content = _load(path, map_location)
    except Exception as error:
        # Broken bytes surface as almost any error of pickle, zip or torch.
        reason = f'{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ""}'
        raise CheckpointError(
            f'{path}: cannot be read as a checkpoint; expected a .safetensors file, or one that '
            f'torch.save wrote and that holds only tensors and plain values ({reason[:160]})'
        ) from error
    weights = _weights_in(content)
    if weights is None or not isinstance(content, Mapping):
        held = f'keys: {list(content)[:5]}' if isinstance(content, Mapping) else type(content)
        raise CheckpointError(f'{path}: holds no state_dict of tensors ({held})')
    # A bare state dict has nothing beside the weights.
    bare = set(weights) == set(content)
    rest = {} if bare else {key: v for key, v in content.items() if key not in WRAPPERS}
    # Other codes may keep anything under this name; what salkit keeps there is a dict.
    meta = rest.get('meta')
    return Checkpoint(
        _without_common_prefix(weights),
        str(source),
        path,
        meta if isinstance(meta, dict) else {},
        rest,
    )


def _load(path: Path, map_location: str | torch.device | None) -> object:
    # Training scripts of the field store their command line beside the weights; a namespace holds
    # values and runs nothing.
    with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
        # About files whose values were pickled in a newer way; all that matters is checked.
        warnings.filterwarnings('ignore', 'Detected pickle protocol')
        # Mapped files cost no memory beside the tensors that are really used.
        return torch.load(
            path, map_location=map_location, weights_only=True, mmap=zipfile.is_zipfile(path)
        )


def _weights_in(content: object) -> dict[str, Tensor] | None:
    """The state dict inside `content`, or None."""
    while isinstance(content, Mapping) and content:
        if all(isinstance(value, Tensor) for value in content.values()):
            return {str(key): value for key, value in content.items()}
        inner = (content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping))
        content = next(inner, None)
    return None


def _without_common_prefix(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    while True:
        prefix = next((p for p in PREFIXES if all(key.startswith(p) for key in weights)), None)
        if prefix is None or not weights:
            return weights
        weights = {key.removeprefix(prefix): value for key, value in weights.items()}
