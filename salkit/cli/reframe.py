"""Cut videos and pictures to another aspect, by a window that keeps most of the attention."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, printable
from ..utils.reframe_options import ReframeOptions, parse_aspect
from ..utils.text import check_range
from .common import (
    ENDING_SECONDS,
    add_answer_arguments,
    check_maps_alone,
    ended_as_interrupted,
)
from .json_output import add_json_argument, give_json
from .options import add_options, option_values

if TYPE_CHECKING:
    from ..inference import Stimulus
    from ..inference.batch import Input
    from ..inference.batch.report import Outcome
    from ..inference.predictor import SaliencyPredictor
    from ..inference.reframe import Reframing

EPILOG = """
Of each INPUT, NAME_9x16.mp4 is written, in full resolution and with its sound (of a picture
NAME_9x16.png), and NAME_9x16.csv, where the window is in each frame. How it moves, what the table
says and what that is worth: docs/reframing.md.
"""
# Maps predicted in a second of video where nobody says. The window has a say in every 0.2 s; twice
# as many maps, or half, changed what it keeps by 0.1 % of the fixations.
_MAPS_PER_SECOND = 6.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit reframe`."""
    from .chosen_model import add_model_arguments

    parser.epilog = EPILOG
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT', help='videos, pictures, folders: as salkit predict'
    )
    parser.add_argument(
        '--aspect',
        default='9:16',
        metavar='W:H',
        help='of the window as it is shown: 9:16, 1:1, 4:5, ... (default: 9:16)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='DIR',
        help='folder of the outputs (default: clip_reframed for clip.mp4, reframed for several)',
    )
    parser.add_argument(
        '--height', type=int, metavar='N', help='resize to so many rows, an even number'
    )
    parser.add_argument(
        '--preview',
        action='store_true',
        help='NAME_9x16_preview.mp4, too: whole frames, darker outside of the window',
    )
    add_json_argument(parser)
    add_answer_arguments(parser)
    add_options(parser.add_argument_group('how the window moves'), ReframeOptions)
    model = parser.add_argument_group('model')
    add_model_arguments(model, None, 'as gives about 6 maps a second')


def run(args: argparse.Namespace) -> int:
    """Reframe.

    Returns:
        0, or 2 where an input failed.
    """
    parse_aspect(args.aspect)
    if args.stride is not None:
        check_range('', '--speed', args.stride, 1)
    options = ReframeOptions(**option_values(args, ReframeOptions))
    if args.maps:
        check_maps_alone(args)
    from ..inference.batch import expand_inputs, without_unreadable
    from ..inference.batch.many_inputs import attempt_inputs, prepare_folder
    from ..inference.batch.report import FAILED
    from ..inference.reframe.reframing import check_height
    from ..utils.files import name_and_digest
    from .chosen_model import open_identified_model
    from .predict import check_report, default_out, part_of

    check_height(args.height)
    out = args.out or Path(default_out(args.inputs, 'reframed'))
    about: dict[str, object] = {
        'options': asdict(options),
        'height': args.height,
        'frames': [*part_of(args), args.stride],
        'maps': args.maps and name_and_digest(args.maps),
    }
    inputs, failures = expand_inputs(args.inputs, without=out)
    if args.maps and len(inputs) != 1:
        raise ConfigError(f'--maps are those of one INPUT, got {len(inputs)}')
    ending = f'_{args.aspect.strip(" ").replace(":", "x")}'
    check_report(args.json, (out / f'{source.name}{ending}.json' for source in inputs))
    inputs, unreadable = without_unreadable(inputs)
    failures += unreadable
    if inputs:
        prepare_folder(out)
    for outcome in failures:
        print(outcome.line, file=sys.stderr)
    with ended_as_interrupted(ENDING_SECONDS):
        predictor = None
        if inputs and not args.maps:
            predictor, about['model'] = open_identified_model(args)
        work = _Work(args, out, ending, options, predictor, about, [])
        outcomes = attempt_inputs(inputs, out, work.on)
    give_json(args, work.found)
    return 2 if failures or any(outcome.status == FAILED for outcome in outcomes) else 0


