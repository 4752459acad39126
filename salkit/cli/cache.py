"""Keep the resized frames of a data set on disk, so that training need not decode their files.

What is read then is the same, value by value, and read much quicker. With --features, keep what the
frozen encoder of a config makes of the clips: training on that is of the decoder alone. Run it
again after files were changed or added, or after it was interrupted: it does what is missing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..utils.folders import check_folder_place
from .common import add_cfg_options, leave_cores_to_workers, rows_and_columns
from .json_output import add_json_argument, give_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..datasets.layout import VideoRecord

    # Videos, size and place of a cache.
    _Group = tuple[list[VideoRecord], tuple[int, int], str]

DEFAULT_SIZE = (224, 224)


def _size(text: str) -> tuple[int, int] | None:
    # Once two numbers, rows and columns: argparse would only say that the second is not known.
    try:
        return rows_and_columns('--size', text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit cache`."""
    parser.add_argument(
        'source',
        metavar='CONFIG|DATA_ROOT',
        help='a config, whose data sets and sizes are taken, or the root folder of a data set',
    )
    parser.add_argument(
        '--size',
        type=_size,
        metavar='WIDTHxHEIGHT',
        help='of what is kept (default: that of each LoadClip in the config; 224x224 for a folder)',
    )
    parser.add_argument(
        '--splits',
        nargs='+',
        metavar='SPLIT',
        help='train, val, test (default: all that the config names, or that the folder has)',
    )
    parser.add_argument(
        '--dir',
        metavar='DIR',
        help='where it is kept; LoadClip then takes cache=DIR. Default: that of the config, or '
        'beside the videos in .salkit-cache, which is found without being named',
    )
    parser.add_argument(
        '--workers', type=int, metavar='N', help='processes (default: one for each core)'
    )
    parser.add_argument(
        '--features',
        action='store_true',
        help="keep what the config's encoder, which is frozen, makes of each clip, in --dir; for "
        'salkit train --features DIR',
    )
    parser.add_argument(
        '--every',
        type=int,
        metavar='K',
        help='with --features: random clips end at every K-th frame (default: 1, any)',
    )
    parser.add_argument(
        '--dtype',
        choices=['float32', 'float16', 'bfloat16'],
        help='with --features: that values are kept in (default: float32; the others take half)',
    )
    add_cfg_options(parser)
    add_json_argument(parser)


def _of_config(args: argparse.Namespace) -> Iterator[_Group]:
    """What to cache of each data set of a config."""
    from ..builder import build
    from ..config import dataset_configs, load_config, parse_options
    from ..config.options import DATALOADERS
    from ..datasets import VideoSaliencyDataset
    from ..datasets.clip_cache import AUTO
    from ..registry import DATASETS

    cfg = load_config(args.source, parse_options(args.cfg_options))
    found = [
        dataset
        for name in DATALOADERS
        for dataset in dataset_configs((cfg.get(name) or {}).get('dataset'))
    ]
    splits = [dataset.get('split', 'train') for dataset in found]
    if unknown := sorted(set(args.splits or ()) - set(splits)):
        raise ConfigError(
            f'--splits {" ".join(unknown)}: {args.source} has {", ".join(dict.fromkeys(splits))}'
        )
    for dataset, split in zip(found, splits, strict=True):
        loads = [t for t in dataset.get('pipeline', ()) if t['type'] == 'LoadClip']
        load = loads[0] if loads else {}
        size = args.size or load.get('size')
        place = args.dir or load.get('cache', AUTO)
        if (args.splits and split not in args.splits) or place is None:
            continue
        if size is None:
            raise ConfigError(f'{args.source}: its LoadClip names no size, --size does')
        # Only the list of files is needed, no clips.
        listed = {k: v for k, v in dataset.items() if k != 'pipeline'}
        yield build(DATASETS, listed, kind=VideoSaliencyDataset).videos, tuple(size), place


def _of_folder(args: argparse.Namespace) -> Iterator[_Group]:
    """What to cache of each split of a data root."""
    from ..datasets.clip_cache import AUTO
    from ..datasets.layout import holds_videos, read_videos, split_of, subfolders
    from ..errors import DataError

    if args.cfg_options:
        raise ConfigError('--cfg-options go with a config')
    root = Path(args.source).expanduser()
    folders = [root] if holds_videos(root) else list(filter(holds_videos, subfolders(root)))
    if args.splits:
        named = {split_of(folder.name) or folder.name: folder for folder in folders}
        if unknown := sorted(set(args.splits) - set(named)):
            raise DataError(
                f'{root}: has no split {", ".join(unknown)}, its videos are in {", ".join(named)}'
            )
        folders = [named[split] for split in args.splits]
    if not folders:
        raise DataError(f'{root}: holds no videos, neither itself nor in a folder of a split')
    for folder in folders:
        videos = read_videos(subfolders(folder), require_fixations=False)
        yield videos, tuple(args.size or DEFAULT_SIZE), args.dir or AUTO


def run(args: argparse.Namespace) -> int:
    """Cache what is not cached; status 1 where a video cannot be."""
    if args.dir:
        check_folder_place('--dir', args.dir)
    if args.features:
        return _run_features(args)
    leave_cores_to_workers()
    if args.every is not None or args.dtype is not None:
        raise ConfigError('--every and --dtype go with --features')
    from ..config import find_config

    of_source = _of_folder if Path(args.source).expanduser().is_dir() else _of_config
    if of_source is _of_config:
        find_config(args.source)
    from ..datasets.clip_cache_build import build_cache
    from ..utils.text import in_units

    # Data sets of one size and place share one run.
    groups: dict[tuple[tuple[int, int], str], list[VideoRecord]] = {}
    for videos, size, place in of_source(args):
        groups.setdefault((size, place), []).extend(videos)
    failed: dict[str, str] = {}
    caches = []
    for (size, place), videos in groups.items():
        report = build_cache(videos, size, place, workers=args.workers, progress=True)
        failed |= report.failed
        folders = list(map(str, report.folders))
        counts = dict(written=report.written, kept=report.kept, bytes=report.bytes)
        caches.append(dict(size=size, folders=folders, **counts))
        there = f' ({report.kept} were there already)' if report.kept else ''
        taken = in_units(report.bytes)
        print(f'{report.written} videos cached at {size[1]} x {size[0]}, {taken}{there}')
        for folder in report.folders:
            print(f'  {folder}')
    if not groups:
        print('nothing to cache: every LoadClip has cache=None')
    if failed:
        print(f'{len(failed)} videos could not be cached, their files are read in training:')
        for reason in failed.values():
            print(f'  {reason}')
    give_json(args, dict(caches=caches, failed=failed))
    return 1 if failed else 0


def _run_features(args: argparse.Namespace) -> int:
    """Keep features."""
    from ..config import load_config, parse_options
    from ..config.options import DATALOADERS
    from .common import check_data_roots

    if args.size or args.workers:
        raise ConfigError('--size and --workers do not go with --features')
    if not args.dir:
        raise ConfigError('--features needs --dir DIR, a folder for those of this encoder')
    cfg = load_config(args.source, parse_options(args.cfg_options))
    check_data_roots(cfg, *DATALOADERS)
    from ..engine.feature_build import FeatureOptions, build_features
    from ..utils.parallel import share_cores

    options = FeatureOptions(
        every=args.every or 1,
        dtype=args.dtype or 'float32',
        splits=tuple(args.splits) if args.splits else None,
    )
    share_cores()
    report = build_features(cfg, args.dir, options)
    print(report.headline)
    print(f'  salkit train {args.source} --features {args.dir}')
    give_json(args, dict(dir=args.dir, **vars(report)))
    return 0
