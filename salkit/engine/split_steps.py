"""Steps of small models on CPUs: some of the clips in each of a few threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    batch norms; and from the first step on whose parts draw random numbers, which is taken anew.

    Args:
        parts: of a batch; 1 leaves every step whole.
    """

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self._draws = False

    @contextmanager
    def taken_by(self, model: nn.Module) -> Iterator[None]:
        """Have the training steps of a model be taken this way."""
        # One in shards is no wrapper: its gradients are added up by what splitting goes around.
        if self.parts == 1 or is_distributed() or not isinstance(model, SaliencyModel):
            yield
            return
        with ThreadPoolExecutor(self.parts, 'salkit-step') as pool:
            model.take_step = _OwnSteps(partial(self._step, pool, model))
            self._draws = False
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
        if self._draws or not _can_split(model, optim_wrapper):
            return BaseModel.train_step(model, batch, optim_wrapper)
        threads = torch.get_num_threads()
        each = min(threads, max(1, usable_cores() // self.parts))
        try:
            # Of the whole step: what else there is to do is as small.
            torch.set_num_threads(each)
            outputs = self._in_parts(pool, model, batch, optim_wrapper)
        finally:
            torch.set_num_threads(threads)
        if outputs is None:
            self._draws = True
            return BaseModel.train_step(model, batch, optim_wrapper)
        return outputs

    def _in_parts(
        self,
        pool: ThreadPoolExecutor,
        model: SaliencyModel,
        batch: dict[str, list],
        optim_wrapper: OptimWrapper,
    ) -> dict[str, Tensor] | None:
        """The step; None, and nothing done, where random numbers are drawn: in any order."""
        before = torch.get_rng_state()
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
        if not torch.equal(torch.get_rng_state(), before):
            torch.set_rng_state(before)
            return None
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
    """Whether a layer computes something else from a part of a batch than from all of it."""
    return module.training and isinstance(module, nn.modules.batchnorm._BatchNorm)


class _OwnSteps:
    """How a model takes its steps; its copies, threads left out, take theirs as ever."""

    def __init__(self, step: Callable[..., dict[str, Tensor]]) -> None:
        self._step = step

    def __call__(self, batch: dict[str, list], optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        return self._step(batch, optim_wrapper)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()


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
