"""Steps whose loss or gradients are no numbers: they change nothing, and many of them end a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from mmengine.dist import all_gather_object, all_reduce
from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from ...checkpoints import check_finite
from ...errors import CheckpointError, SalkitError
from ...registry import HOOKS
from ...types import ClipMeta
from ...utils.text import check_range, listed
from ..amp import BFloat16OptimWrapper
from ..state import wrappers_in

# What checkpoints and logs call the number of skipped steps, and of those without one between them.
SKIPPED, IN_A_ROW = 'skipped_steps', 'skipped_steps_in_a_row'
# Clips that a warning names.
_MOST = 64


@dataclass
class _Batch:
    """A batch since the last step.

    Attributes:
        clips: names of its clips, video/frame.
        losses: its losses by name, a scalar for each part of it that was computed by itself;
            tensors until they are asked for.
    """

    clips: list[str]
    losses: dict[str, list[Tensor]] = field(default_factory=dict)

    def values(self) -> dict[str, float]:
        """The losses as numbers."""
        return {name: float(torch.stack(parts).mean()) for name, parts in self.losses.items()}


@HOOKS.register_module()
class FiniteStepsHook(Hook):
    """Skips steps with a loss or gradient that is NaN or infinite, as if they had not been.

    Weights, the optimizer's state and the running statistics of normalization stay as they were
    before the batch; where gradients are accumulated, before the first batch of the step. A warning
    names the clips. Processes of a distributed run skip a step together. Steps that the loss scaler
    of float16 training leaves out count too.

    Logs show `skipped_steps` from the first one on; a resumed run goes on counting.

    Args:
        most_in_a_row: of skipped steps, after which training ends with an error.
    """

    # Before hooks that look at the weights after a step, such as those that average them.
    priority = 'ABOVE_NORMAL'

    def __init__(self, most_in_a_row: int = 10) -> None:
        check_range('FiniteStepsHook', 'most_in_a_row', most_in_a_row, 1)
        self.most_in_a_row = most_in_a_row
        self._batches: list[_Batch] = []
        # Whether each optimizer that was called in this iteration could take its step.
        self._verdicts: dict[Optimizer, bool] = {}
        self._statistics: list[Tensor] = []
        self._before: list[Tensor] = []
        self._handles: list[RemovableHandle] = []

    def before_train(self, runner: Runner) -> None:
        """Watch the model's losses and the optimizers' steps."""
        model = runner.bare_model
        self._statistics = list(_statistics(model))
        self._batches.clear()
        self._handles = [
            model.register_forward_hook(self._note_losses),
            *(
                wrapper.optimizer.register_step_pre_hook(self._judge)
                for wrapper in wrappers_in(runner.optim_wrapper)
            ),
        ]

    def after_train(self, runner: Runner) -> None:
        """Watch no more."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Note the names of the batch's clips."""
        if not self._batches:
            self._before = [each.clone() for each in self._statistics]
        self._verdicts.clear()
        self._batches.append(_Batch(_names(data_batch)))

    def _note_losses(self, model: nn.Module, args: tuple, output: object) -> None:
        if not isinstance(output, Mapping) or not self._batches:
            return
        for name, value in output.items():
            # The same that mmengine adds up.
            if 'loss' in name:
                parts = [value] if isinstance(value, Tensor) else value
                means = torch.stack([part.detach().mean() for part in parts])
                self._batches[-1].losses.setdefault(name, []).append(means.sum())

    def _judge(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        """Take the gradients from an optimizer that is about to take a step, if it must not."""
        parameters = [p for group in optimizer.param_groups for p in group['params']]
        gradients = [_local(p.grad) for p in parameters if p.grad is not None]
        losses = [
            loss for batch in self._batches for parts in batch.losses.values() for loss in parts
        ]
        is_bad = (~_all_finite([*losses, get_total_norm(gradients)])).int()
        all_reduce(is_bad, 'max')
        # A sum of squares may overflow where the gradients do not; it is the same everywhere but
        # for sharded gradients.
        if is_bad:
            is_bad = (~_all_finite([*losses, *gradients])).int()
            all_reduce(is_bad, 'max')
        if is_bad:
            for parameter in parameters:
                parameter.grad = None
        self._verdicts[optimizer] = not is_bad

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: dict | None = None,
    ) -> None:
        """Count what was skipped.

        Raises:
            SalkitError: one step too many.
        """
        wrappers = [
            wrapper for wrapper in wrappers_in(runner.optim_wrapper) if wrapper.should_update()
        ]
        # A loss scaler that finds infinities does not call its optimizer.
        by_scaler = not isinstance(runner.optim_wrapper, OptimWrapperDict) and any(
            hasattr(wrapper, 'loss_scaler') and wrapper.optimizer not in self._verdicts
            for wrapper in wrappers
        )
        if not self._verdicts and not wrappers:
            # More batches are to come before the step.
            return
        info = runner.message_hub.runtime_info
        if by_scaler or not all(self._verdicts.values()):
            for now, before in zip(self._statistics, self._before, strict=True):
                now.copy_(before)
            runner.message_hub.update_info(SKIPPED, info.get(SKIPPED, 0) + 1)
            runner.message_hub.update_info(IN_A_ROW, info.get(IN_A_ROW, 0) + 1)
            self._report(runner)
        elif info.get(IN_A_ROW):
            runner.message_hub.update_info(IN_A_ROW, 0)
        self._batches.clear()
        if SKIPPED in info:
            runner.message_hub.update_scalar(f'train/{SKIPPED}', info[SKIPPED])

    def _report(self, runner: Runner) -> None:
        """Warn of the step that was skipped.

        Raises:
            SalkitError: there were too many.
        """
        found = [(batch.clips, batch.values()) for batch in self._batches]
        batches = [batch for of_process in all_gather_object(found) for batch in of_process]
        # Where no loss is to blame, any of the batches may be.
        bad = [batch for batch in batches if not all(map(math.isfinite, batch[1].values()))]
        what = 'the loss' if bad else 'a gradient'
        clips = list(dict.fromkeys(clip for names, _ in bad or batches for clip in names))
        told = ', '.join(f'{name} {value:g}' for name, value in (bad or batches)[0][1].items())

        def where(most: int) -> str:
            names = listed(clips, most) or 'clips without names'
            return f'{what} is not finite on {names} ({told})'

        runner.logger.warning(f'Skipped the step of iteration {runner.iter + 1}: {where(_MOST)}')
        in_a_row = runner.message_hub.get_info(IN_A_ROW)
        if in_a_row >= self.most_in_a_row:
            # All is as before the step: the run can go on from there, with as much patience.
            runner.message_hub.update_info(IN_A_ROW, 0)
            runner.train_loop.between_steps = True
            raise SalkitError(
                f'training stops: {in_a_row} steps in a row were not finite and were skipped; in '
                f'the last one, {where(5)}; {_circumstances(runner)}'
            )


