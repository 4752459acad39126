"""A training run on the terminal: a few lines at the start, then one line an epoch."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader
from tqdm import tqdm

from ...registry import HOOKS
from ...utils.text import check_range
from ..loader import SeededDataset


def clips_in(data_batch: Mapping | None) -> int:
    """How many clips a collated batch holds, over all processes."""
    values = next(iter(data_batch.values()), ()) if isinstance(data_batch, Mapping) else ()
    return len(values) * get_world_size()


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _number(count: int, noun: str) -> str:
    return f'{count} {noun}{"" if count == 1 else "s"}'


def _from_here(path: str | Path) -> str:
    """A path as short as somebody in this folder may write it."""
    here = Path.cwd()
    return str(Path(path).relative_to(here) if Path(path).is_relative_to(here) else path)


def _told(dataset: object) -> str:
    """A data set in words: `DHF1KDataset train, 540 clips of 540 videos`."""
    info = getattr(dataset, 'metainfo', {})
    named = ' '.join(str(info[key]) for key in ('dataset', 'split') if key in info)
    videos = getattr(dataset, 'videos', None)
    counted = _number(len(dataset), 'clip')  # type: ignore[arg-type]
    if videos:
        counted += f' of {_number(len(videos), "video")}'
    return f'{named or type(dataset).__name__}, {counted}'


def _unwrapped(dataset: object) -> object:
    return dataset.dataset if isinstance(dataset, SeededDataset) else dataset


@HOOKS.register_module()
class EpochLineHook(Hook):
    """Prints what to know at the start of a training, one line an epoch, and progress within it.

    On a terminal a bar shows the progress; elsewhere a line every few minutes does. Where a config
    has this hook, mmengine's own pages and lines go to the log file alone; without it
    (`--verbose`), they are on the terminal too.

    Args:
        every_s: seconds after which a line shows that the run is alive, where there is no bar.
    """

    # Before the hook that may validate a resumed checkpoint first; what others note in an event is
    # printed in a later one.
    priority = 'HIGH'

    def __init__(self, every_s: float = 180.0) -> None:
        check_range('EpochLineHook', 'every_s', every_s, 0)
        self.every_s = every_s
        self._bar: tqdm | None = None
        # The line of an epoch, until it is known whether a validation adds its scores.
        self._held = ''
        self._scores = ''
        self._best: dict[str, object] = {}
        self._said = self._train_began = self._epoch_began = time.monotonic()
        self._first_step = self._steps = self._clips = 0

    # The start and the end --------------------------------------------------------------------

    def before_train(self, runner: Runner) -> None:
        """Say what is trained on what, where its files go and how to resume it."""
        model = runner.bare_model
        count = sum(p.numel() for p in model.parameters())
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        name = Path(runner.cfg.filename).stem if runner.cfg.filename else runner.experiment_name
        processes = get_world_size()
        on = str(next(model.parameters()).device) + (f' x {processes}' if processes > 1 else '')
        loader = runner.train_dataloader
        by_step = isinstance(runner.train_loop, IterBasedTrainLoop)
        length = _number(runner.max_iters, 'step')
        if not by_step:
            length = f'{_number(runner.max_epochs, "epoch")} of {_number(len(loader), "step")}'
        lines = [
            f'{name}: {length} on {on}; {type(model).__name__} of {count / 1e6:.2f} M parameters, '
            f'{trained / 1e6:.2f} M of them trained',
            f'train: {_told(_unwrapped(loader.dataset))}, '
            f'{(loader.batch_size or 1) * processes} a step',
        ]
        if runner.val_loop is not None:
            every = _number(runner.train_loop.val_interval, 'step' if by_step else 'epoch')
            line = f'val: {_told(runner.val_dataloader.dataset)}, every {every}'
            best = [h.save_best for h in runner.hooks if isinstance(h, CheckpointHook)]
            if best and best[0]:
                line += f'; the best {" and ".join(best[0])} is kept'
            lines.append(line)
        lines += [
            f'all of the log: {_from_here(runner.logger.log_file)}',
            f'curves: tensorboard --logdir {_from_here(runner.work_dir)}',
            'after an interruption: the same command with --resume',
        ]
        if runner.iter:
            lines.append(f'resumed epoch: {runner.epoch}, iter: {runner.iter}')
        for line in lines:
            self._say(runner, line)
        self._train_began, self._first_step = self._said, runner.iter

    def after_train(self, runner: Runner) -> None:
        """Print the last line."""
        self._print_held(runner)

    def close(self) -> None:
        """Wipe the progress bar, if there is one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    # Epochs -----------------------------------------------------------------------------------

    def before_train_epoch(self, runner: Runner) -> None:
        """Print the line of the epoch before, and begin anew."""
        self._print_held(runner)
        self._begin()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Mapping | None = None,
        outputs: object = None,
    ) -> None:
        """Show that a step is done."""
        self._steps += 1
        self._clips += clips_in(data_batch)
        of = len(runner.train_dataloader)
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            batch_idx, of = runner.iter, runner.max_iters
        self._progress(batch_idx + 1, of, self._place(runner, 1))
        if self._is_due():
            self._say(runner, self._train_line(runner, 1, f'step {batch_idx + 1}/{of}'))

    def after_train_epoch(self, runner: Runner) -> None:
        """Hold the epoch's line back until a validation may have added its scores."""
        self.close()
        if self._steps:
            self._held = self._train_line(runner, 1)

    def before_val(self, runner: Runner) -> None:
        """Note the best checkpoints so far, to see whether there is a better one afterwards."""
        self.close()
        if self._steps and not self._held:
            self._held = self._train_line(runner, 0)
        self._scores = ''
        self._best = self._best_checkpoints(runner)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: object = None,
    ) -> None:
        """Show that a batch is validated."""
        self._pass(runner, 'validation', batch_idx, runner.val_dataloader)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Note the scores."""
        self.close()
        # Whole numbers count videos and frames.
        scores = {k: v for k, v in (metrics or {}).items() if isinstance(v, float)}
        self._scores = 'val ' + ' '.join(f'{name} {value:.4f}' for name, value in scores.items())

    def after_val(self, runner: Runner) -> None:
        """Print the line with the scores, and whether they are the best so far."""
        new = [
            match[1]
            for key, path in self._best_checkpoints(runner).items()
            if self._best.get(key) != path
            and (match := re.match(r'best_(.+)_(?:epoch|iter)_\d+\.pth', Path(str(path)).name))
        ]
        self._held = f'{self._held or self._place(runner, 0)}  {self._scores}'
        if new:
            self._held += f', best {" and ".join(new)} so far'
        self._print_held(runner)
        self._begin()

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: object = None,
    ) -> None:
        """Show that a batch is tested."""
        self._pass(runner, 'test', batch_idx, runner.test_dataloader)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Wipe the bar."""
        self.close()

    # Lines ------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._epoch_began = time.monotonic()
        self._steps = self._clips = 0

    def _say(self, runner: Runner, line: str) -> None:
        self._said = time.monotonic()
        runner.logger.info(line)

    def _print_held(self, runner: Runner) -> None:
        if self._held:
            self._say(runner, self._held)
            self._held = ''

    @staticmethod
    def _best_checkpoints(runner: Runner) -> dict[str, object]:
        info = runner.message_hub.runtime_info
        return {key: info[key] for key in info if key.startswith('best_ckpt')}

    @staticmethod
    def _place(runner: Runner, ahead: int) -> str:
        """Where the run is, `ahead` of what the Runner has counted."""
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            name, now, of = 'step', runner.iter, runner.max_iters
        else:
            name, now, of = 'epoch', runner.epoch + ahead, runner.max_epochs
        return f'{name} {now:>{len(str(of))}}/{of}'

    def _train_line(self, runner: Runner, ahead: int, within: str = '') -> str:
        """Losses, rate, speed and the time left, of the steps since the last line."""
        scalars = runner.message_hub.log_scalars
        parts = {
            key.removeprefix('train/loss').removeprefix('_'): buffer.mean(self._steps)
            for key, buffer in scalars.items()
            if key.startswith('train/loss')
        }
        total = parts.pop('', None)
        named = ', '.join(f'{name} {value:.4f}' for name, value in parts.items())
        items = [self._place(runner, ahead), within]
        if total is not None:
            items.append(f'loss {total:.4f}' + (f' ({named})' if named else ''))
        if 'train/lr' in scalars:
            items.append(f'lr {scalars["train/lr"].current():.1e}')
        now = time.monotonic()
        speed = self._clips / max(1e-9, now - self._epoch_began)
        items.append(f'{speed:.{0 if speed >= 100 else 1}f} clips/s')
        # Within a step's events the Runner has not counted the step yet.
        done = runner.iter + bool(within) - self._first_step
        left = (runner.max_iters - self._first_step - done) / max(1, done)
        items.append(f'left {_duration((now - self._train_began) * left)}')
        skipped = scalars.get('train/skipped_steps')
        if skipped is not None and skipped.current() > 0:
            items.append(f'{_number(int(skipped.current()), "step")} skipped so far')
        return '  '.join(filter(None, items))

    # Progress ---------------------------------------------------------------------------------

    def _pass(self, runner: Runner, what: str, batch_idx: int, loader: DataLoader) -> None:
        """Progress of a pass over a data set without training."""
        if self._bar is None and batch_idx == 0:
            self._said = time.monotonic()
        self._progress(batch_idx + 1, len(loader), what)
        if self._is_due():
            self._say(runner, f'{what} {batch_idx + 1}/{len(loader)}')

    def _progress(self, done: int, of: int, what: str) -> None:
        if self._bar is None:
            # None: no bar where standard error is no terminal.
            hidden = None if is_main_process() else True
            self._bar = tqdm(
                total=of, initial=done - 1, desc=what, unit='step', leave=False, disable=hidden
            )
        self._bar.update(done - self._bar.n)

    def _is_due(self) -> bool:
        """Whether a line has to show that the run is alive."""
        hidden = self._bar is None or self._bar.disable
        return hidden and time.monotonic() - self._said >= self.every_s


@contextmanager
def no_bar_left(hooks: list[Hook]) -> Iterator[None]:
    """Wipe the bar of a run that a block leaves, however it leaves."""
    try:
        yield
    finally:
        for hook in hooks:
            if isinstance(hook, EpochLineHook):
                hook.close()
