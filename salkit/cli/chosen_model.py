"""The model that a user chose on the command line, by the same arguments in every command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .common import CHECKPOINT_HELP

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..checkpoints import Checkpoint
    from ..inference.predictor import SaliencyPredictor

# What `salkit demo` trains, and where it leaves it.
DEMO_CONFIG = 'demo/umt-tiny_cc-kl'
DEMO_WORK_DIR = Path('work_dirs/demo')


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """--model, --checkpoint, --demo and --device."""
    parser.add_argument(
        '--model',
        metavar='NAME',
        help='a config file, the name of one that comes with salkit, PLUGIN::NAME, a model that '
        '`salkit export` wrote (.onnx), or a checkpoint that says its config, such as a work dir',
    )
    parser.add_argument(
        '--checkpoint',
        metavar='FILE',
        help=f'weights of the whole model: {CHECKPOINT_HELP}; an exported model holds its own',
    )
    parser.add_argument(
        '--demo',
        action='store_true',
        help=f'the tiny model that `salkit demo` trained into {DEMO_WORK_DIR}; also taken where '
        'neither --model nor --checkpoint is given',
    )
    parser.add_argument(
        '--device', default='auto', help='auto (a GPU where there is one), cpu or cuda:N'
    )


def demo_checkpoint(work_dir: Path = DEMO_WORK_DIR) -> Path:
    """The best checkpoint of `salkit demo`.

    Raises:
        ConfigError: it has not been run here.
    """
    from ..checkpoints.locate import find_best_checkpoint

    checkpoint = find_best_checkpoint(work_dir)
    if checkpoint is None:
        raise ConfigError(
            f'no demo model in {work_dir}: `salkit demo` trains it in 4 minutes; or name a model '
            'by --model and --checkpoint'
        )
    return checkpoint


def choose_model(
    model: str | None, checkpoint: str | None, demo: bool
) -> tuple[Config | str, Checkpoint | None]:
    """What the arguments stand for.

    Args:
        model: config or exported file, None where not given.
        checkpoint: of the config.
        demo: take the demo's.

    Returns:
        The first two arguments of `SaliencyPredictor`; the config is the one that the checkpoint
        was made with, where it was not given.

    Raises:
        ConfigError: arguments that do not go together, or no demo model.
        CheckpointError: a checkpoint that cannot be read, or does not say its config.
    """
    if demo and (model or checkpoint):
        raise ConfigError('--demo names a model: give it without --model and --checkpoint')
    # An empty text is a variable of the shell that is not set, and no wish for the demo's.
    is_demo = demo or (checkpoint is None and model in (None, DEMO_CONFIG))
    source = demo_checkpoint() if is_demo else checkpoint
    if is_exported(model):
        if source is not None:
            raise ConfigError(f'{model}: an exported model holds its weights, got {source} too')
        return str(model), None
    from ..checkpoints import read_checkpoint
    from ..models.load import find_model

    if model is None:
        read = read_checkpoint(str(source))
        return read.config(), read
    cfg, read_or_none = find_model(model, source)
    if read_or_none is None:
        raise ConfigError(
            f'--model {model}: give --checkpoint, its weights, too; random ones predict nothing'
        )
    return cfg, read_or_none


def is_exported(model: object) -> bool:
    """Whether a model is named that `salkit export` wrote."""
    from ..inference.predictor import EXPORTED

    return isinstance(model, str) and Path(model).suffix.lower() in EXPORTED


def open_chosen_model(args: argparse.Namespace) -> SaliencyPredictor:
    """The predictor of a command's arguments.

    Args:
        args: with those of `add_model_arguments`.

    Raises:
        ConfigError: arguments that do not go together, or see `SaliencyPredictor`.
        CheckpointError: see there.
    """
    from ..inference.predictor import SaliencyPredictor
    from ..utils.parallel import share_cores

    share_cores()
    model, checkpoint = choose_model(args.model, args.checkpoint, args.demo)
    return SaliencyPredictor(model, checkpoint, args.device)
