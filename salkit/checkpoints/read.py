"""The one door through which weights come in from files."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..errors import CheckpointError, printable, reason_of
from .checkpoint import Checkpoint
from .locate import locate
from .sharded import MODEL, RUN, read_shards
from .torch_files import load_torch_file

# Keys under which published files keep their weights, in the order they are looked for.
WRAPPERS = ('state_dict', 'model', 'module')
# What wrappers of a model put before every name.
PREFIXES = ('module.', 'model.', '_orig_mod.')
# Of the name of an entry; those of models have a hundred.
MOST_LETTERS = 1000
# Models have a thousand; reading and building take time for each.
MOST_ENTRIES = 10_000


def read_checkpoint(
    source: str | Path, map_location: str | torch.device | None = 'cpu'
) -> Checkpoint:
    """Read a checkpoint without running any code from it.

    Args:
        source: what `locate` takes: a file written by `torch.save`, a .safetensors file, a
            checkpoint in shards, a work dir, or an address of a file.
        map_location: as for `torch.load`.

    Returns:
        The weights, found below `state_dict`, `model` or `module` or at the top, and what else
        the file holds.

    Raises:
        CheckpointError: a missing file, something that is no checkpoint, or one that asks for more
            than tensors and plain values.
    """
    path = locate(source)
    rest: dict[str, object]
    meta: object
    try:
        size = sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path]))
        if path.is_dir():
            rest = _beside(load_torch_file(path / RUN, map_location), {})
            found, meta = read_shards(path, MODEL), rest.get('meta')
        elif path.suffix == '.safetensors':
            with safe_open(path, framework='pt', device=str(map_location)) as file:
                keys = file.keys()
                _check_count(keys)
                found = {key: file.get_tensor(key) for key in keys}
                meta = file.metadata()
            rest = {}
        else:
            content = load_torch_file(path, map_location)
            found = _weights_in(content)
            rest = _beside(content, found)
            # Other codes may keep anything under this name; what salkit keeps there is a dict.
            meta = rest.get('meta')
        _check_tensors(found, size)
    except CheckpointError as error:
        raise CheckpointError(f'{path}: {error}') from error
    except Exception as error:
        # Broken bytes surface as almost any error of pickle, zip or torch.
        reason = printable(f'{type(error).__name__}: {reason_of(error)}')
        raise CheckpointError(
            f'{path}: cannot be read as a checkpoint; expected a .safetensors file, or one that '
            f'torch.save wrote and that holds only tensors and plain values ({reason[:160]})'
        ) from error
    return Checkpoint(
        _without_common_prefix(found),
        str(source),
        path,
        meta if isinstance(meta, dict) else {},
        rest,
    )


def _weights_in(content: object) -> dict[str, Tensor]:
    """The state dict inside `content`.

    Raises:
        CheckpointError: there is none.
    """
    inside = content
    # A file may hold a dict that holds itself.
    for _ in range(1 + len(WRAPPERS)):
        if not isinstance(inside, Mapping) or not inside:
            break
        if all(isinstance(value, Tensor) for value in inside.values()):
            return {str(key): value for key, value in inside.items()}
        wrapped = (inside[key] for key in WRAPPERS if isinstance(inside.get(key), Mapping))
        inside = next(wrapped, None)
    held = f'keys: {list(content)[:5]}' if isinstance(content, Mapping) else str(type(content))
    raise CheckpointError(f'holds no state_dict of tensors ({held[:160]})')


def _beside(content: object, weights: Mapping[str, Tensor]) -> dict[str, object]:
    """What a file holds beside the weights; nothing where they are all of it."""
    if not isinstance(content, Mapping) or set(weights) == set(content):
        return {}
    return {key: value for key, value in content.items() if key not in WRAPPERS}


def _check_count(keys: Sized) -> None:
    if len(keys) > MOST_ENTRIES:
        raise CheckpointError(f'has {len(keys)} entries, expected at most {MOST_ENTRIES}')


def _check_tensors(weights: Mapping[str, Tensor], file_size: int) -> None:
    """Raise CheckpointError for what is no plain array, or larger than its file."""
    _check_count(weights)
    for key, value in weights.items():
        if len(key) > MOST_LETTERS:
            raise CheckpointError(f'the name of an entry has {len(key)} letters: {key[:40]}...')
        plain = not value.is_quantized and not value.is_nested and not value.is_meta
        if not plain or value.layout != torch.strided:
            raise CheckpointError(f'{key} is no plain tensor with values')
        if value.numel() * value.element_size() > file_size:
            raise CheckpointError(f'{key} has shape {tuple(value.shape)}, more than the file holds')


def _without_common_prefix(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    while True:
        prefix = next((p for p in PREFIXES if all(key.startswith(p) for key in weights)), None)
        if prefix is None or not weights:
            return weights
        weights = {key.removeprefix(prefix): value for key, value in weights.items()}
