"""The config that trains on a prepared data set."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigError
from .report import PrepareReport

BASE = 'salkit::salfom/umt-l16_cc-kl.py'


def train_config(dataset: str, destination: str | Path, splits: set[str], base: str = BASE) -> str:
    """The text of a config file for `salkit train` and `salkit test`.

    Args:
        dataset: class that reads it.
        destination: its root.
        splits: that hold videos with ground truth.
        base: config of everything else.

    Raises:
        ConfigError: nothing to train on.
    """
    if 'train' not in splits:
        raise ConfigError(
            f'{destination}: there are no videos to train on (splits with ground truth: '
            f'{", ".join(sorted(splits)) or "none"})'
        )
    lines = [
        f'_base_ = {base!r}',
        f'dataset_type = {dataset!r}',
        f'data_root = {str(destination)!r}',
    ]
    if dataset == 'VideoSaliencyDataset' and 'test' not in splits:
        lines += [
            '# There are no test videos.',
            "test_dataloader = dict(dataset=dict(split='val'))",
        ]
    lines += [
        "val_evaluator = dict(type='SaliencyMetric', protocol='exact')",
        "test_evaluator = dict(type='SaliencyMetric', protocol='exact')",
    ]
    return '\n'.join(lines) + '\n'


def annotated_splits(report: PrepareReport) -> set[str]:
    """Splits of a report with videos that have ground truth."""
    return {
        split
        for split in ('train', 'val', 'test')
        for folder in sorted((report.destination / split).glob('*/maps'))[:1]
        if folder.is_dir()
    }
