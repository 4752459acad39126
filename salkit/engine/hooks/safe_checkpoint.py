"""Checkpoints of which one is always complete."""

from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path

from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner

from ...errors import ConfigError
from ...registry import HOOKS
from ...utils.files import link_or_copy, whole_file
from ...utils.text import listed
from ..loops import ResumableEpochLoop, ResumableIterLoop
from ..state import is_at_update
from ..stopping import TrainingStopped, agreed

# Within an epoch: how many are done, and how many steps.
WITHIN_EPOCH = re.compile(r'epoch_(\d+)_iter_(\d+)\.pth')


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
                _remove(Path(path))
        self.waiting.clear()


def _remove(path: Path) -> None:
    """Remove a checkpoint, be it a file or a folder of shards."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _finite_score(score: object) -> object:
    """A score as it is; None, which is never the best, for NaN and infinity."""
    return None if isinstance(score, Real) and not math.isfinite(score) else score


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook for runs that are ended at any moment, and go on.

    An old checkpoint is removed only after the new one is complete, so that a run killed at any
    moment keeps its last checkpoint and its best one. Between those that `interval` asks for, one
    of the last minutes is kept, `epoch_<done>_iter_<steps>.pth`. A signal that ends the run (see
    `StopSignals`) has one written after the step, and so has an error that leaves the weights good.
    Where a run was ended before the validation that follows a checkpoint, a resumed one validates
    first, so that the best one is the same as if it had never stopped. A run that goes on from a
    checkpoint of another folder leaves that folder as it is, and gets a link to its best one, or a
    copy. Checkpoints lie on a local disk.

    Args:
        interval_minutes: how long a run may work without a checkpoint; None for as long as
            `interval` says.
        interval: every so many epochs, or iterations without `by_epoch`.
        by_epoch: which of them.
        others: those of `CheckpointHook`.
    """

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool = True,
        interval_minutes: float | None = None,
        **others: object,
    ) -> None:
        if interval_minutes is not None and not interval_minutes > 0:
            raise ConfigError(
                f'SafeCheckpointHook: interval_minutes must be above 0, got {interval_minutes}'
            )
        super().__init__(interval, by_epoch, **others)
        if self.args:
            # mmengine would find out when it writes the first one.
            raise ConfigError(f'SafeCheckpointHook has no argument {listed(sorted(self.args))}')
        self.interval_minutes = interval_minutes
        self._written_at = 0.0
        # The epoch and iteration that the latest checkpoint stands for.
        self._written: tuple[int, int] | None = None
        # Those within epochs that the next checkpoint replaces: not what another run has left.
        self._replaceable: set[Path] = set()
        self.last_ckpt: str | None = None

    def before_train(self, runner: Runner) -> None:
        """Set up the folder and the deferred removals."""
        own = Path(runner.work_dir)
        if self.out_dir is not None:
            # As mmengine has it.
            own = Path(self.out_dir) / own.name
        folder = runner.resumed_from.resolve().parent if runner.resumed_from else own
        at_home = runner.resumed_from is not None and folder == own.resolve()
        info = runner.message_hub.runtime_info
        kept = info.get('keep_ckpt_ids')
        if not at_home or not isinstance(kept, list) or not all(type(n) is int for n in kept):
            # The numbers of files of another run; here they may be those of a third.
            info.pop('keep_ckpt_ids', None)
        super().before_train(runner)
        self.file_backend = _DeferredRemoval()
        self._written_at = time.monotonic()
        if at_home:
            self.last_ckpt = str(runner.resumed_from)
            paths = own.glob('epoch_*_iter_*.pth')
            self._replaceable = {path for path in paths if WITHIN_EPOCH.fullmatch(path.name)}
        self._take_over(runner, folder)
        if self.save_best and self._resumed_before_validation(runner):
            where = (
                f'epoch {runner.epoch}' if self._counts_epochs(runner) else f'step {runner.iter}'
            )
            runner.logger.info(f'Validating the checkpoint of {where} first')
            runner.val_loop.run()

    # What the run that is gone on with has left ------------------------------------------------

    def _take_over(self, runner: Runner, folder: Path) -> None:
        """Have all files that the resumed checkpoint tells of be those of this run's own folder.

        mmengine would remove them wherever they lie.

        Args:
            runner: the run.
            folder: where that checkpoint lies.
        """
        info = runner.message_hub.runtime_info
        several = getattr(self, 'best_ckpt_path_dict', None)
        for name in self.key_indicators if self.save_best else ():
            ending = '' if several is None else f'_{name}'
            path = info.get(f'best_ckpt{ending}')
            if path is None:
                continue
            # Of a whole path, as older checkpoints hold it, the folder may be anybody's.
            own = self._own_best(folder / Path(str(path)).name)
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

    def _own_best(self, path: Path) -> str | None:
        """A best checkpoint in this run's folder, where it is put if it is not there yet."""
        own = Path(self.out_dir) / path.name
        # Whoever made the checkpoint that is resumed could name any file there.
        if not (path.name.startswith('best_') and path.name.endswith('.pth')):
            return None
        foreign = path.is_file() and not (own.is_file() and own.samefile(path))
        if is_main_process() and foreign:
            with whole_file(own) as temporary:
                link_or_copy(path, temporary)
        barrier()
        return str(own) if own.is_file() else None

    def _resumed_before_validation(self, runner: Runner) -> bool:
        """Whether a validation follows right upon the step resumed at."""
        loop = runner.train_loop
        if runner.iter == 0 or runner.val_loop is None or getattr(loop, 'first_batch', 0):
            return False
        if self._counts_epochs(runner):
            return _is_due(loop, runner.epoch, loop.max_epochs)
        return _is_due(loop, runner.iter, loop.max_iters)

    @staticmethod
    def _counts_epochs(runner: Runner) -> bool:
        return isinstance(runner.train_loop, EpochBasedTrainLoop)

    # Writing -----------------------------------------------------------------------------------

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: Mapping | None = None,
    ) -> None:
        """Write what is due after a step.

        Raises:
            TrainingStopped: a signal asked for the end of the run.
        """
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        loop = runner.train_loop
        if not isinstance(loop, (ResumableEpochLoop, ResumableIterLoop)):
            return
        # In between, each of several processes gathers gradients that no checkpoint holds.
        if get_world_size() > 1 and not is_at_update(runner.optim_wrapper):
            return
        minutes = (time.monotonic() - self._written_at) / 60
        due = self.interval_minutes is not None and minutes >= self.interval_minutes
        signal, due = agreed(runner.stop_signals.noted, due)
        position = runner.epoch, runner.iter + 1
        before_validation = isinstance(loop, ResumableIterLoop) and (
            runner.val_loop is not None and _is_due(loop, position[1], loop.max_iters)
        )
        if signal or due or before_validation:
            self.write_now(runner, *position)
        if signal:
            # A launcher ends all processes when the first has ended.
            barrier()
            raise TrainingStopped(signal, self.last_ckpt)

    def after_train_epoch(self, runner: Runner) -> None:
        """Write what is due after an epoch, always before a validation, which may take hours."""
        super().after_train_epoch(runner)
        loop = runner.train_loop
        if isinstance(loop, ResumableEpochLoop) and runner.val_loop is not None:
            done = runner.epoch + 1
            if _is_due(loop, done, loop.max_epochs):
                self.write_now(runner, done, runner.iter)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: Sequence | None = None,
    ) -> None:
        """End a validation that a signal asks to end; the checkpoint before it is there.

        Several processes end after it, as they have to agree and need not have as many batches.

        Raises:
            TrainingStopped: it does.
        """
        signals = getattr(runner, 'stop_signals', None)
        if signals is not None and signals.noted and get_world_size() == 1:
            raise TrainingStopped(signals.noted, self.last_ckpt)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Keep the best checkpoint, and end a run that a signal asks to end.

        Raises:
            TrainingStopped: it does.
        """
        super().after_val_epoch(runner, metrics)
        signals = getattr(runner, 'stop_signals', None)
        signal = agreed(signals.noted, False)[0] if signals is not None else None
        if signal:
            raise TrainingStopped(signal, self.last_ckpt)

    def write_now(self, runner: Runner, epoch: int, iteration: int) -> None:
        """Write a checkpoint from which the run goes on, if there is none of this step.

        Args:
            runner: the run, between two steps.
            epoch: how many are done.
            iteration: how many steps are.
        """
        if self._written == (epoch, iteration):
            return
        meta = dict(epoch=epoch, iter=iteration)
        if self.by_epoch:
            name = f'epoch_{epoch}_iter_{iteration}.pth'
            runner.save_checkpoint(self.out_dir, name, meta=meta, by_epoch=False)
            self.last_ckpt = str(Path(self.out_dir) / name)
            self._wrote(meta)
            self._replaceable.add(Path(self.last_ckpt))
        else:
            self._save_checkpoint_with_step(runner, iteration, meta)

    def _wrote(self, meta: Mapping[str, int]) -> None:
        """Note a checkpoint that the run goes on from, and remove what it replaces."""
        self._written = meta['epoch'], meta['iter']
        self._written_at = time.monotonic()
        self._flush()
        if is_main_process():
            for path in self._replaceable - {Path(str(self.last_ckpt))}:
                _remove(path)
        self._replaceable.clear()

    def _flush(self) -> None:
        best = [getattr(self, 'best_ckpt_path', None)]
        best += list((getattr(self, 'best_ckpt_path_dict', None) or {}).values())
        self.file_backend.flush(keep=[self.last_ckpt, *best])

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        before = self.last_ckpt
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        except BaseException:
            # It is named before it is written.
            self.last_ckpt = before
            raise
        self._wrote(meta)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        scores = {name: _finite_score(score) for name, score in metrics.items()}
        for name in self.key_indicators if self.save_best else ():
            if scores.get(name, 0) is None:
                runner.logger.warning(f'{name} is {metrics[name]}: this checkpoint is not the best')
        last = self.last_ckpt
        if last and WITHIN_EPOCH.fullmatch(Path(last).name):
            # mmengine would write one of the epoch, too, which nobody asked for.
            self.last_ckpt = None
        super()._save_best_checkpoint(runner, scores)
        self.last_ckpt = self.last_ckpt or last
        self._flush()


def _is_due(loop: BaseLoop, done: int, last: int) -> bool:
    """Whether a validation follows when `done` epochs or steps of `last` are done."""
    return done >= loop.val_begin and (done % loop.val_interval == 0 or done == last)
