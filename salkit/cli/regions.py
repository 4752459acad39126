"""Say how much of the predicted attention regions of a video get, when, and what gaze says."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, printable
from ..utils.files import name_and_digest
from ..utils.text import check_range
from .common import (
    ENDING_SECONDS,
    add_answer_arguments,
    check_maps_alone,
    ended_as_interrupted,
    rows_and_columns,
)
from .json_output import add_json_argument, give_json
from .options import COLUMNS, add_options, option_values

if TYPE_CHECKING:
    from ..inference import Stimulus
    from ..inference.batch import Input
    from ..inference.batch.report import Outcome
    from ..inference.maps import SaliencyMaps
    from ..inference.predictor import SaliencyPredictor
    from ..inference.regions import RecordedGaze, RegionReport, Regions
    from ..utils.tabular import Record

EPILOG = """
FILE is a .csv (name,x,y,width,height or name,points; frame or time_s for key frames), a .json
(salkit's own, or COCO's), or masks: a picture with a number for each region, a folder of such
pictures, a gray video. Of each INPUT are written NAME_regions.csv (a row a frame and region), .json
(a row a region, and what the numbers mean) and .png (the shares over time); with --gaze also
NAME_regions_gaze.csv. What a share says and what it does not: docs/regions.md.
"""
_COLUMNS = ('region', 'rank', 'share', 'area', 'times_more', 'peak', 'peak_s', 'first_peak_s')
# Below the prediction, of the gaze: what of it stands in a column, and what that is called.
_GAZE_COLUMNS = dict(
    region='gaze',
    gaze_rank='rank',
    gaze='share',
    gaze_low='low',
    gaze_high='high',
    gaze_times_more='times more',
    gaze_first_peak_s='first peak s',
    difference='difference',
    halves='halves',
)
_PERCENT = ('share', 'area', 'peak', 'gaze', 'gaze_low', 'gaze_high', 'difference', 'halves')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit regions`."""
    from ..prepare.options import GazeReading
    from .chosen_model import add_model_arguments

    parser.epilog = EPILOG
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT', help='videos, pictures, folders: as salkit predict'
    )
    parser.add_argument('--regions', required=True, type=Path, metavar='FILE', help='see below')
    parser.add_argument(
        '--out',
        type=Path,
        metavar='DIR',
        help='folder of the outputs (default: clip_regions for clip.mp4, regions for several)',
    )
    parser.add_argument(
        '--hold',
        action='store_true',
        help='regions stay where their first and last key frames put them; else they are not there '
        'before and after',
    )
    parser.add_argument(
        '--overlay', action='store_true', help='NAME_regions.mp4: the map, the regions, their names'
    )
    add_json_argument(parser)
    parser.add_argument(
        '--emphasis',
        type=float,
        default=1.0,
        metavar='P',
        help='shares of the maps to this power: above 1, peaks count more (default: 1)',
    )
    add_answer_arguments(parser)
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
    from ..inference.batch import expand_inputs, without_unreadable
    from ..inference.batch.many_inputs import attempt_inputs, prepare_folder
    from ..inference.batch.report import FAILED
    from ..inference.regions import Regions
    from ..inference.regions.files import files_of
    from ..prepare.options import GazeReading
    from .chosen_model import open_identified_model
    from .predict import check_report, default_out, part_of

    check_range('', '--emphasis', args.emphasis, 0.1, 10)
    check_range('', '--speed', args.stride, 1)
    args.out = args.out or Path(default_out(args.inputs, 'regions'))
    if args.maps:
        check_maps_alone(args)
    regions = Regions.from_file(args.regions, first_frame=args.first_frame, hold=args.hold)
    gaze = _gaze(args)
    about: dict[str, object] = {
        'regions': [name_and_digest(path) for path in files_of(args.regions)],
        'gaze': None if gaze is None else name_and_digest(gaze.path),
        'emphasis': args.emphasis,
        'reading': [args.hold, args.screen, option_values(args, GazeReading)],
        'frames': [*part_of(args), args.stride],
        'maps': args.maps and name_and_digest(args.maps),
    }
    inputs, failures = expand_inputs(args.inputs, without=args.out)
    if args.maps and len(inputs) != 1:
        raise ConfigError(f'--maps are those of one INPUT, got {len(inputs)}')
    check_report(args.json, (args.out / f'{source.name}_regions.json' for source in inputs))
    inputs, unreadable = without_unreadable(inputs)
    failures += unreadable
    if inputs:
        prepare_folder(args.out)
    for outcome in failures:
        print(outcome.line, file=sys.stderr)
    with ended_as_interrupted(ENDING_SECONDS):
        predictor = None
        if inputs and not args.maps:
            predictor, about['model'] = open_identified_model(args)
        is_single = len(inputs) == 1 and not failures
        work = _Work(args, regions, gaze, predictor, about, is_single, [])
        outcomes = attempt_inputs(inputs, args.out, work.on)
    give_json(args, work.found)
    return 2 if failures or any(outcome.status == FAILED for outcome in outcomes) else 0


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


# What the names of outputs end with; the record, which is a report, too, has '.json'.
_OVERLAYS = ('.mp4', '_overlay.png')
_GAZE = '_gaze.csv'
_ENDINGS = ('.csv', '.png', _GAZE, *_OVERLAYS)


