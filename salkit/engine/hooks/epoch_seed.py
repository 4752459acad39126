"""Epochs that go the same way whether a run came to them or was resumed at them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from ...registry import HOOKS


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

    An epoch then goes the same way whether the run came to it or was resumed at it. The data
    sets also get to know which epoch to draw random clips for.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed torch and NumPy, and hand the epoch's number to the data sets."""
        sequence = np.random.SeedSequence((runner.seed, runner.epoch, get_rank()))
        torch_seed, numpy_seed = sequence.generate_state(2)
        torch.manual_seed(int(torch_seed))
        np.random.seed(int(numpy_seed))
        for dataset in _inner_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(runner.epoch)
