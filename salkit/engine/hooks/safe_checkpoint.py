"""Checkpoints of which one is always complete."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from mmengine.dist import barrier, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...registry import HOOKS
from ...utils.files import link_or_copy, whole_file


class _DeferredRemoval(LocalBackend):
    """A file backend whose removals wait until what replaces the file has been written."""

    def __init__(self) -> None:
        self.waiting: list[str] = []

    def remove(self, filepath: str | Path) -> None:
        """Note a file for `flush`."""
        self.waiting.append(str(filepath))

    def rmtree(self, dir_path: str | Path) -> None:
        """Note a checkpoint in shards for `flush`."""
        self.waiting.append(str(dir_path))

    def flush(self, keep: Sequence[str | None]) -> None:
        """Remove what has been noted, less the files in `keep`."""
        for path in self.waiting:
            if path not in keep:
                if os.path.isdir(path):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    Path(path).unlink(missing_ok=True)
        self.waiting.clear()


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook, removing an old checkpoint only after the new one is complete.

    A run killed at any moment keeps its last checkpoint and its best one. Where it was killed
    before the validation that follows a checkpoint, a resumed run validates first, so that the
    best one is the same as if it had never stopped. A run that goes on from a checkpoint of another
    folder leaves that folder as it is, and gets a link to its best checkpoint, or a copy. Arguments
    are those of `CheckpointHook`; checkpoints lie on a local disk.
    """

    def before_train(self, runner: Runner) -> None:
        """Set up the folder and the deferred removals."""
        super().before_train(runner)
        self.file_backend = _DeferredRemoval()
        self._take_over(runner)
        if self.save_best and self._resumed_before_validation(runner):
            runner.logger.info(f'Validating the checkpoint of epoch {runner.epoch} first')
            runner.val_loop.run()

    def _take_over(self, runner: Runner) -> None:
        """Have all files that the resumed checkpoint tells of be those of this run's own folder.

        mmengine would remove them wherever they lie.
        """
        started_from = runner.cfg.get('load_from')
        if started_from and Path(started_from).resolve().parent != Path(self.out_dir).resolve():
            # The numbers of files that another run has kept; here they may be those of a third.
            getattr(self, 'keep_ckpt_ids', deque()).clear()
        info = runner.message_hub.runtime_info
        several = getattr(self, 'best_ckpt_path_dict', None)
        for name in self.key_indicators if self.save_best else ():
            ending = '' if several is None else f'_{name}'
            path = info.get(f'best_ckpt{ending}')
            if path is None:
                continue
            own = self._own_best(str(path))
            if own is None:
                runner.logger.warning(
                    f'The best checkpoint so far, {path}, is gone: from here on, the best is kept'
                )
                info.pop(f'best_score{ending}', None)
                info.pop(f'best_ckpt{ending}')
            else:
                runner.message_hub.update_info(f'best_ckpt{ending}', own)
            if several is None:
                self.best_ckpt_path = own
            else:
                several[name] = own

    def _own_best(self, path: str) -> str | None:
        """A best checkpoint in this run's folder, where it is put if it is not there yet."""
        name = Path(path).name
        own = Path(self.out_dir) / name
        # Whoever made the checkpoint that is resumed could name any file.
        if not (name.startswith('best_') and name.endswith('.pth')):
            return None
        if is_main_process() and not own.is_file() and Path(path).is_file():
            with whole_file(own) as temporary:
                link_or_copy(path, temporary)
        barrier()
        return str(own) if own.is_file() else None

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
