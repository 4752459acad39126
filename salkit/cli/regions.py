"""Say how much of the predicted attention regions of a video get, when, and what gaze says."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, SalkitError, one_line, printable
from .common import ENDING_SECONDS, ended_as_interrupted, rows_and_columns
from .options import COLUMNS, add_options, option_values

if TYPE_CHECKING:
    from ..inference.batch import Input
    from ..inference.maps import SaliencyMaps
    from ..inference.predictor import SaliencyPredictor
    from ..inference.regions import RecordedGaze, RegionReport, Regions

EPILOG = """
FILE is a .csv (name,x,y,width,height or name,points; frame or time_s for key frames), a .json
(salkit's own, or COCO's), or masks: a picture with a number for each region, a folder of such
pictures, a gray video. Of each INPUT are written NAME_regions.csv (a row a frame and region), .json
(a row a region, and what the numbers mean) and .png (the shares over time); with --gaze also
NAME_regions_gaze.csv. What a share says and what it does not: docs/regions.md.
"""
_COLUMNS = ('region', 'rank', 'share', 'area', 'times_more', 'peak', 'peak_s', 'first_peak_s')
_GAZE_COLUMNS = ('gaze', 'gaze_low', 'gaze_high', 'difference')
_PERCENT = ('share', 'area', 'peak', *_GAZE_COLUMNS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit regions`."""
    from ..prepare.options import GazeReading
    from .chosen_model import add_model_arguments

    parser.epilog = EPILOG
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT', help='videos, pictures, folders: as salkit predict'
    )
    parser.add_argument('--regions', required=True, type=Path, metavar='FILE', help='see below')
    parser.add_argument('--out', required=True, type=Path, metavar='DIR', help='of the outputs')
    parser.add_argument(
        '--hold',
        action='store_true',
        help='regions stay where their first and last key frames put them; else they are not there '
        'before and after',
    )
    parser.add_argument(
        '--overlay', action='store_true', help='NAME_regions.mp4: the map, the regions, their names'
    )
    parser.add_argument('--json', metavar='FILE', help='write what is known of all inputs')
    parser.add_argument('--start', metavar='T', help='seconds, or [hh:]mm:ss')
    parser.add_argument('--end', metavar='T', help='likewise')
    parser.add_argument(
        '--maps',
        type=Path,
        metavar='PATH',
        help='maps of the one INPUT that are there: a folder, .npy, .npz or gray video; instead of '
        'a model',
    )
    add_model_arguments(parser)
    gaze = parser.add_argument_group('recorded gaze')
    gaze.add_argument(
        '--gaze',
        type=Path,
        metavar='FILE.csv',
        help='columns video, x, y, frame (or time_s, time_ms), perhaps duration_s (or duration_ms) '
        'and observer',
    )
    gaze.add_argument(
        '--screen', metavar='WIDTHxHEIGHT', help='gaze is in pixels of a screen of this size'
    )
    add_options(
        gaze,
        GazeReading,
        columns=COLUMNS,
        first_frame=dict(help="what it, and the regions' file, call a video's first frame"),
    )


def run(args: argparse.Namespace) -> int:
    """Measure.

    Returns:
        0, or 2 where an input failed.
    """
    from ..inference.batch import expand_inputs
    from ..inference.batch.many_inputs import prepare_folder
    from ..inference.regions import Regions
    from ..utils.files import check_json_place, write_json

    if args.maps:
        _check_maps(args)
    regions = Regions.from_file(args.regions, first_frame=args.first_frame, hold=args.hold)
    gaze = _gaze(args)
    inputs, failures = expand_inputs(args.inputs, without=args.out)
    if args.maps and len(inputs) != 1:
        raise ConfigError(f'--maps are those of one INPUT, got {len(inputs)}')
    if args.json:
        check_json_place(args.json)
    prepare_folder(args.out)
    failed = [outcome.line for outcome in failures]
    is_single = len(inputs) == 1 and not failed
    reports: list[RegionReport] = []
    with ended_as_interrupted(ENDING_SECONDS):
        about, predictor = _open_model(args) if inputs and not args.maps else ({}, None)
        work = _Work(args, regions, gaze, predictor, about, is_single)
        for number, source in enumerate(inputs, 1):
            label = f'{number}/{len(inputs)} {printable(source.name)}'
            try:
                report = _measure(work, source, label)
            except SalkitError as error:
                if is_single:
                    raise
                failed.append(f'failed: {printable(str(source.path))}: {one_line(error)}')
                continue
            reports.append(report)
            _print(report, args.out / f'{source.name}_regions')
    if args.json:
        write_json([report.to_json() for report in reports], args.json)
    for line in failed:
        print(line, file=sys.stderr)
    return 2 if failed else 0


def _check_maps(args: argparse.Namespace) -> None:
    """Raise ConfigError where maps that are there are given, and how others are predicted."""
    given = {
        '--model': args.model,
        '--checkpoint': args.checkpoint,
        '--precision': args.precision,
        '--start': args.start,
        '--end': args.end,
        '--speed': args.stride != 1,
    }
    for option, value in given.items():
        if value:
            raise ConfigError(f'{option} is for predicting; --maps takes maps that are there')


