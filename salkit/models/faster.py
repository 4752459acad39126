"""A model made ready to predict, in one of the named precisions."""

from __future__ import annotations

import torch
from torch import nn

from ..layers import (
    ConvolvedLinear,
    Int8Linear,
    TemporalWindowAttention,
    faster_convolutions,
    fold_batch_norms,
    replace_linears,
)
from ..utils.allocator import keep_freed_memory
from ..utils.processor import has_bfloat16
from .precision import PRECISIONS, Precision, find_precision
from .saliency_model import SaliencyModel

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def faster_precisions(model: SaliencyModel, device: str) -> list[Precision]:
    """What `auto` tries, the fastest first: nothing where a model gains nothing.

    Products of matrices gain, and with them transformers; on a CPU, small convolutional networks
    such as that of lite0 do not.
    """
    products, convolutions = 0, 0
    for part in model.encoder.modules():
        if isinstance(part, nn.Linear):
            products += part.weight.numel()
        # Patches side by side are a product, too.
        elif isinstance(part, _CONVOLUTIONS) and part.stride != part.kernel_size:
            convolutions += part.weight.numel()
    if products <= convolutions:
        return []
    if torch.device(device).type == 'cpu':
        # Without bfloat16, the names are two for each.
        names = ['fastest', 'fast', 'int8', 'bf16'] if has_bfloat16() else ['fastest', 'int8']
    else:
        names = ['fast', 'bf16'] if torch.cuda.is_bf16_supported() else []
    return [find_precision(name, device) for name in names]


def merge_keys(model: SaliencyModel, precision: Precision) -> None:
    """Have the attention of a model's encoder keep as few keys as `precision` says, if it can."""
    steps, length = precision.key_steps, model.encoder.clip_len
    if steps is not None and hasattr(model.encoder, 'token_merging'):
        most = max(1, length // steps)
        model.encoder.token_merging = max(n for n in range(1, most + 1) if length % n == 0)


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
    merge_keys(model, precision)
    if torch.device(device).type == 'cpu':
        fold_batch_norms(model)
        faster_convolutions(model.decoder, winograd=precision.dtype == torch.float32)
        for part in model.decoder.modules():
            if isinstance(part, TemporalWindowAttention):
                part.by_keys = True
    if precision.int8:
        replace_linears(model.encoder, Int8Linear)
    if precision.dtype != torch.float32:
        for part in model.modules():
            if isinstance(part, (nn.Linear, *_CONVOLUTIONS)):
                part.to(precision.dtype)
    if torch.device(device).type == 'cpu':
        replace_linears(model.encoder, ConvolvedLinear)
        # Last, so that what was replaced above does go back.
        keep_freed_memory()
