"""Bring a data set as it was published, or any videos with gaze, into salkit's layout."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from .common import ended_as_interrupted, leave_cores_to_workers, two_numbers

EPILOG = """
What is expected in SOURCE: dhf1k: video/001.AVI, annotation/0001/{maps,fixation}; hollywood2 and
ucf-sports: training/<video>/{images,maps,fixation}, testing/...; avimos: videos,
TrainTestSplit.json, Saliency*/ and Fixations*/; folder: videos. Nothing in it is changed. The same
command goes on where an interrupted one was. Exit status: 0, 1 where videos failed, 2 for what has
to be mended first, 130 when interrupted.
"""
GAZE_ARGUMENTS = (
    'recipe',
    'sigma_px',
    'ppd',
    'val',
    'test',
    'seed',
    'first_frame',
    'screen',
    'normalized',
    'fps',
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit prepare`."""
    parser.epilog = EPILOG
    parser.add_argument(
        'kind', metavar='KIND', help='name of a public data set; folder: any videos'
    )
    parser.add_argument('source', metavar='SOURCE', help='where it was unpacked to')
    parser.add_argument('destination', metavar='DESTINATION', help='<split>/<video>/ is made in it')
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
        help='of density maps that are written: avimos, folder (default: 8)',
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
    working.add_argument('--force', action='store_true', help='start even if the disk is too small')
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

    options = PrepareOptions(
        args.format, args.quality, args.keep_video, args.copy, args.allow_trim, args.map_bits
    )
    if args.base and not args.config:
        raise ConfigError('--base goes with --config')
    found = _find_folder(args) if args.kind == 'folder' else None
    if args.kind != 'folder':
        _refuse(args, ('gaze', *GAZE_ARGUMENTS), 'folder')

    with ended_as_interrupted():
        report = prepare(
            args.kind,
            args.source,
            args.destination,
            options,
            found=found,
            unannotated=args.unannotated,
            workers=args.workers,
            overwrite=args.overwrite,
            force=args.force,
            progress=sys.stderr.isatty(),
            tell=lambda line: tqdm.write(line, file=sys.stderr),
        )
    _write_config(args, report)
    for line in report.lines():
        print(line)
    if args.json:
        report.write(args.json)
    _tell_how_to_train(args, report)
    return 1 if report.failed else 0


def _refuse(args: argparse.Namespace, names, owner: str) -> None:
    from ..errors import ConfigError

    for name in names:
        if getattr(args, name) is not None:
            raise ConfigError(f'--{name.replace("_", "-")} goes with {owner}')


def _find_folder(args: argparse.Namespace):
    from ..prepare.folder import GazeOptions, Shares, density_options, find_folder

    if args.gaze is None:
        _refuse(args, GAZE_ARGUMENTS, '--gaze')
        return find_folder(args.source)
    screen = two_numbers('--screen', args.screen)
    gaze = GazeOptions(
        density_options(args.recipe, args.sigma_px, args.ppd),
        1 if args.first_frame is None else args.first_frame,
        screen and screen[::-1],
        bool(args.normalized),
        args.fps,
    )
    given = {name: getattr(args, name) for name in ('val', 'test', 'seed')}
    shares = Shares(**{name: value for name, value in given.items() if value is not None})
    return find_folder(args.source, args.gaze, gaze, shares, args.unannotated, args.map_bits)


def _dataset_type(args: argparse.Namespace) -> str:
    from ..datasets.published import LAYOUT, get_published

    return (LAYOUT if args.kind == 'folder' else get_published(args.kind)).dataset_type


def _write_config(args: argparse.Namespace, report) -> None:
    from ..prepare.snippet import BASE, annotated_splits, train_config
    from ..utils.files import whole_file

    if args.config:
        text = train_config(
            _dataset_type(args), report.destination, annotated_splits(report), args.base or BASE
        )
        report.config = Path(args.config)
        with whole_file(report.config) as temporary:
            temporary.write_text(text, encoding='utf-8')


def _tell_how_to_train(args: argparse.Namespace, report) -> None:
    from ..prepare.snippet import annotated_splits, train_config

    splits = annotated_splits(report)
    if report.config:
        print(f'train with: salkit train {shlex.quote(str(report.config))}')
    elif 'train' not in splits:
        what = 'ground truth to train with' if not splits else 'training videos'
        print(f'{report.destination}: holds no {what}')
    elif _dataset_type(args) != 'VideoSaliencyDataset':
        root = shlex.quote(f'data_root={report.destination}')
        kind = f'dataset_type={_dataset_type(args)}'
        print(f'train with: salkit train salfom/umt-l16_cc-kl --cfg-options {kind} {root}')
    else:
        print('a config to train with (--config FILE.py writes it):\n')
        print(train_config(_dataset_type(args), report.destination, splits), end='')