def _gaze(args: argparse.Namespace) -> RecordedGaze | None:
    from ..inference.regions import RecordedGaze
    from ..prepare.options import GazeReading

    if args.gaze is None:
        if args.screen:
            raise ConfigError('--screen goes with --gaze')
        return None
    given = option_values(args, GazeReading)
    reading = GazeReading(**given | dict(screen=rows_and_columns('--screen', args.screen)))
    return RecordedGaze(args.gaze, reading)


def _open_model(args: argparse.Namespace) -> tuple[dict[str, object], SaliencyPredictor]:
    """What identifies the model, and its predictor."""
    from ..inference.predictor import SaliencyPredictor
    from ..utils.files import sha256_of
    from .chosen_model import choose_model

    model, checkpoint = choose_model(args.model, args.checkpoint)
    predictor = SaliencyPredictor(
        model, checkpoint, args.device, args.precision, engine=args.engine
    )
    weights = Path(str(model)) if checkpoint is None else checkpoint.path
    about: dict[str, object] = dict(
        engine=predictor.backend.engine, precision=predictor.backend.precision, stride=args.stride
    )
    if weights is not None and weights.is_file():
        about.update(weights=weights.name, weights_sha256=sha256_of(weights))
    return about, predictor


@dataclass(frozen=True)
class _Work:
    """What all inputs share.

    Attributes:
        args: of the command.
        regions: not yet on a video.
        gaze: on all videos.
        predictor: None where maps are there.
        about: identifies the model.
        is_single: whether there is one input, which then has to have gaze.
    """

    args: argparse.Namespace
    regions: Regions
    gaze: RecordedGaze | None
    predictor: SaliencyPredictor | None
    about: dict[str, object]
    is_single: bool


def _measure(work: _Work, source: Input, label: str) -> RegionReport:
    """Measure one input, and write what is asked for."""
    from tqdm import tqdm

    from ..inference import open_stimulus
    from ..inference.overlay_video import write_overlay
    from ..inference.regions import region_report
    from ..inference.regions.drawing import RegionOverlay, plot_shares
    from ..inference.regions.stored import StoredMaps
    from ..utils.files import name_and_digest
    from .predict import seconds_of

    args, gaze, predictor = work.args, work.gaze, work.predictor
    stimulus = open_stimulus(source.path)
    # Before the model runs, which takes longest.
    placed = work.regions.on(stimulus.size, stimulus.times)
    has_gaze = gaze is not None and (gaze.has(stimulus) or work.is_single)
    start, end = seconds_of('--start', args.start), seconds_of('--end', args.end)
    stem = args.out / f'{source.name}_regions'
    found: SaliencyMaps | StoredMaps
    if predictor is None:
        found = StoredMaps(args.maps, stimulus)
    else:
        found = predictor.predict(stimulus, start=start, end=end, stride=args.stride)
    # With an overlay, maps are looked at twice, and the model still runs once.
    total = (1 + args.overlay + (args.overlay and predictor is not None)) * len(found)
    with (
        tqdm(total=total, desc=label, unit='frames', leave=False) as bar,
        found.kept(args.out, bar.update) if args.overlay else nullcontext(found) as maps,
    ):
        report = region_report(maps, stimulus, placed, gaze if has_gaze else None, bar.update)
        if args.overlay:
            is_picture = len(maps) == 1 and stimulus.kind == 'pictures'
            path = stem.with_name(stem.name + ('_overlay.png' if is_picture else '.mp4'))
            overlay = RegionOverlay(placed, maps.times)
            write_overlay(maps, stimulus, path, overlay, None, bar.update)
    report.model = predictor.name if predictor is not None else f'maps in {args.maps.name}'
    if gaze is not None and not has_gaze:
        report.notes.append(f'{gaze.path.name} holds no gaze on this video')
    files = dict(video=source.path, regions=args.regions)
    files |= dict(gaze=gaze.path) if gaze is not None else {}
    report.about = work.about | {name: name_and_digest(path) for name, path in files.items()}
    report.write_csv(stem.with_name(stem.name + '.csv'))
    if report.gaze is not None:
        report.write_gaze_csv(stem.with_name(stem.name + '_gaze.csv'))
    report.write_json(stem.with_name(stem.name + '.json'))
    plot_shares(report, stem.with_name(stem.name + '.png'))
    return report


def _print(report: RegionReport, stem: Path) -> None:
    from ..utils.text import aligned

    columns = (*_COLUMNS, *(_GAZE_COLUMNS if report.gaze is not None else ()))
    rows = [[name.replace('_', ' ') for name in columns]]
    for record in report.records():
        rows.append([_cell(name, record[name]) for name in columns])
    print(f'{printable(report.video)}, {len(report.times)} frames')
    print('\n'.join(aligned(rows)))
    for note in report.notes:
        print(f'note: {note}')
    print(f'written: {printable(str(stem))}.csv, .json, .png')


def _cell(name: str, value: object) -> str:
    if not isinstance(value, float):
        return '' if value is None else str(value)
    return f'{100 * value:.1f} %' if name in _PERCENT else f'{value:.2f}'
