"""Score a checkpoint on every frame of the test set of a config."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from ..errors import ConfigError
from ..utils.benchmark_options import PrecisionName
from .common import (
    CHECKPOINT_HELP,
    add_config_arguments,
    add_features_argument,
    check_data_roots,
    read_config,
)
from .json_output import add_json_argument, give_json
from .launchers import joined_processes

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import nn

    from ..checkpoints import Checkpoint
    from ..metrics import ScoreReport
    from ..models.saliency_model import SaliencyModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit test`."""
    add_config_arguments(parser)
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help=f'weights of the whole model: {CHECKPOINT_HELP}; not needed where CONFIG is a model '
        'with its weights: lite0, a work dir',
    )
    parser.add_argument(
        '--precision',
        choices=[name for name in get_args(PrecisionName) if name != 'auto'],
        help='as of salkit predict (default: as the config tests, which is exact)',
    )
    parser.add_argument('--out', metavar='FILE.json', help='write the scores, per video too')
    add_json_argument(parser)
    add_features_argument(parser)
    parser.add_argument('--dump', metavar='DIR', help='write the predicted maps')
    parser.add_argument(
        '--dump-format',
        choices=['npy', 'png16', 'png'],
        default='npy',
        help='npy: float32 as scored (default); png16, png: the map in [0, 1] as integers',
    )


@dataclass(frozen=True)
class Evaluation:
    """What a test found.

    Attributes:
        reports: by name of the protocol, in the order that the config names them.
        model: what was tested: its `name`, the number of its `parameters`, `frames_per_s` of the
            whole test, in which frames are read, predicted and scored, the `device` and the
            `precision`.
    """

    reports: dict[str, ScoreReport]
    model: dict[str, object]


def evaluate(
    cfg: Config,
    checkpoint: Checkpoint,
    work_dir: str | Path,
    precision: str | None = None,
    features: str | None = None,
) -> Evaluation | None:
    """Score `checkpoint` on the test set of `cfg`.

    Args:
        cfg: the config.
        checkpoint: the weights.
        work_dir: where the log goes.
        precision: of `PRECISIONS` in salkit.models.precision; None as the config tests.
        features: a folder with those of the frozen encoder, in place of clips.

    Returns:
        None on all but the main process of a distributed run.

    Raises:
        CheckpointError: a checkpoint that cannot be read or does not fit.
        ConfigError: a test_evaluator without a `SaliencyMetric`, or a precision that is not here.
    """
    from mmengine.dist import get_world_size

    from ..checkpoints import load_weights
    from ..engine import build_runner
    from ..metrics import SaliencyMetric
    from ..models.faster import prepare_prediction
    from ..models.precision import find_precision

    cfg.load_from, cfg.resume = None, False
    with checkpoint.plugin_hints():
        runner = build_runner(cfg, work_dir, ('test',), features)
        model = cast('SaliencyModel', runner.bare_model)
        runner.logger.info(load_weights(model, checkpoint).headline)
    words, parameters = device_words(model), sum(each.numel() for each in model.parameters())
    if precision is not None:
        device = str(next(model.parameters()).device)
        model.tested_in = find_precision(precision, device)
        prepare_prediction(model.eval(), model.tested_in, device)
    start = time.perf_counter()
    runner.test()
    seconds = time.perf_counter() - start
    metrics = runner.test_loop.evaluator.metrics
    scoring = next((metric for metric in metrics if isinstance(metric, SaliencyMetric)), None)
    if scoring is None:
        raise ConfigError('test_evaluator holds no SaliencyMetric, so there is nothing to report')
    reports = scoring.reports
    if not reports:
        return None
    processes = get_world_size()
    about = dict(
        name=Path(cfg.filename).stem,
        parameters=parameters,
        frames_per_s=float(f'{next(iter(reports.values())).frames / seconds:.3g}'),
        device=words if processes == 1 else f'{processes} x {words}',
        precision=precision or 'as the config says',
    )
    return Evaluation(reports, about)


def device_words(model: nn.Module) -> str:
    """What a model is on, in words: `NVIDIA H100 80GB HBM3` or `CPU, 2 cores`."""
    import torch

    from ..utils.parallel import usable_cores

    device = next(model.parameters()).device
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return device.type if device.type != 'cpu' else f'CPU, {usable_cores()} cores'


def report_scores(
    found: Evaluation, config: str, cfg: Config, checkpoint: Checkpoint, out: str | Path | None
) -> Mapping[str, object]:
    """Print scores, and write them to `out` with what they were made from, which is returned."""
    from ..metrics.report import format_table
    from ..plugin import plugins_of
    from ..scoring.score_files import score_file
    from ..utils.files import write_json
    from ..version import __version__

    for report in found.reports.values():
        print(report.headline)
        print(format_table(report.rows(Path(cfg.filename).stem)))
    origin = dict(
        config=str(config),
        checkpoint=checkpoint.source,
        command=' '.join(sys.argv),
        salkit_version=__version__,
        plugins=plugins_of(cfg.model, cfg.test_dataloader, cfg.test_evaluator),
        model=found.model,
    )
    content = score_file([dict(origin, **report.to_json()) for report in found.reports.values()])
    if out:
        write_json(content, out)
    return content


def _read_model(args: argparse.Namespace) -> tuple[Config, Path, Checkpoint | None]:
    """The config and work dir, and the checkpoint where it says the config."""
    if args.checkpoint is None:
        from ..models.load import find_model

        cfg, found = find_model(args.config)
        cfg, work_dir = read_config(args, lambda _, options: find_model(cfg, found, options)[0])
        return cfg, work_dir, found
    try:
        return *read_config(args), None
    except ConfigError:
        from ..checkpoints.named import check_model_names

        check_model_names(None, args.checkpoint)
        from ..checkpoints import read_checkpoint

        # It may fail for the want of a plugin that the checkpoint can name.
        with read_checkpoint(args.checkpoint).plugin_hints():
            raise


def run(args: argparse.Namespace) -> int:
    """Test."""
    from ..checkpoints.named import check_model_names, names_weights
    from ..utils.files import check_json_place

    if args.features and args.precision:
        raise ConfigError(
            '--precision does not go with --features, which stand for the encoder that it changes'
        )
    if args.out:
        check_json_place(args.out)
    if args.checkpoint is None:
        check_model_names(args.config)
        if not names_weights(args.config):
            raise ConfigError(f'{args.config}: is a config; give the checkpoint to test behind it')
    cfg, work_dir, with_weights = _read_model(args)
    check_data_roots(cfg, 'test_dataloader')
    check_model_names(None, args.checkpoint)
    from ..checkpoints import read_checkpoint

    # A wrong file should not wait for the data set to be read.
    checkpoint = with_weights or read_checkpoint(args.checkpoint)
    if args.dump:
        hook = dict(type='DumpMapsHook', out_dir=args.dump, format=args.dump_format)
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]
    with joined_processes(cfg):
        found = evaluate(cfg, checkpoint, work_dir, args.precision, args.features)
    if found is not None:
        give_json(args, report_scores(found, args.config, cfg, checkpoint, args.out))
    return 0
