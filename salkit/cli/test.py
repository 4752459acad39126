"""Score a checkpoint on every frame of the test set of a config."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .common import CHECKPOINT_HELP, add_config_arguments, check_data_roots, read_config
from .launchers import joined_processes

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..checkpoints import Checkpoint
    from ..metrics import ScoreReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit test`."""
    add_config_arguments(parser)
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help=f'weights of the whole model: {CHECKPOINT_HELP}; not needed where CONFIG is a model '
        'with its weights: lite0, a work dir',
    )
    parser.add_argument('--out', metavar='FILE.json', help='write the scores, per video too')
    parser.add_argument('--dump', metavar='DIR', help='write the predicted maps')
    parser.add_argument(
        '--dump-format',
        choices=['npy', 'png16', 'png'],
        default='npy',
        help='npy: float32 as scored (default); png16, png: the map in [0, 1] as integers',
    )


def evaluate(cfg: Config, checkpoint: Checkpoint, work_dir: str | Path) -> ScoreReport | None:
    """Score `checkpoint` on the test set of `cfg`.

    Returns:
        The report; None on all but the main process of a distributed run.

    Raises:
        CheckpointError: a checkpoint that cannot be read or does not fit.
    """
    from ..checkpoints import load_weights
    from ..engine import build_runner
    from ..metrics import SaliencyMetric

    cfg.load_from, cfg.resume = None, False
    with checkpoint.plugin_hints():
        runner = build_runner(cfg, work_dir, ('test',))
        runner.logger.info(load_weights(runner.bare_model, checkpoint).summary)
    runner.test()
    for metric in runner.test_loop.evaluator.metrics:
        if isinstance(metric, SaliencyMetric):
            return metric.report
    raise ConfigError('test_evaluator holds no SaliencyMetric, so there is nothing to report')


def report_scores(
    report: ScoreReport, config: str, cfg: Config, checkpoint: Checkpoint, out: str | Path | None
) -> None:
    """Print scores, and write them to `out` with what they were made from."""
    from ..metrics.report import format_table
    from ..plugin import plugins_of
    from ..utils.files import write_json
    from ..version import __version__

    print(report.headline)
    print(format_table({Path(cfg.filename).stem: report.scores}))
    if out:
        content = dict(
            config=str(config),
            checkpoint=checkpoint.source,
            command=' '.join(sys.argv),
            salkit_version=__version__,
            plugins=plugins_of(cfg.model, cfg.test_dataloader, cfg.test_evaluator),
            **report.to_json(),
        )
        write_json(content, out)


def _read_model(args: argparse.Namespace) -> tuple[Config, Path, Checkpoint | None]:
    """The config and work dir, and the checkpoint where it says the config."""
    from ..checkpoints import read_checkpoint
    from ..models.load import find_model

    if args.checkpoint is None:
        cfg, found = find_model(args.config)
        if found is None:
            raise ConfigError(f'{args.config}: is a config; give the checkpoint to test behind it')
        cfg, work_dir = read_config(args, lambda _, options: find_model(cfg, found, options)[0])
        return cfg, work_dir, found
    try:
        return *read_config(args), None
    except ConfigError:
        # It may fail for the want of a plugin that the checkpoint can name.
        with read_checkpoint(args.checkpoint).plugin_hints():
            raise


def run(args: argparse.Namespace) -> int:
    """Test."""
    from ..checkpoints import read_checkpoint
    from ..utils.files import check_json_place

    cfg, work_dir, found = _read_model(args)
    check_data_roots(cfg, 'test_dataloader')
    if args.out:
        check_json_place(args.out)
    # A wrong file should not wait for the data set to be read.
    checkpoint = found or read_checkpoint(args.checkpoint)
    if args.dump:
        hook = dict(type='DumpMapsHook', out_dir=args.dump, format=args.dump_format)
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]
    with joined_processes(cfg):
        report = evaluate(cfg, checkpoint, work_dir)
    if report is not None:
        report_scores(report, args.config, cfg, checkpoint, args.out)
    return 0