@dataclass(frozen=True)
class _Work:
    """What all inputs share.

    Attributes:
        args: of the command.
        regions: not yet on a video.
        gaze: on all videos.
        predictor: None where maps are there.
        about: all that the numbers depend on, but for the video.
        is_single: whether there is one input, which then has to have gaze.
        found: takes the report of each input.
    """

    args: argparse.Namespace
    regions: Regions
    gaze: RecordedGaze | None
    predictor: SaliencyPredictor | None
    about: dict[str, object]
    is_single: bool
    found: list[dict[str, object]]

    def on(self, source: Input, label: str) -> Outcome:
        """Measure one input and write what is asked for, unless that was done before."""
        from ..inference import open_stimulus
        from ..inference.batch.one_answer import Answer, make_answer
        from ..inference.batch.record import Record, stimulus_stamp

        args, stem = self.args, f'{source.name}_regions'
        stimulus = open_stimulus(source.path)
        has_gaze = self.gaze is not None and (self.gaze.has(stimulus) or self.is_single)
        wanted = ['.csv', '.png', *([_GAZE] if has_gaze else [])]
        if args.overlay:
            is_picture = len(stimulus) == 1 and stimulus.kind == 'pictures'
            wanted.append(_OVERLAYS[is_picture])
        record = Record(args.out, source.name, source.path, 'salkit regions', '_regions')
        answer = Answer(
            record,
            [stem + ending for ending in wanted],
            [stem + ending for ending in _ENDINGS],
            dict(source=stimulus_stamp(source.path), **self.about),
        )

        def make(folder: Path) -> dict[str, object]:
            report = self._measure(stimulus, has_gaze, folder / stem, label)
            files = dict(video=source.path, regions=args.regions)
            files |= {} if self.gaze is None else dict(gaze=self.gaze.path)
            files |= {} if args.maps is None else dict(maps=args.maps)
            named = {name: name_and_digest(path) for name, path in files.items()}
            report.about = dict(model=self.about.get('model'), **named)
            _print(report, args.out / stem, wanted)
            return report.to_json()

        outcome = make_answer(answer, source, make, args.force)
        self.found.append(record.content)
        return outcome

    def _measure(self, stimulus: Stimulus, has_gaze: bool, stem: Path, label: str) -> RegionReport:
        """Measure a video, and write all but the record."""
        from tqdm import tqdm

        from ..inference.overlay_video import write_overlay
        from ..inference.regions import region_report
        from ..inference.regions.drawing import RegionOverlay, plot_shares
        from ..inference.stored_maps import StoredMaps
        from .predict import part_of

        args, gaze, predictor = self.args, self.gaze, self.predictor
        # Before the model runs, which takes longest.
        placed = self.regions.on(stimulus.size, stimulus.times)
        start, end = part_of(args)
        found: SaliencyMaps | StoredMaps
        if predictor is None:
            found = StoredMaps(args.maps, stimulus)
        else:
            found = predictor.predict(stimulus, start=start, end=end, stride=args.stride)
        # With an overlay, maps are looked at twice, and the model still runs once.
        total = (1 + args.overlay + (args.overlay and predictor is not None)) * len(found)
        with (
            tqdm(total=total, desc=label, unit='frames', leave=False) as bar,
            found.kept(stem.parent, bar.update) if args.overlay else nullcontext(found) as maps,
        ):
            looked = gaze if has_gaze else None
            report = region_report(maps, stimulus, placed, looked, bar.update, args.emphasis)
            if args.overlay:
                is_picture = len(stimulus) == 1 and stimulus.kind == 'pictures'
                path = stem.with_name(stem.name + _OVERLAYS[is_picture])
                overlay = RegionOverlay(placed, maps.times)
                write_overlay(maps, stimulus, path, overlay, None, bar.update)
        report.model = predictor.name if predictor is not None else f'maps in {args.maps.name}'
        if gaze is not None and not has_gaze:
            report.notes.append(f'{gaze.path.name} holds no gaze on this video')
        report.write_csv(stem.with_name(stem.name + '.csv'))
        if report.gaze is not None:
            report.write_gaze_csv(stem.with_name(stem.name + _GAZE))
        plot_shares(report, stem.with_name(stem.name + '.png'))
        return report


def _print(report: RegionReport, stem: Path, written: Sequence[str]) -> None:
    records = report.records()
    print(f'{printable(report.video)}, {len(report.times)} frames')
    _print_table(records, {name: name.replace('_', ' ') for name in _COLUMNS})
    if report.gaze is not None:
        _print_table(records, _GAZE_COLUMNS)
    for note in report.notes:
        print(f'note: {printable(note)}')
    endings = ', '.join([written[0], '.json', *written[1:]])
    print(f'written: {printable(str(stem))}{endings}')


def _print_table(records: Sequence[Record], columns: Mapping[str, str]) -> None:
    from ..utils.text import aligned

    rows = [[_cell(name, record[name]) for name in columns] for record in records]
    print('\n'.join(aligned([list(columns.values()), *rows])))


def _cell(name: str, value: object) -> str:
    if not isinstance(value, float):
        return '' if value is None else str(value)
    return f'{100 * value:.1f} %' if name in _PERCENT else f'{value:.2f}'
