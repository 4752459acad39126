"""Steps of small models on CPUs: some of the clips in each of a few threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from mmengine.dist import is_distributed
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from timm.layers import DropPath
from torch import Tensor, nn

from ..models import SaliencyModel
from ..types import Targets
from ..utils.parallel import usable_cores


class SplitSteps:
    """Takes steps of training; on a CPU, shares the clips of a batch out to threads.

    PyTorch's threads share each operation, and wait for each other after it: on small clips a
    quarter of the time, most of it where other processes want the cores. Here each thread computes
    losses and gradients of its own clips, and the gradients are added in a fixed order: those of
    the whole batch but for rounding. (NSS is a mean over clips with fixations: here of each part.)

    A step stays whole on a GPU, in a distributed run, with several optimizers, and for models with
    batch norms or layers that draw random numbers while they are trained.

    Args:
        parts: of a batch; 1 leaves every step whole.
    """

    def __init__(self, parts: int) -> None:
        self.parts = parts

    @contextmanager
    def taken_by(self, model: nn.Module) -> Iterator[None]:
        """Have the training steps of a model be taken this way."""
        # One in shards is no wrapper: its gradients are added up by what splitting goes around.
        if self.parts == 1 or is_distributed() or not isinstance(model, SaliencyModel):
            yield
            return
        with ThreadPoolExecutor(self.parts, 'salkit-step') as pool:
            model.take_step = partial(self._step, pool, model)
            try:
                yield
            finally:
                model.take_step = None

    def _step(
        self,
        pool: ThreadPoolExecutor,
        model: SaliencyModel,
        batch: dict[str, list],
        optim_wrapper: OptimWrapper,
    ) -> dict[str, Tensor]:
        """What `BaseModel.train_step` does, with the same outcome."""
        if not _can_split(model, optim_wrapper):
            return BaseModel.train_step(model, batch, optim_wrapper)
        threads = torch.get_num_threads()
        each = min(threads, max(1, usable_cores() // self.parts))
        try:
            # Of the whole step: what else there is to do is as small.
            torch.set_num_threads(each)
            return self._in_parts(pool, model, batch, optim_wrapper)
        finally:
            torch.set_num_threads(threads)

    def _in_parts(
        self,
        pool: ThreadPoolExecutor,
        model: SaliencyModel,
        batch: dict[str, list],
        optim_wrapper: OptimWrapper,
    ) -> dict[str, Tensor]:
        parts = _split(model.data_preprocessor(batch, training=True), self.parts)
        weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        each = torch.get_num_threads()

        def work(
            part: dict[str, Any], share: float
        ) -> tuple[dict[str, Tensor], tuple[Tensor | None, ...]]:
            torch.set_num_threads(each)
            with optim_wrapper.optim_context(model):
                losses = model(**part, mode='loss')
            loss, shown = model.parse_losses(losses)
            scaled = optim_wrapper.scale_loss(share * loss)
            gradients = torch.autograd.grad(scaled, weights, allow_unused=True)
            return {name: share * value.detach() for name, value in shown.items()}, gradients

        results = list(pool.map(work, *zip(*parts, strict=True)))
        for _, gradients in results:
            for weight, gradient in zip(weights, gradients, strict=True):
                if gradient is not None and weight.grad is not None:
                    weight.grad += gradient
                elif gradient is not None:
                    weight.grad = gradient
        outputs = {name: torch.stack([r[0][name] for r in results]).sum() for name in results[0][0]}
        # The gradients are there: the update begins from a loss that adds none.
        optim_wrapper.update_params(outputs['loss'].clone().requires_grad_())
        return outputs


def _can_split(model: nn.Module, optim_wrapper: object) -> bool:
    return (
        isinstance(optim_wrapper, OptimWrapper)
        and next(model.parameters()).device.type == 'cpu'
        and not any(map(sees_the_whole, model.modules()))
    )


def sees_the_whole(module: nn.Module) -> bool:
    """Whether a layer computes something else from a part of a batch, or by chance."""
    if not module.training:
        return False
    if isinstance(module, DropPath):
        return module.drop_prob > 0
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return module.p > 0
    return isinstance(module, nn.modules.batchnorm._BatchNorm)


def _split(inputs: dict[str, Any], parts: int) -> list[tuple[dict[str, Any], float]]:
    """The clips with their targets in as many parts, each with its share of the clips."""
    clip, targets = inputs['clip'], inputs['targets']
    count = len(clip)
    bounds = [count * n // parts for n in range(parts + 1)]
    found = []
    for first, end in pairwise(bounds):
        if first < end:
            maps = (getattr(targets, field.name) for field in fields(Targets))
            own = Targets(*(each if each is None else each[first:end] for each in maps))
            found.append((dict(clip=clip[first:end], targets=own), (end - first) / count))
    return found