@dataclass(frozen=True)
class _Work:
    """What all inputs share.

    Attributes:
        args: of the command.
        out: folder of the outputs.
        ending: of their names, before the suffix.
        options: how the window moves.
        predictor: None where maps are there.
        about: all that the outputs depend on, but for the video.
        found: takes the report of each input.
    """

    args: argparse.Namespace
    out: Path
    ending: str
    options: ReframeOptions
    predictor: SaliencyPredictor | None
    about: dict[str, object]
    found: list[dict[str, object]]

    def on(self, source: Input, label: str) -> Outcome:
        """Reframe one input, unless that was done before."""
        from ..inference import open_stimulus
        from ..inference.batch.one_answer import Answer, make_answer
        from ..inference.batch.record import Record, stimulus_stamp

        stimulus = open_stimulus(source.path)
        is_picture = stimulus.kind == 'pictures' and len(stimulus) == 1
        stem, suffix = source.name + self.ending, '.png' if is_picture else '.mp4'
        names = [f'{stem}{suffix}', f'{stem}.csv']
        preview = f'{stem}_preview{suffix}'
        record = Record(self.out, source.name, source.path, 'salkit reframe', self.ending)
        answer = Answer(
            record,
            [*names, *([preview] if self.args.preview else [])],
            [*names, preview],
            dict(source=stimulus_stamp(source.path), **self.about),
        )

        def make(folder: Path) -> dict[str, object]:
            found = self._reframe(stimulus, [folder / name for name in answer.wanted], label)
            _print(found, [self.out / name for name in answer.wanted])
            return _as_json(found, self.args.aspect)

        outcome = make_answer(answer, source, make, self.args.force)
        self.found.append(record.content)
        return outcome

    def _reframe(self, stimulus: Stimulus, files: list[Path], label: str) -> Reframing:
        """Find the way of a window, and write its pictures, its way, and perhaps the preview."""
        from tqdm import tqdm

        from ..inference.reframe import reframe_by_stored
        from ..inference.stored_maps import StoredMaps
        from .predict import part_of

        args, (video, way, *preview) = self.args, files
        start, end = part_of(args)
        passes = 2 + len(preview)
        with tqdm(
            total=passes * len(stimulus), desc=label, unit='frames', leave=False, disable=None
        ) as bar:
            if self.predictor is None:
                stored = StoredMaps(args.maps, stimulus)
                found = reframe_by_stored(stored, args.aspect, self.options, bar.update)
            else:
                stride = args.stride or max(1, round(stimulus.fps / _MAPS_PER_SECOND))
                maps = self.predictor.predict(stimulus, start=start, end=end, stride=stride)
                bar.reset(passes * len(maps))
                found = maps.reframe(args.aspect, self.options, bar.update)
            found.save(video, args.height, bar.update)
            if preview:
                found.save_preview(preview[0], bar.update)
        found.save_path(way)
        return found


def _print(found: Reframing, files: list[Path]) -> None:
    from ..utils.text import aligned

    rows = [['shot', 'seconds', 'kept', 'middle', 'best fixed', 'best jumping']]
    shots = [(str(number), shot) for number, shot in enumerate(found.shots, 1)]
    for name, shot in (*shots, ('all', found.total)):
        shares = shot.kept, shot.center, shot.best_fixed, shot.best_jumping
        rows.append(
            [name, f'{shot.start_s:.2f}-{shot.end_s:.2f}', *(f'{100 * s:.1f} %' for s in shares)]
        )
    rows_, columns = found.window.size
    print(f'{printable(found.stimulus.name)}: {len(found)} frames of {columns} x {rows_} pixels')
    print('\n'.join(aligned(rows)))
    print(f'written: {", ".join(printable(str(path)) for path in files)}')


def _as_json(found: Reframing, aspect: str) -> dict[str, object]:
    return dict(
        aspect=aspect,
        frames=len(found),
        fps=round(float(found.fps), 6),
        window=dict(width=found.window.size[1], height=found.window.size[0]),
        options=asdict(found.options),
        shots=found.records(),
        total=asdict(found.total),
    )
