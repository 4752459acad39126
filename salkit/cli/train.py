"""Train the model of a config; validate, keep the best checkpoint, log to TensorBoard."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CheckpointError
from .common import (
    add_config_arguments,
    add_features_argument,
    check_data_roots,
    read_config,
)
from .launchers import joined_processes

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..engine import SaliencyRunner


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit train`."""
    add_config_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint, or from the latest one in a work dir (default: its own)',
    )
    parser.add_argument(
        '--test',
        action='store_true',
        help='afterwards score the best checkpoint on the test set, into WORK_DIR/scores.json',
    )
    add_features_argument(parser)
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 on a GPU, bfloat16 on a CPU (slow without support for it)',
    )


def train(cfg: Config, work_dir: str | Path, features: str | None = None) -> SaliencyRunner:
    """Train the model of `cfg` and return the Runner after its last epoch.

    Args:
        cfg: what `load_config` gives.
        work_dir: for logs and checkpoints.
        features: a folder with those of the frozen encoder, in place of clips.

    Raises:
        TrainingStopped: the run was ended by a signal.
    """
    from ..engine import build_runner

    runner = build_runner(cfg, work_dir, ('train', 'val'), features)
    runner.train()
    best = runner.message_hub.runtime_info.get('best_ckpt')
    if best:
        score = runner.message_hub.get_info('best_score')
        best = Path(work_dir) / Path(best).name
        runner.logger.info(f'Best checkpoint: {best} (validation score {score:.4f})')
    runner.logger.info(f'Curves of the run: salkit plot {work_dir} --out curves.png')
    return runner


def score_best(args: argparse.Namespace, cfg: Config, work_dir: Path) -> None:
    """Score the best checkpoint of a finished run, the last one where nothing was validated."""
    from ..checkpoints import find_best_checkpoint, read_checkpoint
    from ..engine import find_latest_checkpoint
    from ..errors import CheckpointError
    from .test import evaluate, report_scores

    path = find_best_checkpoint(work_dir) or find_latest_checkpoint(work_dir)
    if path is None:
        raise CheckpointError(f'{work_dir}: training left no checkpoint to test')
    checkpoint = read_checkpoint(path)
    found = evaluate(cfg, checkpoint, work_dir, features=args.features)
    if found is not None:
        report_scores(found, args.config, cfg, checkpoint, work_dir / 'scores.json')


def _amp_wrapper() -> str:
    import torch

    return 'AmpOptimWrapper' if torch.cuda.is_available() else 'BFloat16OptimWrapper'


def run(args: argparse.Namespace) -> int:
    """Train."""
    cfg, work_dir = read_config(args)
    loaders = ('train_dataloader', 'val_dataloader', *(['test_dataloader'] if args.test else []))
    check_data_roots(cfg, *loaders)
    from ..checkpoints import locate
    from ..checkpoints.named import check_model_names
    from ..checkpoints.sharded import is_sharded

    if args.resume not in (None, 'auto') and not Path(args.resume).is_dir():
        # A wrong file should not wait for PyTorch, nor below for the model to be built.
        check_model_names(None, args.resume)
    from mmengine.dist import is_main_process

    from ..engine import TrainingStopped, find_latest_checkpoint

    if args.amp:
        cfg.optim_wrapper.type = _amp_wrapper()
    start_from = args.resume
    if args.resume == 'auto':
        start_from = find_latest_checkpoint(work_dir)
        if start_from is None:
            print(f'salkit train: no checkpoint in {work_dir} to resume, starting anew')
    elif args.resume and Path(args.resume).is_dir() and not is_sharded(args.resume):
        # As a model, a work dir stands for its best checkpoint, which holds no optimizer.
        start_from = find_latest_checkpoint(args.resume)
        if start_from is None:
            raise CheckpointError(f'{args.resume}: holds no checkpoint to resume')
    if start_from is not None:
        cfg.resume, cfg.load_from = True, str(start_from)
    if cfg.get('load_from'):
        locate(cfg.load_from)
    with joined_processes(cfg):
        try:
            train(cfg, work_dir, args.features)
        except TrainingStopped as stopped:
            # The terminal may be gone.
            with suppress(OSError):
                if is_main_process():
                    print(f'salkit train: {stopped}; --resume goes on there', file=sys.stderr)
            return stopped.status
        if args.test:
            score_best(args, cfg, work_dir)
    return 0
