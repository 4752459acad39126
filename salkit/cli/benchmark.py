"""Time prediction, or a step of training, part by part: clips per second, memory, FLOP/s."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..utils.text import aligned
from .common import CHECKPOINT_HELP, add_cfg_options, rows_and_columns
from .json_output import add_json_argument, give_json
from .options import add_options, given_options, option_values

if TYPE_CHECKING:
    from ..engine.step_benchmark import TrainingBenchmark, TrainingSettings
    from ..inference.benchmark import InferenceBenchmark, InferenceSettings
    from ..models.measuring import Machine

KINDS = dict(infer='predict clips', train='forward, backward and the update of the optimizer')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit benchmark`."""
    from ..utils.benchmark_options import BenchmarkOptions, InferenceOptions, TrainingOptions

    told = '; '.join(f'{kind}: {text}' for kind, text in KINDS.items())
    parser.add_argument('kind', choices=list(KINDS), help=told)
    parser.add_argument(
        'config',
        metavar='CONFIG',
        help='a config file or name, or a checkpoint that says its config: lite0',
    )
    add_cfg_options(parser)
    add_options(parser, BenchmarkOptions)
    parser.add_argument(
        '--size', metavar='WIDTHxHEIGHT', help='of the clips (default: that of the config)'
    )
    add_json_argument(parser)
    infer = parser.add_argument_group('infer')
    add_options(infer, InferenceOptions, 'compile', 'baseline', 'video')
    infer.add_argument(
        '--checkpoint',
        metavar='FILE',
        help=f'{CHECKPOINT_HELP}; without, weights are random, which take the same time',
    )
    add_options(parser.add_argument_group('train'), TrainingOptions, 'checkpointing')


def format_inference(found: InferenceBenchmark) -> str:
    """A table with a column for each path."""
    settings, paths = found.settings, [found.figures]
    asked = f'{settings.precision}, batch {settings.batch}'
    heads = ['', asked + (', compiled' if settings.compile else '')]
    if found.baseline is not None:
        paths.append(found.baseline)
        heads.append('baseline')
    outer = ('read', 'model', 'finish')
    names = [name for name in found.figures.parts_ms if name not in outer]

    def row(head: str, values: Sequence[str]) -> list[str]:
        return [head, *values]

    def milliseconds(head: str, part: str) -> list[str]:
        return row(head, [f'{path.parts_ms[part]:.2f}' for path in paths])

    rows = [
        heads,
        row('clips/s', [f'{path.clips_per_s:.3f}' for path in paths]),
        milliseconds('ms a clip: model', 'model'),
        *(milliseconds(f'  {name}', name) for name in names),
        milliseconds('ms a clip: read', 'read'),
        milliseconds('ms a clip: finish', 'finish'),
        row('ms a pass: fastest', [f'{1000 * path.model.min_s:.2f}' for path in paths]),
        row('ms a pass: slowest', [f'{1000 * path.model.max_s:.2f}' for path in paths]),
        row('ms a pass: first', [f'{1000 * path.first_pass_s:.1f}' for path in paths]),
        row(
            'peak MiB', ['-' if path.peak_mib is None else f'{path.peak_mib:.0f}' for path in paths]
        ),
        row('GFLOP/s', [f'{path.gflops_per_s:.1f}' for path in paths]),
    ]
    lines = [*_heading(found.machine, settings), *aligned(rows)]
    return '\n'.join([*lines, *_conclusions(found)])


def _conclusions(found: InferenceBenchmark) -> list[str]:
    matrix = found.matrix
    shape = ' x '.join(map(str, matrix.shape))
    lines = [
        f'{found.matrix_share:.0%} of the {matrix.gflops_per_s:.1f} GFLOP/s that a '
        f"{matrix.precision} product of the encoder's shape reached ({shape})"
    ]
    if found.speedup is not None and found.difference is not None:
        lines.append(
            f'{found.speedup:.2f} times the baseline; maps differ by '
            f'{found.difference["max_abs"]:.1e} at most, CC {found.difference["CC"]:.6f}'
        )
    return lines


def format_training(found: TrainingBenchmark) -> str:
    """A table of the parts of a step."""
    settings, figures = found.settings, found.figures
    peak = '-' if figures.peak_mib is None else f'{figures.peak_mib:.0f}'
    rows = [
        ['steps/s', f'{figures.steps_per_s:.3f}'],
        ['ms a step', f'{1000 * figures.step.median_s:.2f}'],
        *([f'  {name}', f'{ms:.2f}'] for name, ms in figures.parts_ms.items()),
        ['ms: fastest', f'{1000 * figures.step.min_s:.2f}'],
        ['ms: slowest', f'{1000 * figures.step.max_s:.2f}'],
        ['ms: first step', f'{1000 * figures.first_step_s:.1f}'],
        ['peak MiB', peak],
    ]
    checkpointing = 'on' if settings.checkpointing else 'off'
    lines = [
        *_heading(found.machine, settings),
        f'batch {settings.batch}, {settings.optim_wrapper}, activation checkpointing '
        f'{checkpointing}; data: {settings.data}',
    ]
    return '\n'.join([*lines, *aligned(rows)])


def _heading(machine: Machine, settings: InferenceSettings | TrainingSettings) -> list[str]:
    clip = ' x '.join(map(str, settings.clip))
    place = machine.gpu or (
        f'{machine.cpu}, {machine.threads} of {machine.cores} cores, '
        f'{" ".join(machine.instructions)}'
    )
    return [
        f'{settings.config}: clips of {clip}, weights: {settings.weights}',
        f'on {place}; PyTorch {machine.torch}',
    ]


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    from ..checkpoints.named import check_model_names
    from ..config import parse_options
    from ..utils.benchmark_options import InferenceOptions, TrainingOptions

    kinds = dict(infer=InferenceOptions, train=TrainingOptions)
    other = kinds['train' if args.kind == 'infer' else 'infer']
    own = option_values(args, kinds[args.kind])
    refused = [name for name in given_options(args, other) if name not in own]
    if args.kind == 'train' and args.checkpoint is not None:
        refused.append('checkpoint')
    if refused:
        raise ConfigError(f'--{refused[0]} is not for {args.kind}')
    size = rows_and_columns('--size', args.size)
    overrides = parse_options(args.cfg_options)
    check_model_names(args.config, args.checkpoint)
    if args.kind == 'infer':
        from ..inference.benchmark import benchmark_inference

        options = InferenceOptions(**own | dict(size=size))
        inference = benchmark_inference(args.config, options, overrides, args.checkpoint)
        content, text = asdict(inference), format_inference(inference)
    else:
        from ..engine.step_benchmark import benchmark_training

        training = benchmark_training(
            args.config, TrainingOptions(**own | dict(size=size)), overrides
        )
        content, text = asdict(training), format_training(training)
    print(text)
    give_json(args, content)
    return 0