def _circumstances(runner: Runner) -> str:
    """What somebody should know who mends a run that has stopped."""
    wrappers = wrappers_in(runner.optim_wrapper)
    groups = [group for wrapper in wrappers for group in wrapper.param_groups]
    parts = [f'the learning rate is {max(group["lr"] for group in groups):g}']
    parts += [
        f'the loss scale {wrapper.loss_scaler.get_scale():g}'
        for wrapper in wrappers
        if hasattr(wrapper, 'loss_scaler')
    ]
    advice = 'a smaller optim_wrapper.optimizer.lr, optim_wrapper.clip_grad'
    if any(isinstance(wrapper, (AmpOptimWrapper, BFloat16OptimWrapper)) for wrapper in wrappers):
        advice += ', full precision (no --amp)'
    try:
        check_finite(runner.bare_model.state_dict(), 'the model')
        advice += ', and look at these clips and their maps (salkit check)'
    except CheckpointError as error:
        parts.append(f'{error}')
    return f'{", ".join(parts)}; try, from a checkpoint as load_from, {advice}'


def _statistics(model: nn.Module) -> Iterator[Tensor]:
    """What layers note of the batches that they see while they are trained."""
    for module in model.modules():
        if getattr(module, 'track_running_stats', False):
            yield from module.buffers(recurse=False)


def _names(data_batch: object) -> list[str]:
    """The names video/frame of the clips of a batch, as `PackClip` gives them."""
    metas = data_batch.get('meta') if isinstance(data_batch, Mapping) else None
    return [f'{meta.video}/{meta.frame}' for meta in metas or () if isinstance(meta, ClipMeta)]


def _local(gradient: Tensor) -> Tensor:
    """The part of a gradient that lies in this process."""
    # Of a DTensor; its class takes long to import.
    return gradient.to_local() if hasattr(gradient, 'to_local') else gradient


def _all_finite(values: Sequence[Tensor]) -> Tensor:
    """Whether there is no NaN or infinity, as one tensor where the first of `values` lies."""
    device = values[0].device
    return torch.stack([value.isfinite().all().to(device) for value in values]).all()
