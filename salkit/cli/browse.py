"""Draw what the model of a config will see: clips after the pipeline, with their ground truth."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ..utils.folders import check_folder_place
from .common import add_cfg_options, check_data_roots


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit browse`."""
    parser.add_argument('config', metavar='CONFIG', help='a config file or name')
    parser.add_argument('--out', required=True, metavar='DIR', help='for a PNG a clip')
    parser.add_argument(
        '--stage',
        choices=['train', 'val', 'test'],
        default='train',
        help='whose data set and pipeline (default: train)',
    )
    parser.add_argument(
        '--count', type=int, default=12, help='clips, evenly over the data set (default: 12)'
    )
    parser.add_argument(
        '--epoch', type=int, default=0, help='which epoch random clips and changes are drawn for'
    )
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> int:
    """Draw contact sheets."""
    from ..config import load_config, parse_options
    from ..errors import ConfigError

    if args.count < 1:
        raise ConfigError(f'--count: expected at least 1, got {args.count}')
    check_folder_place('--out', args.out)
    cfg = load_config(args.config, parse_options(args.cfg_options))
    loader = cfg.get(f'{args.stage}_dataloader')
    if not loader or not loader.get('dataset'):
        raise ConfigError(f'{args.config}: the config has no {args.stage}_dataloader.dataset')
    check_data_roots(cfg, f'{args.stage}_dataloader')
    from tqdm import tqdm

    from ..builder import build
    from ..datasets.contact_sheet import draw_contact_sheet
    from ..registry import DATASETS

    dataset = build(DATASETS, loader.dataset)
    if hasattr(dataset, 'set_epoch'):
        dataset.set_epoch(args.epoch)
    count = min(args.count, len(dataset))
    out = Path(args.out)
    for number in tqdm(range(count), unit='clip'):
        sample = dataset[number * len(dataset) // count]
        meta = sample.get('meta')
        labels = '' if meta is None else f'_{meta.dataset}_{meta.video}_{meta.frame}'
        # Names of videos may hold what names of files may not.
        name = re.sub(r'[^\w.+-]+', '-', f'{number:04d}{labels}')
        draw_contact_sheet(sample, out / f'{name}.png')
    print(f'{count} of {len(dataset)} clips drawn in {out}')
    return 0
