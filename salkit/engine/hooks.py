"""Hooks of the Runner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook, Hook
from torch.utils.data import Dataset

from ..errors import ConfigError
from ..files import whole_file
from ..inference.outputs import write_map
from ..registry import HOOKS


def _inner_datasets(dataset: Dataset) -> Iterator[Dataset]:
    """The data sets inside wrappers such as ConcatDataset, or `dataset` itself."""
    inner = getattr(dataset, 'datasets', None) or getattr(dataset, 'dataset', None)
    if inner is None:
        yield dataset
    else:
        for item in inner if isinstance(inner, (list, tuple)) else [inner]:
            yield from _inner_datasets(item)


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds every epoch from the run's seed and the epoch's number alone.

    An epoch then goes the same way whether the run came to it or was resumed at it. It also tells
    the data sets which epoch to draw random clips for.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner) -> None:
        """Seed torch and NumPy, and hand the epoch's number to the data sets."""
        sequence = np.random.SeedSequence((runner.seed, runner.epoch, get_rank()))
        torch_seed, numpy_seed = sequence.generate_state(2)
        torch.manual_seed(int(torch_seed))
        np.random.seed(int(numpy_seed))
        for dataset in _inner_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(runner.epoch)


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

    def before_train(self, runner) -> None:
        """Set up the folder and the deferred removals."""
        super().before_train(runner)
        self.file_backend = _DeferredRemoval()
        if self.save_best and self._resumed_before_validation(runner):
            runner.logger.info(f'Validating the checkpoint of epoch {runner.epoch} first')
            runner.val_loop.run()

    def _resumed_before_validation(self, runner) -> bool:
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

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self._flush()

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        super()._save_best_checkpoint(runner, metrics)
        self._flush()


DUMP_FORMATS = ('npy', 'png16', 'png')


@HOOKS.register_module()
class DumpMapsHook(Hook):
    """Writes every predicted map while testing: `<out_dir>/<video>/<frame>.<format>`.

    Args:
        out_dir: folder, made where it does not exist.
        format: 'npy' (float32, as scored), 'png16' or 'png' (the map's [0, 1] times 65535 or 255).
    """

    def __init__(self, out_dir: str, format: str = 'npy') -> None:
        if format not in DUMP_FORMATS:
            raise ConfigError(
                f'DumpMapsHook: format must be one of {", ".join(DUMP_FORMATS)}, got {format!r}'
            )
        self.out_dir = Path(out_dir)
        self.format = format

    def after_test_iter(
        self, runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[dict] | None = None
    ) -> None:
        """Write the maps of one batch."""
        for sample in outputs or ():
            folder = self.out_dir / sample['meta'].video
            self.write(sample['saliency_map'].cpu().numpy(), folder / sample['meta'].frame)

    def write(self, saliency_map: np.ndarray, stem: Path) -> None:
        """Write one map (H, W) in [0, 1], complete or not at all."""
        suffix = '.npy' if self.format == 'npy' else '.png'
        with whole_file(stem.with_name(stem.name + suffix)) as temporary:
            write_map(saliency_map, temporary, self.format)
