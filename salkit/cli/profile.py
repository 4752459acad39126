"""Count parameters and FLOPs of the models of configs; with --run, measure time and memory too."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import TYPE_CHECKING

from ..utils.text import aligned
from .common import add_cfg_options

if TYPE_CHECKING:
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
    parser.add_argument('--json', action='store_true', help='print a list of objects')


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


def run(args: argparse.Namespace) -> int:
    """Profile."""
    import torch
    from tqdm import tqdm

    from ..config import parse_options
    from ..models.load import find_model
    from ..models.profile import profile

    options = parse_options(args.cfg_options)
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    profiles = []
    # Written to stderr, so that --json can be piped.
    for config in tqdm(args.configs, unit='config', disable=not args.run):
        found = profile(find_model(config, options=options)[0])
        if args.run:
            vars(found).update(_measured(config, options, device, args.seconds))
        profiles.append(found)
    if args.json:
        print(json.dumps([p.to_json() for p in profiles], indent=2))
    else:
        print(format_profiles(profiles))
    return 0
