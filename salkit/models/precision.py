"""A model made ready to predict, in one of the named precisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn

from ..errors import ConfigError
from ..layers import (
    TemporalWindowAttention,
    faster_convolutions,
    fold_batch_norms,
    quantize_linears,
)
from ..utils.allocator import keep_freed_memory
from ..utils.processor import has_bfloat16
from ..utils.text import check_choice
from .saliency_model import SaliencyModel


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
# As PyTorch calls them.
ALIASES = MappingProxyType(dict(float32='exact', bfloat16='bf16', float16='fp16'))
AUTO = 'auto'


def find_precision(name: str, device: str) -> Precision:
    """The precision of a name, or of its alias.

    What a CPU has no bfloat16 for is computed in float32 there, but for `bf16` itself.

    Args:
        name: of `PRECISIONS` or `ALIASES`.
        device: that the model runs on.

    Raises:
        ConfigError: no such precision, or not on this device.
    """
    name = ALIASES.get(name, name)
    check_choice('', 'precision', name, (*PRECISIONS, AUTO))
    found = PRECISIONS[name]
    on_cpu = torch.device(device).type == 'cpu'
    if found.int8 and not on_cpu:
        raise ConfigError(f'precision {name!r} is for CPUs, expected bf16 or fast on {device}')
    if found.dtype == torch.bfloat16 and on_cpu and name != 'bf16' and not has_bfloat16():
        return Precision(name, int8=True, key_steps=found.key_steps)
    return found


def faster_precisions(model: SaliencyModel, device: str) -> list[Precision]:
    """What `auto` tries, the fastest first: nothing where a model gains nothing.

    Products of matrices gain, and with them transformers; on a CPU, small convolutional networks
    such as that of lite0 do not.
    """
    sizes = [
        parameter.numel()
        for part in model.encoder.modules()
        if isinstance(part, nn.Linear)
        for parameter in part.parameters()
    ]
    if 2 * sum(sizes) < sum(parameter.numel() for parameter in model.encoder.parameters()):
        return []
    if torch.device(device).type == 'cpu':
        names = ['fastest', 'fast', 'int8', *(['bf16'] if has_bfloat16() else [])]
    else:
        names = ['fast', 'bf16'] if torch.cuda.is_bf16_supported() else []
    return [find_precision(name, device) for name in names]


@contextmanager
def computing_in(precision: Precision, device: str) -> Iterator[None]:
    """Run a forward pass in a precision; `exact` is so on a GPU too, with no TF32."""
    kind = torch.device(device).type
    lower = precision.dtype != torch.float32
    with (
        torch.autocast(kind, precision.dtype if lower else None, lower),
        torch.backends.cudnn.flags(
            enabled=torch.backends.cudnn.enabled,
            benchmark=torch.backends.cudnn.benchmark,
            deterministic=torch.backends.cudnn.deterministic,
            allow_tf32=lower,
        ),
    ):
        yield


def prepare_prediction(
    model: SaliencyModel, precision: Precision = PRECISIONS['exact'], device: str = 'cpu'
) -> None:
    """Make a model faster.

    With the same values but for rounding, biases become part of the products before them and, on a
    CPU, batch norms part of the convolutions; the decoder's convolutions are replaced there, see
    `faster_convolutions`, and the process keeps memory that it frees. The rest is up to
    `precision`.

    Args:
        model: changed in place, its `state_dict` too, so that it can no longer be trained or saved;
            in evaluation mode.
        precision: that it is going to be run in.
        device: that it is on.
    """
    for part in model.encoder.modules():
        if callable(fuse := getattr(part, 'fuse_bias', None)):
            fuse()
    steps, length = precision.key_steps, model.encoder.clip_len
    if steps is not None and hasattr(model.encoder, 'token_merging'):
        most = max(1, length // steps)
        model.encoder.token_merging = max(n for n in range(1, most + 1) if length % n == 0)
    if torch.device(device).type == 'cpu':
        fold_batch_norms(model)
        faster_convolutions(model.decoder, winograd=precision.dtype == torch.float32)
        for part in model.decoder.modules():
            if isinstance(part, TemporalWindowAttention):
                part.by_keys = True
    if precision.int8:
        quantize_linears(model.encoder)
    if precision.dtype != torch.float32:
        for part in model.modules():
            if isinstance(part, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
                part.to(precision.dtype)
    # Last, so that what was replaced above does go back.
    if torch.device(device).type == 'cpu':
        keep_freed_memory()
