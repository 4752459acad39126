"""Epochs and steps that go the same way whether a run came to them or was resumed at them."""

from __future__ import annotations

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...registry import HOOKS
from ..loader import inner_datasets, seed_all


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds every epoch and every step from the run's seed and their numbers alone.

    They then go the same way whether the run came to them or was resumed at them. The data sets
    also get to know which epoch to draw random clips for.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed for the order of the epoch, and hand its number to the data sets."""
        seed_all((runner.seed, runner.epoch, get_rank()))
        for dataset in inner_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Seed for what the model draws in the step."""
        seed_all((runner.seed, runner.epoch, get_rank(), runner.iter))
