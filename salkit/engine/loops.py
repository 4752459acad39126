"""Training loops that go on where a checkpoint was written, also within an epoch."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from ..utils.text import check_range
from .split_steps import SplitSteps


class _Position:
    """Where in an epoch a loop is.

    Attributes:
        first_batch: the first batch of the epoch to train on, once.
        batches_done: how many of the epoch have been trained on.
        between_steps: whether training is at work, and all that a step changes has been changed:
            what a checkpoint needs.
    """

    first_batch = 0
    batches_done = 0
    between_steps = False


class ResumableEpochLoop(_Position, EpochBasedTrainLoop):
    """mmengine's EpochBasedTrainLoop that can begin within an epoch, and share steps out.

    Args:
        runner: whose model is trained.
        dataloader: of the training set.
        max_epochs: of the run.
        cpu_parts: into how many parts the clips of a step on a CPU are shared out, see
            `SplitSteps`.
        **options: `val_begin`, `val_interval` and what else mmengine's loop takes.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        max_epochs: int,
        *,
        cpu_parts: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(runner, dataloader, max_epochs, **options)
        check_range('train_cfg', 'cpu_parts', cpu_parts, 1)
        self.steps = SplitSteps(cpu_parts)

    def run(self) -> nn.Module:
        """Train until the last epoch, and validate between."""
        with self.steps.taken_by(self.runner.model):
            return super().run()

    def run_epoch(self) -> None:
        """Train on the batches of an epoch that are left."""
        self.runner.call_hook('before_train_epoch')
        self.between_steps = True
        self.runner.model.train()
        first, self.first_batch = self.first_batch, 0
        self.dataloader.first_batch = self.batches_done = first
        for number, batch in enumerate(self.dataloader, first):
            self.between_steps = False
            self.run_iter(number, batch)
            self.batches_done = number + 1
            self.between_steps = True
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
        self.batches_done = 0
        # A validation may train nothing, but swap weights and their averages.
        self.between_steps = False


class ResumableIterLoop(_Position, IterBasedTrainLoop):
    """mmengine's IterBasedTrainLoop that goes round the data set, and can begin anywhere in it.

    mmengine's own reads all that was trained on already, and stops for two seconds each round.
    """

    def run(self) -> nn.Module:
        """Train until the last iteration, and validate between."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.between_steps = True
        batches = self._batches()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            batch = next(batches)
            self.between_steps = False
            self.run_iter(batch)
            self.between_steps = True
            self._decide_current_val_interval()
            if (
                self.runner.val_loop is not None
                and self._iter >= self.val_begin
                and (self._iter % self.val_interval == 0 or self._iter == self._max_iters)
            ):
                self.between_steps = False
                self.runner.val_loop.run()
                self.between_steps = True
        batches.close()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def _batches(self) -> Generator[Any, None, None]:
        round_, first = divmod(self._iter, len(self.dataloader))
        while True:
            self.dataloader.position.set_epoch(round_)
            self.dataloader.first_batch = first
            yield from self.dataloader
            round_, first = round_ + 1, 0
