"""Bring a data set as it was published, or any videos with gaze, into salkit's layout."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from .common import ended_as_interrupted, leave_cores_to_workers, two_numbers

if TYPE_CHECKING:
    from ..prepare import FolderOptions, PrepareReport

EPILOG = """
--list prints the public data sets, and what is expected in SOURCE of each; of the kind folder:
videos. Nothing in SOURCE is changed. The same command goes on where an interrupted one was. Exit
status: 0, 1 where videos failed, 2 for what has to be mended first, 130 when interrupted.
"""
GAZE_ARGUMENTS = ('recipe', 'sigma_px', 'ppd', 'first_frame', 'screen', 'normalized', 'fps')
SHARES = ('val', 'test', 'seed')


class _List(argparse.Action):
    """Prints the public data sets, and ends the command."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from ..datasets.published import published_datasets

        for name, dataset in published_datasets().items():
            print(f'{name} ({dataset.title}): {dataset.layout}')
        parser.exit()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit prepare`."""
    parser.epilog = EPILOG
    parser.add_argument('kind', metavar='KIND', help='a public data set; folder: any videos')
    parser.add_argument('source', metavar='SOURCE', help='where it was unpacked to')
    parser.add_argument('destination', metavar='DESTINATION', help='<split>/<video>/ is made in it')
    parser.add_argument('--list', action=_List, nargs=0, help='print the public data sets')
    frames = parser.add_argument_group('frames')
    frames.add_argument(
        '--format', choices=['png', 'jpg'], default='png', help='of extracted frames (default: png)'
    )
    frames.add_argument('--quality', type=int, default=95, help='of jpg (default: 95)')
    frames.add_argument(
        '--keep-video', action='store_true', help='link the videos, frames are decoded in training'
    )
    frames.add_argument(
        '--copy', action='store_true', help='copy published files (default: link them)'
    )
    frames.add_argument(
        '--allow-trim',
        type=int,
        default=0,
        metavar='N',
        help='accept videos that differ from their ground truth by up to N frames at the end, and '
        'cut both to the shorter (default: 0)',
    )
    frames.add_argument(
        '--map-bits',
        type=int,
        choices=[8, 16],
        default=8,
        help='of density maps that are written, where none are published as images (default: 8)',
    )
    frames.add_argument(
        '--unannotated',
        action='store_true',
        help='prepare the frames of videos without ground truth, too',
    )
    gaze = parser.add_argument_group('folder with gaze')
    gaze.add_argument(
        '--gaze',
        metavar='FILE.csv',
        help='columns video, x, y, frame (or time_s, time_ms) and perhaps observer',
    )
    gaze.add_argument('--recipe', metavar='NAME', help='density maps as those of a data set')
    gaze.add_argument('--sigma-px', type=float, metavar='PIXELS', help='sigma of the Gaussian')
    gaze.add_argument('--ppd', type=float, metavar='PIXELS', help='in a degree, which is sigma')
    gaze.add_argument('--val', type=float, metavar='SHARE', help='of the videos (default: 0.1)')
    gaze.add_argument('--test', type=float, metavar='SHARE', help='of the videos (default: 0.1)')
    gaze.add_argument('--seed', type=int, help='chooses them (default: 0)')
    gaze.add_argument('--first-frame', type=int, choices=[0, 1], help="the file's (default: 1)")
    gaze.add_argument('--screen', metavar='WxH', help='gaze is in pixels of a screen of this size')
    gaze.add_argument(
        '--normalized', action='store_true', default=None, help='gaze is in shares of the size'
    )
    gaze.add_argument('--fps', type=float, help='of images, for gaze by time')
    working = parser.add_argument_group('working')
    working.add_argument('--workers', type=int, metavar='N', help='processes (default: one a core)')
    working.add_argument(
        '--overwrite', action='store_true', help='make videos again that have other options'
    )
    working.add_argument('--json', metavar='FILE.json', help='write the report')
    working.add_argument('--config', metavar='FILE.py', help='write a config to train with')
    working.add_argument(
        '--base',
        metavar='NAME',
        help='that it builds on (default: salkit::salfom/umt-l16_cc-kl.py)',
    )


def run(args: argparse.Namespace) -> int:
    """Prepare."""
    leave_cores_to_workers()
    from tqdm import tqdm

    from ..errors import ConfigError
    from ..prepare import PrepareOptions, prepare
    from ..prepare.report import BASE
    from ..utils.files import whole_file

    if args.base and not args.config:
        raise ConfigError('--base goes with --config')
    names = [field.name for field in fields(PrepareOptions) if field.name != 'folder']
    options = PrepareOptions(**{n: getattr(args, n) for n in names}, folder=_folder(args))
    with ended_as_interrupted():
        report = prepare(
            args.kind,
            args.source,
            args.destination,
            options,
            progress=sys.stderr.isatty(),
            tell=lambda line: tqdm.write(line, file=sys.stderr),
        )
    if args.config:
        text = report.train_config(args.base or BASE)
        report.config = Path(args.config)
        with whole_file(report.config) as temporary:
            temporary.write_text(text, encoding='utf-8')
    for line in report.lines():
        print(line)
    if args.json:
        report.write(args.json)
    _print_how_to_train(report)
    return 1 if report.failed else 0


def _folder(args: argparse.Namespace) -> FolderOptions:
    """The options of the kind 'folder'."""
    from ..prepare import FolderOptions, GazeOptions
    from ..prepare.options import density_options

    if args.kind != 'folder':
        _refuse(args, ('gaze', *SHARES, *GAZE_ARGUMENTS), 'folder')
    if args.gaze is None:
        _refuse(args, (*SHARES, *GAZE_ARGUMENTS), '--gaze')
        return FolderOptions()
    screen = two_numbers('--screen', args.screen)
    gaze = GazeOptions(
        density_options(args.recipe, args.sigma_px, args.ppd),
        1 if args.first_frame is None else args.first_frame,
        screen and screen[::-1],
        bool(args.normalized),
        args.fps,
    )
    shares = {name: value for name in SHARES if (value := getattr(args, name)) is not None}
    return FolderOptions(args.gaze, gaze, **shares)


def _refuse(args: argparse.Namespace, names: Sequence[str], owner: str) -> None:
    from ..errors import ConfigError

    for name in names:
        if getattr(args, name) is not None:
            raise ConfigError(f'--{name.replace("_", "-")} goes with {owner}')


def _print_how_to_train(report: PrepareReport) -> None:
    from ..datasets.published import LAYOUT

    splits, kind = report.annotated_splits, report.dataset.dataset_type
    if report.config:
        print(f'train with: salkit train {shlex.quote(str(report.config))}')
    elif 'train' not in splits:
        what = 'training videos' if splits else 'ground truth to train with'
        print(f'{report.destination}: holds no {what}')
    elif kind != LAYOUT.dataset_type:
        root = shlex.quote(f'data_root={report.destination}')
        print(
            'train with: salkit train salfom/umt-l16_cc-kl --cfg-options '
            f'dataset_type={kind} {root}'
        )
    else:
        print('a config to train with (--config FILE.py writes it):\n')
        print(report.train_config(), end='')
