"""Training loops that go on where a checkpoint was written, also within an epoch."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch import nn


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
    """mmengine's EpochBasedTrainLoop that can begin within an epoch."""

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
