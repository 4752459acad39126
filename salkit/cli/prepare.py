"""Bring a data set as it was published, or any videos with gaze, into salkit's layout."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .common import rows_and_columns
from .json_output import add_json_argument, give_json
from .options import COLUMNS, add_options, given_options, option_values

if TYPE_CHECKING:
    from ..prepare import FolderOptions, PrepareReport

EPILOG = """
--list prints the public data sets, and what is expected in SOURCE of each; of the kind folder:
videos. Nothing in SOURCE is changed. The same command goes on where an interrupted one was. Exit
status: 0, 1 where videos failed, 2 for what has to be mended first, 130 when interrupted.
"""
ON_ALL_CORES = True


class _List(argparse.Action):
    """Prints the public data sets, and ends the command."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from ..datasets.published import published_datasets

        for name, dataset in published_datasets().items():
            print(f'{name} ({dataset.title}): {dataset.layout}')
        parser.exit()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit prepare`."""
    from ..prepare.options import FolderOptions, GazeReading, PrepareOptions
    from ..utils.density_options import DensityOptions

    parser.epilog = EPILOG
    parser.add_argument('kind', metavar='KIND', help='a public data set; folder: any videos')
    parser.add_argument('source', metavar='SOURCE', help='where it was unpacked to')
    parser.add_argument('destination', metavar='DESTINATION', help='<split>/<video>/ is made in it')
    parser.add_argument('--list', action=_List, nargs=0, help='print the public data sets')
    add_options(parser, PrepareOptions)
    add_json_argument(parser)
    parser.add_argument('--config', metavar='FILE.py', help='write a config to train with')
    parser.add_argument(
        '--base',
        metavar='NAME',
        help='that it builds on (default: salkit::salfom/umt-l16_cc-kl.py)',
    )
    gaze = parser.add_argument_group('folder with gaze')
    gaze.add_argument(
        '--gaze',
        dest='gaze_file',
        metavar='FILE.csv',
        help='columns video, x, y, frame (or time_s, time_ms), perhaps duration_s (or duration_ms) '
        'and observer',
    )
    gaze.add_argument('--recipe', metavar='NAME', help='density maps as those of a data set')
    add_options(gaze, DensityOptions, 'sigma_px', 'sigma_width', 'ppd')
    gaze.add_argument(
        '--screen', metavar='WIDTHxHEIGHT', help='gaze is in pixels of a screen of this size'
    )
    add_options(gaze, GazeReading, columns=COLUMNS)
    add_options(gaze, FolderOptions, 'val', 'test', 'seed')


def run(args: argparse.Namespace) -> int:
    """Prepare."""
    from tqdm import tqdm

    from ..errors import ConfigError
    from ..prepare import PrepareOptions, prepare
    from ..prepare.report import BASE
    from ..utils.files import whole_file

    if args.base and not args.config:
        raise ConfigError('--base goes with --config')
    base = _base(args.base) if args.base else BASE
    report = prepare(
        args.kind,
        args.source,
        args.destination,
        PrepareOptions(**option_values(args, PrepareOptions), folder=_folder(args)),
        progress=sys.stderr.isatty(),
        tell=lambda line: tqdm.write(line, file=sys.stderr),
    )
    if args.config:
        text = report.train_config(base)
        report.config = Path(args.config)
        with whole_file(report.config) as temporary:
            temporary.write_text(text, encoding='utf-8')
    for line in report.lines():
        print(line)
    give_json(args, report.to_json())
    _print_how_to_train(report)
    return 1 if report.failed else 0


def _base(named: str) -> str:
    """What `_base_` calls a config, wherever the file lies that says it.

    Raises:
        ConfigError: no such config, which should not wait for the videos.
    """
    from ..config.find import SEPARATOR, config_name, config_root, find_config

    file = find_config(named).resolve()
    name = config_name(file)
    if config_root().resolve() in file.parents:
        return f'salkit{SEPARATOR}{name}'
    return name if SEPARATOR in name else str(file)


def _folder(args: argparse.Namespace) -> FolderOptions:
    """The options of the kind 'folder'."""
    from ..errors import ConfigError
    from ..prepare import FolderOptions, GazeOptions
    from ..prepare.fixations import DensityOptions, density_arguments

    split = given_options(args, FolderOptions)
    reading = given_options(args, GazeOptions)
    width = given_options(args, DensityOptions)
    if args.kind != 'folder' or args.gaze_file is None:
        needed = 'folder' if args.kind != 'folder' else '--gaze'
        recipe = {} if args.recipe is None else dict(recipe=args.recipe)
        for name in split | reading | width | recipe:
            option = name.removesuffix('_file').replace('_', '-')
            raise ConfigError(f'--{option} goes with {needed}')
        return FolderOptions()
    if args.screen is not None:
        reading['screen'] = rows_and_columns('--screen', args.screen)
    density = density_arguments(args.recipe, **width)
    return FolderOptions(**split, gaze=GazeOptions(density=density, **reading))


def _print_how_to_train(report: PrepareReport) -> None:
    splits, kind = report.annotated_splits, report.dataset.dataset_type
    if report.config:
        print(f'train with: salkit train {shlex.quote(str(report.config))}')
    elif 'train' in splits:
        root = shlex.quote(f'data_root={report.destination}')
        print(
            'train with: salkit train salfom/umt-l16_cc-kl --cfg-options '
            f'dataset_type={kind} {root}'
        )
    else:
        what = 'training videos' if splits else 'ground truth to train with'
        print(f'{report.destination}: holds no {what}')
