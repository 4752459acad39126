"""Checkpoints of which one is always complete."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...registry import HOOKS


class _DeferredRemoval(LocalBackend):
    """A file backend whose removals wait until what replaces the file has been written."""

    def __init__(self) -> None:
        self.waiting: list[str] = []

    def remove(self, filepath: str | Path) -> None:
        """Note a file for `flush`."""
        self.waiting.append(str(filepath))

    def flush(self, keep: Sequence[str | None]) -> None:
        """Remove what has been noted, less the files in `keep`."""
        for path in self.waiting:
            if path not in keep:
                Path(path).unlink(missing_ok=True)
        self.waiting.clear()


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook, removing an old checkpoint only after the new one is complete.

    A run killed at any moment keeps its last checkpoint and its best one. Where it was killed
    before the validation that follows a checkpoint, a resumed run validates first, so that the
    best one is the same as if it had never stopped. Arguments are those of `CheckpointHook`;
    checkpoints lie on a local disk.
    """

    def before_train(self, runner: Runner) -> None:
        """Set up the folder and the deferred removals."""
        super().before_train(runner)
        self.file_backend = _DeferredRemoval()
        if self.save_best and self._resumed_before_validation(runner):
            runner.logger.info(f'Validating the checkpoint of epoch {runner.epoch} first')
            runner.val_loop.run()

    def _resumed_before_validation(self, runner: Runner) -> bool:
        """Whether the epoch resumed at is one that ends with a validation."""
        loop = runner.train_loop
        if runner.epoch == 0 or not self.by_epoch or runner.val_loop is None:
            return False
        due = runner.epoch % loop.val_interval == 0 or runner.epoch == loop.max_epochs
        return due and runner.epoch >= loop.val_begin

    def _flush(self) -> None:
        best = [getattr(self, 'best_ckpt_path', None)]
        best += list((getattr(self, 'best_ckpt_path_dict', None) or {}).values())
        self.file_backend.flush(keep=[self.last_ckpt, *best])

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self._flush()

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        super()._save_best_checkpoint(runner, metrics)
        self._flush()
