"""Numbers of a training that mmengine does not log by itself."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, get_total_norm
from torch.optim import Optimizer

from ...registry import HOOKS
from .epoch_line import clips_in


@HOOKS.register_module()
class TrainingScalarsHook(Hook):
    """Logs speed, the gradient's norm and every learning rate beside what mmengine logs.

    `clips_per_s` counts the clips of all processes; `data_share` is the share of a step's time that
    was spent waiting for data, 0 to 1; both over the log processor's window. `grad_norm` is the L2
    norm that the optimizer steps along; mmengine logs it itself, before clipping, where the config
    clips by norm. A group of parameters with a learning rate of its own gets `<part>_lr`, the part
    of the model that its first parameter belongs to.
    """

    # Behind mmengine's timer, which is registered first, and before its logger.
    priority = 'NORMAL'

    def __init__(self) -> None:
        self._norm: Tensor | None = None
        self._groups: dict[str, int] = {}

    def before_train(self, runner: Runner) -> None:
        """Find the groups of parameters, and measure gradients before every step."""
        wrapper = runner.optim_wrapper
        if not isinstance(wrapper, OptimWrapper):
            # Of several optimizers, mmengine logs each rate.
            return
        names = {id(p): name for name, p in runner.bare_model.named_parameters()}
        groups = wrapper.param_groups
        rates = {groups[0].get('initial_lr', groups[0]['lr'])}
        for number, group in enumerate(groups):
            rate = group.get('initial_lr', group['lr'])
            if rate not in rates and group['params']:
                rates.add(rate)
                part = names.get(id(group['params'][0]), 'group').partition('.')[0]
                name = f'{part}_lr' if f'{part}_lr' not in self._groups else f'{part}_{number}_lr'
                self._groups[name] = number
        if not wrapper.clip_grad_kwargs or wrapper.clip_func is not clip_grad_norm_:
            wrapper.optimizer.register_step_pre_hook(self._measure)

    def _measure(self, optimizer: Optimizer, *_: object) -> None:
        gradients = [
            p.grad
            for group in optimizer.param_groups
            for p in group['params']
            if p.grad is not None
        ]
        if not gradients:
            return
        # Kept on the device: reading it here would make the step wait.
        self._norm = get_total_norm(gradients)
        scale = getattr(optimizer, 'grad_scale', None)
        if scale is not None:
            # A fused optimizer divides by the loss scale itself.
            self._norm = self._norm / scale

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping | None = None,
        outputs: object = None,
    ) -> None:
        """Hand the numbers of a step to the message hub."""
        hub, window = runner.message_hub, runner.log_processor.window_size
        scalars = hub.log_scalars
        if {'train/time', 'train/data_time'} <= scalars.keys():
            took = max(1e-9, scalars['train/time'].mean(window))
            hub.update_scalar('train/clips_per_s', clips_in(data_batch) / took)
            waited = scalars['train/data_time'].mean(window)
            hub.update_scalar('train/data_share', waited / took)
        if self._norm is not None:
            hub.update_scalar('train/grad_norm', float(self._norm))
            self._norm = None
        for name, number in self._groups.items():
            hub.update_scalar(f'train/{name}', runner.optim_wrapper.param_groups[number]['lr'])
