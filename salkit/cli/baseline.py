"""Write the predictions of a baseline for every frame of a data set: what a model has to beat."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.folders import check_folder_place
from .common import add_cfg_options
from .json_output import add_json_argument, give_json

if TYPE_CHECKING:
    from ..datasets import VideoSaliencyDataset

KINDS = {
    'center': 'a Gaussian in the middle of the frame',
    'mean': 'the mean density map of all other videos of the split',
    'inter-observer': "each observer's gaze predicted from that of the other observers",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `salkit baseline`."""
    parser.add_argument(
        'kind', choices=list(KINDS), help='; '.join(f'{k}: {v}' for k, v in KINDS.items())
    )
    parser.add_argument(
        'config',
        nargs='?',
        metavar='CONFIG',
        help='a config whose test set is predicted, instead of --dataset-root',
    )
    parser.add_argument('--dataset-root', metavar='DIR', help='root folder of the data set')
    parser.add_argument(
        '--dataset',
        metavar='NAME',
        help='its class, such as DHF1KDataset, which knows the splits (default: '
        'VideoSaliencyDataset, any folder in the layout)',
    )
    parser.add_argument('--split', help='train, val, test or a folder of the root (default: test)')
    parser.add_argument(
        '--out',
        metavar='DIR|FILE.npy',
        required=True,
        help='where the maps are written; mean: one .npy file takes the mean density of all videos '
        'of the split, which salkit score --baseline takes',
    )
    parser.add_argument(
        '--format',
        choices=['png16', 'npy', 'png'],
        default='png16',
        help='png16: the map, at most 1, as 16-bit integers (default); npy: float32; png: 8 bit, '
        'which moves AUC and KL',
    )
    parser.add_argument(
        '--sigma',
        type=float,
        help="center: of the Gaussian, as a share of the frame's height and width (default: 0.2); "
        "inter-observer: of the blur, as a share of the frame's longer side (default: 1/30)",
    )
    parser.add_argument(
        '--observers',
        metavar='FILE.csv',
        help='inter-observer: fixations with the columns video,frame,observer,row,col',
    )
    parser.add_argument(
        '--half',
        action='store_true',
        help='inter-observer: predict a half of the observers, every second one, from the others',
    )
    add_cfg_options(parser)
    add_json_argument(parser)


def open_dataset(args: argparse.Namespace) -> VideoSaliencyDataset:
    """The data set that the arguments name.

    Raises:
        ConfigError: arguments that contradict each other, or a data set that is not in the layout.
    """
    from ..config import dataset_configs, load_config, parse_options
    from ..errors import ConfigError, DataError

    if (args.config is None) == (args.dataset_root is None):
        raise ConfigError('name the data set by --dataset-root or by a config, one of the two')
    if args.config is None:
        if args.cfg_options:
            raise ConfigError('--cfg-options go with a config')
        cfg = dict(
            type=args.dataset or 'VideoSaliencyDataset',
            data_root=args.dataset_root,
            split=args.split or 'test',
        )
    else:
        if args.dataset or args.split:
            raise ConfigError(
                '--dataset and --split go with --dataset-root; of a config, the test set is taken '
                '(--cfg-options test_dataloader.dataset.split=SPLIT takes another)'
            )
        loaded = load_config(args.config, parse_options(args.cfg_options))
        if not loaded.get('test_dataloader'):
            raise ConfigError(f'{args.config}: has no test_dataloader')
        found = list(dataset_configs(loaded.test_dataloader.dataset))
        if len(found) != 1:
            raise ConfigError(f'{args.config}: its test set is made of {len(found)} data sets')
        # Only the list of files is needed, no clips.
        cfg = {k: v for k, v in found[0].items() if k != 'pipeline'}
    root = cfg.get('data_root')
    if root and not Path(root).expanduser().exists():
        raise DataError(f'{root}: the data root does not exist')
    from ..builder import build
    from ..datasets import VideoSaliencyDataset
    from ..registry import DATASETS

    # Densities are all that is read; the demo data set makes its own where it has none.
    return build(DATASETS, dict(cfg, require_fixations=False), kind=VideoSaliencyDataset)


def run(args: argparse.Namespace) -> int:
    """Write the predictions of the baseline."""
    from ..errors import ConfigError
    from ..scoring.baselines import write_baseline, write_mean_density
    from ..scoring.observers import write_inter_observer

    if bool(args.observers) != (args.kind == 'inter-observer'):
        raise ConfigError('--observers FILE.csv goes with inter-observer, and only with that')
    if args.half and args.kind != 'inter-observer':
        raise ConfigError('--half goes with inter-observer')
    out = Path(args.out)
    is_one_map = args.kind == 'mean' and out.suffix == '.npy'
    if is_one_map and args.sigma is not None:
        raise ConfigError('the mean baseline has no sigma')
    check_folder_place('--out', out.parent if is_one_map else out)
    dataset = open_dataset(args)
    if is_one_map:
        write_mean_density(dataset, out, progress=True)
        print(f'mean: the density of {len(dataset.videos)} videos written to {out}')
        print(f'use it with: salkit score ... --baseline {shlex.quote(str(out))}')
        give_json(args, dict(kind=args.kind, out=str(out), videos=len(dataset.videos)))
        return 0
    options = dict(format=args.format, sigma=args.sigma, progress=True)
    truth = dataset.videos[0].folder.parent
    if args.kind == 'inter-observer':
        written = write_inter_observer(dataset, out, args.observers, half=args.half, **options)
        out, truth = out / 'predictions', out / 'ground_truth'
    else:
        written = write_baseline(args.kind, dataset, out, **options)
    finished = len(dataset.videos) - written
    there = f' ({finished} were there already)' if finished else ''
    print(f'{args.kind}: {written} videos written to {out}{there}')
    print(f'score them with: salkit score {shlex.quote(str(out))} {shlex.quote(str(truth))}')
    counts = dict(videos=len(dataset.videos), written=written, finished_before=finished)
    give_json(args, dict(kind=args.kind, out=str(out), ground_truth=str(truth), **counts))
    return 0
