"""The Runner's state as plain values, so that checkpoints load without running code."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor

_IS_CHECKPOINT = re.compile('(best|last)_ckpt')


def wrappers_in(wrapper: OptimWrapper) -> list[OptimWrapper]:
    """The wrappers of one optimizer each."""
    return list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def is_at_update(wrapper: OptimWrapper) -> bool:
    """Whether the weights have just been updated, and no gradients are being accumulated."""
    return all(item.should_update() for item in wrappers_in(wrapper))


def plain(value: Any) -> Any:
    """`value` with NumPy values turned into tensors and numbers, and mappings into dicts.

    Tensors lie in the order of their axes, as other programs want them in files.
    """
    if isinstance(value, Tensor):
        return value.contiguous()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    return value


def pack_message_hub(state: dict[str, Any]) -> dict[str, object]:
    """The state of mmengine's message hub without its HistoryBuffer objects."""
    scalars = {}
    for key, buffer in state['log_scalars'].items():
        log, count = buffer.data
        scalars[key] = dict(log=plain(log), count=plain(count), max_length=buffer.max_length)
    info = {
        # A work dir may move: names of files in it, not paths.
        key: Path(str(value)).name if value and _IS_CHECKPOINT.match(key) else value
        for key, value in state['runtime_info'].items()
    }
    return dict(
        log_scalars=scalars,
        runtime_info=plain(info),
        resumed_keys=dict(state['resumed_keys']),
    )


def unpack_message_hub(state: dict[str, Any]) -> dict[str, object]:
    """The inverse of `pack_message_hub`."""
    scalars = OrderedDict()
    for key, packed in state['log_scalars'].items():
        scalars[key] = HistoryBuffer(
            packed['log'].numpy(), packed['count'].numpy(), max_length=packed['max_length']
        )
    return dict(state, log_scalars=scalars)
