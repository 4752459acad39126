"""A model made ready to predict, in one of the named precisions."""

from __future__ import annotations

from contextlib import suppress

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
        rest = ['fast', 'bf16', 'int8'] if has_bfloat16() else ['int8', 'fast']
        names = ['fastest', *rest]
    else:
        there = torch.cuda.is_bf16_supported(including_emulation=False)
        names = ['fast', 'bf16'] if there else ['fp16']
    return [find_precision(name, device) for name in names]


def merge_keys(model: SaliencyModel, precision: Precision) -> None:
    """Have the attention of a model's encoder keep as few keys as `precision` says, if it can."""
    steps, length = precision.key_steps, model.encoder.clip_len
    if steps is not None and hasattr(model.encoder, 'token_merging'):
        fits = (n for n in range(1, length // steps + 1) if length % n == 0)
        # It may have been trained with more.
        model.encoder.token_merging = max(model.encoder.token_merging, *fits, 1)


def prepare_prediction(
    model: SaliencyModel, precision: Precision = PRECISIONS['exact'], device: str = 'cpu'
) -> None:
    """Make a model faster.

    With the same values but for rounding, biases become part of the products before them and, on a
    CPU, batch norms part of the convolutions; linear layers and the decoder's convolutions are
    replaced there, see `ConvolvedLinear` and `faster_convolutions`, and the process keeps memory
    that it frees. On a GPU, the process does without TF32 from the first model in float32 on. The
    rest is up to `precision`.

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
    for part in model.modules():
        if precision.dtype != torch.float32 and getattr(part, 'autocast_throughout', False):
            for layer in part.modules():
                if isinstance(layer, (nn.Linear, *_CONVOLUTIONS)):
                    layer.to(precision.dtype)
    if torch.device(device).type == 'cpu':
        replace_linears(model.encoder, ConvolvedLinear)
        # Last, so that what was replaced above does go back.
        keep_freed_memory()
    elif precision.dtype == torch.float32:
        # Of the process, and not where somebody sets it by the newer way.
        with suppress(RuntimeError):
            torch.backends.cudnn.allow_tf32 = False
