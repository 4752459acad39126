"""What prediction may give up for speed, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import torch

from ..errors import ConfigError
from ..utils.processor import has_bfloat16
from ..utils.text import check_choice


@dataclass(frozen=True)
class Precision:
    """What prediction gives up for speed.

    Attributes:
        name: of `PRECISIONS`.
        dtype: of the forward pass, by autocast; weights of products and convolutions are kept in
            it.
        int8: linear layers of the encoder in 8-bit integers, on a CPU.
        key_steps: time steps that attention keeps of keys and values, where the encoder has
            `token_merging`; None for all.
    """

    name: str
    dtype: torch.dtype = torch.float32
    int8: bool = False
    key_steps: int | None = None


# docs/performance.md says what each costs and gains.
PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {
        each.name: each
        for each in (
            Precision('exact'),
            Precision('bf16', torch.bfloat16),
            Precision('fp16', torch.float16),
            Precision('int8', int8=True),
            Precision('fast', torch.bfloat16, key_steps=2),
            Precision('fastest', torch.bfloat16, int8=True, key_steps=2),
        )
    }
)
AUTO = 'auto'


def find_precision(name: str, device: str) -> Precision:
    """The precision of a name.

    On a CPU without bfloat16, what is in bfloat16 elsewhere is in float32, but for `bf16` itself.

    Args:
        name: of `PRECISIONS`.
        device: that the model runs on.

    Raises:
        ConfigError: no such precision, or not on this device.
    """
    check_choice('', 'precision', name, tuple(PRECISIONS))
    found = PRECISIONS[name]
    on_cpu = torch.device(device).type == 'cpu'
    if found.int8 and not on_cpu:
        raise ConfigError(f'precision {name!r} is for CPUs, expected bf16 or fast on {device}')
    if found.dtype == torch.bfloat16 and on_cpu and name != 'bf16' and not has_bfloat16():
        return dataclasses.replace(found, dtype=torch.float32)
    return found


@contextmanager
def computing_in(precision: Precision, device: str) -> Iterator[None]:
    """Run a forward pass in a precision."""
    lower = precision.dtype != torch.float32
    with torch.autocast(torch.device(device).type, precision.dtype if lower else None, lower):
        yield
