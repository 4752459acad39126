"""The one door through which weights come in and go out."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CheckpointError


def read_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a checkpoint without running any code from it.

    Args:
        path: a file written by `torch.save`, or a .safetensors file.
        map_location: as for `torch.load`.

    Returns:
        A dict with at least `state_dict`.

    Raises:
        CheckpointError: a missing file, something that is no checkpoint, or one that asks for more
            than tensors and plain values.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'{path}: the checkpoint does not exist')
    try:
        if path.suffix == '.safetensors':
            from safetensors.torch import load_file

            return dict(state_dict=load_file(path, device=str(map_location)))
        # Mapped files cost no memory beside the tensors that are really used.
        content = torch.load(
            path, map_location=map_location, weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except Exception as error:
        # Broken bytes surface as almost any error of pickle, zip or torch.
        reason = f'{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ""}'
        raise CheckpointError(
            f'{path}: cannot be read as a checkpoint; expected a .safetensors file, or one that '
            f'torch.save wrote and that holds only tensors and plain values ({reason[:160]})'
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get('state_dict', content), dict):
        raise CheckpointError(
            f'{path}: expected a dict with a state_dict, found a {type(content).__name__}'
        )
    if 'state_dict' not in content:
        if not content or not all(isinstance(value, Tensor) for value in content.values()):
            raise CheckpointError(f'{path}: holds no state_dict (keys: {list(content)[:5]})')
        content = dict(state_dict=content)
    return content


def load_weights(model: nn.Module, state_dict: dict[str, Tensor], source: str | Path) -> None:
    """Load every entry of `state_dict` into `model`; nothing may be left over or left out.

    Args:
        model: receives the weights.
        state_dict: its entries, with or without the prefix `module.`.
        source: named in errors.

    Raises:
        CheckpointError: missing or unexpected entries, or another shape; the model is unchanged.
    """
    given = {key.removeprefix('module.'): value for key, value in state_dict.items()}
    own = model.state_dict()
    problems = []
    for label, keys in (
        ('missing', [key for key in own if key not in given]),
        ('unexpected', [key for key in given if key not in own]),
    ):
        if keys:
            problems.append(f'{len(keys)} {label} entries, such as {keys[0]}')
    for key, value in given.items():
        if key in own and tuple(value.shape) != tuple(own[key].shape):
            problems.append(
                f'{key} has shape {tuple(value.shape)}, expected {tuple(own[key].shape)}'
            )
            break
    if problems:
        raise CheckpointError(f'{source}: does not fit the model: {"; ".join(problems)}')
    model.load_state_dict(given)


def write_checkpoint(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint so that the file is either complete or not there.

    It is streamed to a temporary file beside `path`, so a large model needs no second copy in
    memory, and then renamed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with open(temporary, 'wb') as file:
            torch.save(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
