"""Schedules of a run that is resumed with another number of epochs."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from ..errors import ConfigError

MAX_EPOCHS = 'max_epochs'


def schedulers_of(cfg: Config) -> list[dict] | dict | None:
    """The schedulers of `cfg`, `end='max_epochs'` replaced by the number it stands for."""
    schedulers = copy.deepcopy(cfg.get('param_scheduler'))
    for scheduler in as_list(schedulers):
        if scheduler.get('end') == MAX_EPOCHS:
            train_cfg = cfg.get('train_cfg') or {}
            if train_cfg.get('max_epochs') is None:
                raise ConfigError("train_cfg has no max_epochs, which end='max_epochs' needs")
            scheduler['end'] = train_cfg['max_epochs']
    return schedulers


def as_list(value: Any) -> list:
    """One or several values as a list; nothing for None."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def follow_new_end(runner: Runner, before: object) -> Iterator[str]:
    """Have the schedulers of a resumed run end where its config says.

    Those that end with the epochs (`end='max_epochs'`) go on as if the run had been as long from
    its beginning: what they restored says where it ended before.

    Args:
        runner: the run; its schedulers and optimizer have been restored.
        before: `max_epochs` of the run that wrote the checkpoint, None where it is not known.

    Yields:
        What the user has to know.
    """
    now = runner.max_epochs
    if (
        not isinstance(before, int)
        or before == now
        or not isinstance(runner.param_schedulers, list)
    ):
        return
    configs = as_list(runner.cfg.get('param_scheduler'))
    old = _rates(runner)
    if any(config.get('end') == MAX_EPOCHS for config in configs):
        _replay(runner)
        yield (
            f'max_epochs is {now}, was {before}: the schedule that ends with it is stretched, and '
            f'the rate goes on at {_rates(runner)}, was {old}'
        )
    elif configs and now > before:
        ends = [
            config.get('end', float('inf')) for config in configs if config.get('by_epoch', True)
        ]
        if max(ends, default=0) < now:
            yield (
                f'max_epochs is {now}, was {before}, but the last schedule ends at epoch '
                f"{max(ends, default=0):g}: the rate stays at {old} (end='max_epochs' stretches it)"
            )


def _rates(runner: Runner) -> str:
    rates = sorted({group['lr'] for group in runner.optim_wrapper.param_groups})
    return ' to '.join(f'{rate:.3g}' for rate in dict.fromkeys([rates[0], rates[-1]]))


def _replay(runner: Runner) -> None:
    """Bring the rates to where schedulers of the new length would have brought them."""
    for group in runner.optim_wrapper.param_groups:
        for key in [key for key in group if key.startswith('initial_')]:
            group[key.removeprefix('initial_')] = group[key]
    schedulers = schedulers_of(runner.cfg)
    assert schedulers is not None
    runner.param_schedulers = runner.build_param_scheduler(schedulers)
    loop = runner.train_loop
    batches = len(loop.dataloader)
    with warnings.catch_warnings():
        # No step of the optimizer lies between.
        warnings.filterwarnings('ignore', 'Detected call of `scheduler.step')
        epochs = 0
        for step in range(1, loop.iter + 1):
            # Epochs may have had other numbers of batches: the rest follows below.
            ends_epoch = step % batches == 0 and epochs < loop.epoch
            epochs += ends_epoch
            for scheduler in runner.param_schedulers:
                if ends_epoch or not scheduler.by_epoch:
                    scheduler.step()
        for scheduler in runner.param_schedulers:
            for _ in range(loop.epoch - epochs if scheduler.by_epoch else 0):
                scheduler.step()
