"""The model that a user chose on the command line, by the same arguments in every command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ..errors import ConfigError
from ..utils.benchmark_options import PrecisionName
from .common import CHECKPOINT_HELP

if TYPE_CHECKING:
    from mmengine.config import Config

    from ..checkpoints import Checkpoint
    from ..inference.predictor import SaliencyPredictor

MODEL_HELP = (
    'a config file, the name of one that comes with salkit, PLUGIN::NAME, or a model with its '
    'weights: lite0, which comes with salkit and is used where none is named, or a checkpoint that '
    'says its config, such as a work dir'
)


def add_model_arguments(
    parser: argparse._ActionsContainer,
    stride: int | None = 1,
    usual_stride: str = '1',
    several: bool = False,
) -> None:
    """--model, --checkpoint, --device, --precision, --speed and --engine.

    Args:
        parser: of the command, or a group of it.
        stride: where --speed is not given.
        usual_stride: what that means, in words.
        several: the first two may be given as often as there are models.
    """
    action, more = ('append', '; may be given again') if several else ('store', '')
    parser.add_argument(
        '--model',
        action=action,
        metavar='NAME',
        help=f'{MODEL_HELP}, or what `salkit export` wrote (.onnx){more}',
    )
    parser.add_argument(
        '--checkpoint',
        action=action,
        metavar='FILE',
        help=f'weights of the whole model: {CHECKPOINT_HELP}; an exported model holds its own',
    )
    parser.add_argument(
        '--device', default='auto', help='auto (a GPU where there is one), cpu or cuda:N'
    )
    parser.add_argument(
        '--precision',
        choices=get_args(PrecisionName),
        help='what to give up for speed: nothing (exact), digits (bf16, fp16 on GPUs, int8 on '
        'CPUs), and keys of attention too (fast, fastest); auto takes the fastest that agrees with '
        "exact on a photograph's clip (default: as the config tests, which is exact)",
    )
    parser.add_argument(
        '--speed',
        '--stride',
        dest='stride',
        type=int,
        default=stride,
        metavar='K',
        help='predict every K-th frame, and interpolate between: K times as fast (default: '
        f'{usual_stride})',
    )
    parser.add_argument(
        '--engine',
        choices=['auto', 'onnxruntime', 'openvino'],
        default='auto',
        help='what runs the model: onnxruntime exported ones, openvino any on a CPU (default: '
        'onnxruntime and PyTorch)',
    )


def choose_model(
    model: str | None, checkpoint: str | None
) -> tuple[Config | str, Checkpoint | None]:
    """What the arguments stand for.

    Args:
        model: config or exported file, None where not given.
        checkpoint: of the config.

    Returns:
        The first two arguments of `SaliencyPredictor`; the config is the one that the checkpoint
        was made with, where it was not given.

    Raises:
        ConfigError: arguments that do not go together.
        CheckpointError: a checkpoint that cannot be read, or does not say its config.
    """
    if is_exported(model):
        if checkpoint is not None:
            raise ConfigError(f'{model}: an exported model holds its weights, got {checkpoint} too')
        return str(model), None
    from ..checkpoints.named import check_model_names, names_weights

    check_model_names(model, checkpoint)
    if model is not None and checkpoint is None and not names_weights(model):
        raise ConfigError(
            f'--model {model}: give --checkpoint, its weights, too; random ones predict nothing'
        )
    from ..models.load import find_model

    return find_model(model, checkpoint)


def is_exported(model: object) -> bool:
    """Whether a model is named that `salkit export` wrote."""
    from ..inference.predictor import EXPORTED

    return isinstance(model, str) and Path(model).suffix.lower() in EXPORTED


def open_chosen_model(args: argparse.Namespace) -> SaliencyPredictor:
    """The predictor of a command's arguments; see `open_identified_model`."""
    return open_identified_model(args)[0]


def open_identified_model(
    args: argparse.Namespace,
) -> tuple[SaliencyPredictor, dict[str, object]]:
    """The predictor of a command's arguments, and what tells it from others, for records.

    Args:
        args: with those of `add_model_arguments`.

    Raises:
        ConfigError: arguments that do not go together, or see `SaliencyPredictor`.
        CheckpointError: see there.
    """
    from ..inference.predictor import SaliencyPredictor
    from ..utils.files import name_and_digest
    from ..utils.parallel import share_cores

    model, checkpoint = choose_model(args.model, args.checkpoint)
    if not is_exported(args.model):
        # Those of PyTorch, which an exported model does without.
        share_cores()
    predictor = SaliencyPredictor(
        model, checkpoint, args.device, args.precision, engine=args.engine
    )
    weights = Path(str(model)) if checkpoint is None else checkpoint.path
    about: dict[str, object] = dict(
        name=predictor.name,
        engine=predictor.backend.engine,
        precision=predictor.backend.precision,
        clips=predictor.settings.to_json(),
    )
    if weights is not None and weights.exists():
        about.update(weights=name_and_digest(weights))
    return predictor, about
