"""Count parameters and FLOPs of the models of configs; measure time, compute memory of training."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..utils.text import aligned
from .common import add_cfg_options
from .json_output import add_json_argument, give_json

if TYPE_CHECKING:
    from ..engine.training_memory import TrainingMemory
    from ..models.profile import ModelProfile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit profile`."""
    parser.add_argument(
        'configs',
        nargs='+',
        metavar='CONFIG',
        help='config files or names, or checkpoints that say their config: lite0, a work dir',
    )
    add_cfg_options(parser, 'every config')
    parser.add_argument(
        '--run', action='store_true', help='also time forward passes of one clip, and their memory'
    )
    parser.add_argument('--device', help='for --run: cpu, cuda, cuda:1 (default: a GPU if any)')
    parser.add_argument(
        '--seconds', type=float, default=10.0, help='how long each is measured (default: 10)'
    )
    parser.add_argument(
        '--training-memory',
        action='store_true',
        help='instead: the memory that a step of training takes, computed, without a GPU',
    )
    add_json_argument(parser)


def _measured(
    config: str, options: dict[str, object], device: str, seconds: float
) -> dict[str, object]:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    from ..errors import SalkitError
    from ..models.profile import measure

    # A fresh process each time: peak memory is what one model alone needs.
    with ProcessPoolExecutor(1, get_context('spawn')) as pool:
        try:
            return pool.submit(measure, config, options, device, seconds).result()
        except BrokenProcessPool:
            raise SalkitError(
                f'{config}: the process that measured it was killed, most likely for its memory'
            ) from None


def format_profiles(profiles: list[ModelProfile]) -> str:
    """A table with a row a config, and below it the dead entries that the paper counts."""
    heads = ['config', 'clip', 'trainable', 'constant', 'paper', 'MB', 'GFLOPs']
    measured = any(p.latency_ms is not None for p in profiles)
    rows = []
    for p in profiles:
        row = [
            p.config,
            'x'.join(map(str, p.clip)),
            f'{p.params_trainable:,}',
            f'{p.params_constant:,}',
            '-' if p.params_paper is None else f'{p.params_paper:,}',
            f'{p.checkpoint_mb:.1f}',
            f'{p.flops / 1e9:.1f}',
        ]
        rows.append([*row, f'{p.latency_ms:.1f}', f'{p.peak_mib:.0f}'] if measured else row)
    if measured:
        heads += ['ms', 'MiB']
    lines = aligned([heads, *rows], left=(0, 1))
    if measured:
        lines.append(f'measured on {profiles[0].device}: one clip, float32')
    lines.append('MB: 1000 KiB, as the paper prints sizes')
    explained: dict[str, list[str]] = {}
    for p in profiles:
        if p.dead_entries:
            sizes: Counter[str] = Counter()
            for key, count in p.dead_entries.items():
                sizes[key.rpartition('.')[0]] += count
            entries = ', '.join(f'{owner} {count:,}' for owner, count in sizes.items())
            text = f'{sizes.total():,} in entries that no forward pass reads: {entries}'
            explained.setdefault(text, []).append(p.config)
    for text, configs in explained.items():
        names = configs[0] if len(configs) == 1 else f'{configs[0]} and {len(configs) - 1} more'
        lines.append(f'paper, {names}: trainable + constant + {text}')
    return '\n'.join(lines)


def format_training_memory(found: list[TrainingMemory]) -> str:
    """A table with a row a config, in GiB."""
    from ..engine.training_memory import ALLOWANCE, CONTEXT_GIB

    heads = ['config', 'batch', 'x', 'precision', 'weights', 'gradients', 'optimizer', 'average']
    rows = [
        [
            each.config,
            str(each.batch_size),
            str(each.accumulation),
            each.precision,
            *(f'{gib:.2f}' for gib in (each.parameters, each.gradients, each.optimizer)),
            *(f'{gib:.2f}' for gib in (each.averaged, each.activations, each.peak)),
            f'{each.estimate:.1f}',
        ]
        for each in found
    ]
    return '\n'.join(
        [
            *aligned([[*heads, 'activations', 'peak', 'GPU'], *rows], left=(0, 3)),
            'GiB, computed from shapes: peak is the most that lives at once while training',
            f'GPU: {ALLOWANCE:.0%} more for kernels and allocator, and {CONTEXT_GIB} of context',
        ]
    )


def run(args: argparse.Namespace) -> int:
    """Profile."""
    from ..checkpoints.named import check_model_names
    from ..config import parse_options

    options = parse_options(args.cfg_options)
    for config in args.configs:
        check_model_names(config)
    import torch
    from tqdm import tqdm

    from ..models.load import find_model
    from ..models.profile import profile

    if args.training_memory:
        from ..engine.training_memory import training_memory

        if args.run:
            raise ConfigError('--run measures prediction: give it or --training-memory, not both')
        counted = [training_memory(find_model(c, options=options)[0]) for c in args.configs]
        print(format_training_memory(counted))
        give_json(args, [each.to_json() for each in counted])
        return 0
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    profiles = []
    for config in tqdm(args.configs, unit='config', disable=not args.run):
        found = profile(find_model(config, options=options)[0])
        if args.run:
            vars(found).update(_measured(config, options, device, args.seconds))
        profiles.append(found)
    print(format_profiles(profiles))
    give_json(args, [p.to_json() for p in profiles])
    return 0
