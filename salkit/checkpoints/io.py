"""The one door through which weights come in from files and go out to them."""

from __future__ import annotations

import argparse
import os
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError, one_line
from ..utils.files import whole_file
from .locate import locate

# Keys under which published files keep their weights, in the order they are looked for.
WRAPPERS = ('state_dict', 'model', 'module')
# What wrappers of a model put before every name.
PREFIXES = ('module.', 'model.', '_orig_mod.')


def _weights_in(content: Any) -> dict[str, Tensor] | None:
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
        if prefix is None:
            return weights
        weights = {key.removeprefix(prefix): value for key, value in weights.items()}


def read_checkpoint(source: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a checkpoint without running any code from it.

    Args:
        source: what `locate` takes: a file written by `torch.save`, a .safetensors file, a work
            dir, or an address of either.
        map_location: as for `torch.load`.

    Returns:
        A dict with `state_dict`, the weights by name, found below `state_dict`, `model` or
        `module` or at the top, without a prefix such as `module.` that all names share; `metadata`
        of a .safetensors file; beside them whatever else the file holds.

    Raises:
        CheckpointError: a missing file, something that is no checkpoint, or one that asks for more
            than tensors and plain values.
    """
    path = locate(source)
    try:
        if path.suffix == '.safetensors':
            from safetensors import safe_open

            with safe_open(path, framework='pt', device=str(map_location)) as file:
                content = dict(
                    state_dict={key: file.get_tensor(key) for key in file.keys()},  # noqa: SIM118
                    metadata=file.metadata() or {},
                )
        else:
            # Training scripts of the field store their command line beside the weights; a
            # namespace holds values and runs nothing.
            with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
                # About files whose values were pickled in a newer way; all that matters is checked.
                warnings.filterwarnings('ignore', 'Detected pickle protocol')
                # Mapped files cost no memory beside the tensors that are really used.
                content = torch.load(
                    path,
                    map_location=map_location,
                    weights_only=True,
                    mmap=zipfile.is_zipfile(path),
                )
    except Exception as error:
        # Broken bytes surface as almost any error of pickle, zip or torch.
        reason = f'{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ""}'
        raise CheckpointError(
            f'{path}: cannot be read as a checkpoint; expected a .safetensors file, or one that '
            f'torch.save wrote and that holds only tensors and plain values ({reason[:160]})'
        ) from error
    weights = _weights_in(content)
    if weights is None:
        found = f'keys: {list(content)[:5]}' if isinstance(content, dict) else type(content)
        raise CheckpointError(f'{path}: holds no state_dict of tensors ({found})')
    # A bare state dict has nothing beside the weights.
    rest = {} if set(weights) == set(content) else dict(content)
    for key in ('meta', 'metadata'):
        # Other codes may keep anything under these names; what salkit keeps there is a dict.
        if not isinstance(rest.get(key, {}), dict):
            del rest[key]
    return {**rest, 'state_dict': _without_common_prefix(weights)}


def separate(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as the .safetensors format wants them: contiguous, none in the memory of another."""
    separated, seen = {}, set()
    for key, value in weights.items():
        value = value.contiguous()
        memory = value.untyped_storage().data_ptr()
        separated[key] = value.clone() if memory in seen else value
        seen.add(memory)
    return separated


def _cannot_write(path: str | Path, error: Exception) -> OSError:
    return OSError(f'{path}: cannot be written ({one_line(error)[:160]})')


def _write(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it."""
    with whole_file(path) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        write(temporary)
        # safetensors makes files that only their owner may read.
        temporary.chmod(mode)
        with open(temporary, 'rb') as file:
            os.fsync(file.fileno())


def write_checkpoint(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Write with `torch.save` so that the file is either complete or not there.

    It is streamed to a temporary file beside `path`, so a large model needs no second copy in
    memory, and then renamed.
    """

    def write(temporary: Path) -> None:
        with open(temporary, 'wb') as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:
                # On a full disk, torch covers the error of the disk with one of its own.
                cause = error.__context__ if isinstance(error.__context__, OSError) else error
                raise _cannot_write(path, cause) from error

    _write(Path(path), write)


def write_safetensors(
    state_dict: Mapping[str, Tensor], path: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write weights as .safetensors so that the file is either complete or not there."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    weights = separate(state_dict)
    # Readers of the format, transformers among them, look for this entry.
    content = {'format': 'pt', **(metadata or {})}

    def write(temporary: Path) -> None:
        try:
            save_file(weights, temporary, content)
        except SafetensorError as error:
            raise _cannot_write(path, error) from error

    _write(Path(path), write)
