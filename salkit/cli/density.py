"""Make density maps from fixation maps, and fixation maps from gaze."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .common import ended_as_interrupted, leave_cores_to_workers, two_numbers

if TYPE_CHECKING:
    from ..prepare.fixations import DensityOptions
    from ..prepare.fixations.find import Found

EPILOG = """
FIXATIONS: a folder of one video's fixation maps (images, or .mat with a variable I); a data set,
<root>/[<split>/]<video>/fixation/, whose maps/ are written beside them (or below --out); or gaze,
whose fixation maps are written too, <out>/<video>/{fixation,maps}/: a CSV file with the columns
video, x, y, one of frame, time_s and time_ms, and perhaps observer; fixations.json files (AViMoS).
A video's folder appears when it is complete; the same command goes on with the videos that an
interrupted one has not finished.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit density`."""
    parser.epilog = EPILOG
    parser.add_argument('fixations', metavar='FIXATIONS', help='file or folder, see below')
    parser.add_argument(
        '--recipe', metavar='NAME', help='the Gaussian of a data set: dhf1k, ucf-hollywood2, ...'
    )
    parser.add_argument('--sigma-px', type=float, metavar='S', help='its sigma in pixels')
    parser.add_argument(
        '--ppd', type=float, metavar='P', help='pixels per degree of visual angle, instead'
    )
    parser.add_argument(
        '--sigma-deg', type=float, metavar='D', help='its sigma in degrees (default: 1)'
    )
    parser.add_argument(
        '--window-px', type=int, metavar='N', help='cut each Gaussian to N x N pixels'
    )
    parser.add_argument('--out', metavar='DIR', help='where the maps are written')
    parser.add_argument(
        '--format',
        choices=['png', 'png16', 'npy'],
        default='png',
        help='png: 8 bit, the density, at most 1, times 255 and rounded to the nearest (default); '
        'png16: 16 bit; npy: float32',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace maps that were made otherwise'
    )
    parser.add_argument('--workers', type=int, metavar='N', help='processes (default: one a core)')
    gaze = parser.add_argument_group('gaze')
    gaze.add_argument(
        '--videos',
        metavar='DIR',
        help='the videos themselves or their frames: their sizes, lengths and frame times',
    )
    gaze.add_argument('--size', metavar='HxW', help='rows x columns of the videos')
    gaze.add_argument('--fps', type=float, help='their frames per second')
    gaze.add_argument(
        '--screen',
        metavar='WxH',
        help='gaze is in pixels of a screen of so many columns x rows that shows the video in its '
        'middle, as large as fits (default: in pixels of the video)',
    )
    gaze.add_argument(
        '--normalized',
        action='store_true',
        help="gaze is a share, 0 to 1, of the video's (with --screen, the screen's) width, height",
    )
    gaze.add_argument(
        '--first-frame', type=int, choices=[0, 1], default=1, help='number of it (default: 1)'
    )


def _density_options(args: argparse.Namespace) -> DensityOptions:
    from ..datasets.published import density_recipes
    from ..prepare.fixations import DensityOptions
    from ..utils.text import check_choice

    names = ('sigma_px', 'ppd', 'sigma_deg', 'window_px')
    own = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.recipe is not None:
        recipes = density_recipes()
        check_choice('', '--recipe', args.recipe, recipes)
        if own:
            option = min(own).replace('_', '-')
            raise ConfigError(f'--recipe and --{option}: give one of the two')
        own = dict(recipes[args.recipe])
    elif ('sigma_px' in own) == ('ppd' in own):
        raise ConfigError('give the Gaussian as one of --recipe, --sigma-px and --ppd')
    elif 'sigma_deg' in own and 'ppd' not in own:
        raise ConfigError('--sigma-deg goes with --ppd')
    return DensityOptions(**own)


def _folders(found: Found, source: Path, out: Path | None) -> list[Path]:
    """The folder of each video's density maps."""
    if out is not None and found.kind == 'folder':
        return [out]
    if out is None and found.kind != 'maps':
        what = 'gaze' if found.kind == 'gaze' else 'the fixation maps of one video'
        raise ConfigError(f'{source}: is {what}, so --out must say where the maps are written')
    return [(out or source) / video.name / 'maps' for video in found.videos]


def run(args: argparse.Namespace) -> int:
    """Make them."""
    leave_cores_to_workers()
    from ..prepare.fixations.find import find_fixations
    from ..prepare.fixations.stimuli import GazeReading
    from ..prepare.fixations.write import Target, write_densities

    density, show = _density_options(args), sys.stderr.isatty()
    screen = two_numbers('--screen', args.screen)
    reading = GazeReading(
        size=two_numbers('--size', args.size),
        fps=args.fps,
        videos=args.videos,
        screen=screen and screen[::-1],
        normalized=args.normalized,
        first_frame=args.first_frame,
    )

    with ended_as_interrupted():
        found = find_fixations(args.fixations, reading, progress=show)
        out = None if args.out is None else Path(args.out)
        folders = _folders(found, Path(args.fixations).expanduser(), out)
        targets = [
            Target(video, folder, density, args.format)
            for video, folder in zip(found.videos, folders, strict=True)
        ]
        written = write_densities(targets, args.workers, args.overwrite, progress=show)
    for note in found.notes:
        print(f'note: {note}')
    finished, frames = len(targets) - len(written), sum(len(each.video.stems) for each in written)
    there = f' ({finished} were there already)' if finished else ''
    where = args.out or args.fixations
    print(f'{len(written)} videos of {frames} frames written to {where}{there}')
    return 0
