"""Make density maps from fixation maps, and fixation maps from gaze."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..utils.folders import check_folder_place
from .common import rows_and_columns
from .json_output import add_json_argument, give_json
from .options import COLUMNS, add_options, given_options, option_values

if TYPE_CHECKING:
    from ..prepare.fixations.find import Found

ON_ALL_CORES = True
SIZES = ('size', 'screen')
EPILOG = """
FIXATIONS: a folder of one video's fixation maps (images, or .mat with a variable I or eyeMap); a
data set, <root>/[<split>/]<video>/fixation/, whose maps/ are written beside them (or below --out);
or gaze, whose fixation maps are written too, <out>/<video>/{fixation,maps}/: a CSV file with the
columns video, x, y, one of frame, time_s and time_ms, and perhaps duration_s or duration_ms, and
observer, or an export of an eye tracker's program (--columns); fixations.json files (AViMoS).
A video's folder appears when it is complete; the same command goes on with the videos that an
interrupted one has not finished.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit density`."""
    from ..prepare.options import GazeReading
    from ..utils.density_options import DensityOptions

    parser.epilog = EPILOG
    parser.add_argument('fixations', metavar='FIXATIONS', help='file or folder, see below')
    parser.add_argument(
        '--recipe', metavar='NAME', help='the Gaussian of a data set: dhf1k, ucf-hollywood2, ...'
    )
    add_options(parser, DensityOptions, 'sigma_px', 'sigma_width', 'ppd', 'sigma_deg', 'window_px')
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
    add_json_argument(parser)
    gaze = parser.add_argument_group('gaze')
    gaze.add_argument('--size', metavar='WIDTHxHEIGHT', help='of the videos')
    gaze.add_argument(
        '--screen',
        metavar='WIDTHxHEIGHT',
        help='gaze is in pixels of a screen of this size that shows the video in its middle '
        '(default: in pixels of the video)',
    )
    gaze.add_argument(
        '--videos',
        metavar='DIR',
        help='the videos themselves or their frames: their sizes, lengths and frame times',
    )
    add_options(
        gaze, GazeReading, columns=COLUMNS, fps=dict(help='frames of the videos in a second')
    )


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
    from ..prepare.fixations import DensityOptions, density_arguments
    from ..prepare.fixations.find import find_fixations
    from ..prepare.fixations.stimuli import GazeOnVideos
    from ..prepare.fixations.write import Target, write_densities

    own, show = given_options(args, DensityOptions), sys.stderr.isatty()
    density = DensityOptions(**density_arguments(args.recipe, **own))
    sizes = {name: rows_and_columns(f'--{name}', getattr(args, name)) for name in SIZES}
    reading = GazeOnVideos(**option_values(args, GazeOnVideos) | sizes)
    out = None if args.out is None else Path(args.out)
    if out is not None:
        # Should not wait for all gaze to be read.
        check_folder_place('--out', out)
    found = find_fixations(args.fixations, reading, progress=show)
    folders = _folders(found, Path(args.fixations).expanduser(), out)
    targets = [
        Target(video, folder, density, args.format)
        for video, folder in zip(found.videos, folders, strict=True)
    ]
    written = write_densities(targets, args.workers, args.overwrite, progress=show)
    for warning in found.warnings:
        print(f'warning: {warning}')
    for note in found.notes:
        print(f'note: {note}')
    finished, frames = len(targets) - len(written), sum(len(each.video.stems) for each in written)
    there = f' ({finished} were there already)' if finished else ''
    where = args.out or args.fixations
    print(f'{len(written)} videos of {frames} frames written to {where}{there}')
    give_json(
        args,
        dict(
            out=str(where),
            folders=list(map(str, folders)),
            written=len(written),
            finished_before=finished,
            frames=frames,
            warnings=list(found.warnings),
            notes=list(found.notes),
        ),
    )
    return 0
