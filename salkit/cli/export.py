"""Write a model as ONNX, checked against the model."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from .chosen_model import MODEL_HELP
from .common import CHECKPOINT_HELP, ENDING_SECONDS, ended_as_interrupted, rows_and_columns
from .json_output import add_json_argument, give_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit export`."""
    parser.add_argument('config', nargs='?', metavar='NAME', help=MODEL_HELP)
    parser.add_argument('--model', metavar='NAME', help='the same, as other commands call it')
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument('--checkpoint', metavar='FILE', help=CHECKPOINT_HELP)
    weights.add_argument(
        '--random', action='store_true', help='random weights instead, to try what runs the file'
    )
    parser.add_argument('--out', required=True, metavar='FILE', help='model.onnx')
    parser.add_argument(
        '--precision',
        choices=['float32', 'float16', 'int8'],
        default='float32',
        help='inside, float32 at both ends; int8 in the encoder alone (default: float32)',
    )
    parser.add_argument(
        '--dynamic-batch', action='store_true', help='take any number of clips at once, not just 1'
    )
    parser.add_argument(
        '--size', metavar='WIDTHxHEIGHT', help="of the clips (default: those of the config's test)"
    )
    parser.add_argument('--opset', type=int, metavar='N', help='version of the ONNX operators')
    parser.add_argument(
        '--tolerance',
        type=float,
        metavar='X',
        help='largest difference to the model (default: 1e-4; of the range of its maps, 0.02 in '
        'float16 and 0.2 in int8)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='override entries of the config'
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Export."""
    from ..checkpoints.named import check_model_names, names_weights
    from ..config import parse_options
    from ..errors import ConfigError
    from ..inference.export.options import ExportOptions, check_export_place

    if None not in (args.config, args.model):
        raise ConfigError(f'{args.config} and --model {args.model}: name one model')
    name = args.model if args.config is None else args.config
    check_model_names(name, args.checkpoint)
    options = ExportOptions(
        precision=args.precision,
        dynamic_batch=args.dynamic_batch,
        size=rows_and_columns('--size', args.size),
        opset=args.opset,
        options=parse_options(args.cfg_options),
        tolerance=args.tolerance,
        random_weights=args.random,
    )
    check_export_place(args.out)
    has_weights = name is None or args.checkpoint is not None or names_weights(name)
    options.check_weights(name or 'the default model', has_weights)
    from ..inference.backends.exported import sized
    from ..inference.export import export_model

    with ended_as_interrupted(ENDING_SECONDS):
        done = export_model(
            name,
            args.checkpoint,
            args.out,
            options,
            on_step=lambda step: print(f'{step} ...', file=sys.stderr, flush=True),
        )
    about = done.metadata
    rows, columns = sized(about.clip)
    print(
        f'{about.config}: clips of {about.clip.clip_len} frames, {rows} x {columns}, '
        f'{"any number" if about.dynamic_batch else "one"} at once, {about.precision}'
        + ('' if about.checkpoint else ', random weights')
    )
    names = ' and '.join(str(path) for path in reversed(done.files))
    print(f'agrees with the model: {done.agreement}')
    print(f'wrote {names}: ONNX, opset {done.opset}, {done.size / 1e6:.1f} MB')
    give_json(
        args,
        dict(
            files=[str(path) for path in done.files],
            bytes=done.size,
            opset=done.opset,
            metadata=json.loads(about.to_text()),
            agreement=asdict(done.agreement),
        ),
    )
    return 0
