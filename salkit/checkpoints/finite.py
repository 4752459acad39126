"""Weights and states that are no numbers, which neither come in from files nor go out to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CheckpointError


def not_finite(value: Tensor) -> str:
    """What is wrong with a tensor that holds NaN or infinity; '' where it holds neither.

    0.1 s for 403 M parameters on a core. Of one in shards, this process' part is looked at.
    """
    # Of a DTensor, whose class takes long to import.
    value = value.to_local() if hasattr(value, 'to_local') else value
    if not value.is_floating_point() or not value.numel():
        return ''
    # Seventeen times as fast as isfinite, and NaN is the least and the greatest of its like.
    if torch.stack(value.aminmax()).isfinite().all():
        return ''
    count = value.numel() - int(value.isfinite().sum())
    return f'holds values that are no numbers (NaN or infinite): {count} of {value.numel()}'


def check_finite(content: object, where: str | Path) -> None:
    """Look at every tensor in nested dicts and lists.

    Args:
        content: a state dict, of a model or of an optimizer.
        where: what a message calls it.

    Raises:
        CheckpointError: one that holds NaN or infinity, named by the keys that lead to it.
    """
    for name, value in _tensors(content):
        if problem := not_finite(value):
            raise CheckpointError(f'{where}: {name} {problem}')


def _tensors(content: object, name: str = '') -> Iterator[tuple[str, Tensor]]:
    if isinstance(content, Tensor):
        yield name, content
    elif isinstance(content, (Mapping, list, tuple)):
        items = content.items() if isinstance(content, Mapping) else enumerate(content)
        for key, value in items:
            yield from _tensors(value, f'{name}.{key}' if name else str(key))
