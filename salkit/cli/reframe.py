"""Cut videos and pictures to another aspect, by a window that keeps most of the attention."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, SalkitError, one_line, printable
from ..utils.reframe_options import ReframeOptions, parse_aspect
from .common import ENDING_SECONDS, ended_as_interrupted
from .json_output import add_json_argument, give_json
from .options import add_options, option_values

if TYPE_CHECKING:
    from ..inference.batch import Input
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
    parser.add_argument('--start', metavar='T', help='seconds, or [hh:]mm:ss')
    parser.add_argument('--end', metavar='T', help='likewise')
    parser.add_argument(
        '--maps',
        type=Path,
        metavar='PATH',
        help='maps of the one INPUT that are there, one a frame: a folder, .npy, .npz or gray '
        'video; instead of a model',
    )
    add_options(parser.add_argument_group('how the window moves'), ReframeOptions)
    model = parser.add_argument_group('model')
    add_model_arguments(model, None, 'as gives about 6 maps a second')


def run(args: argparse.Namespace) -> int:
    """Reframe.

    Returns:
        0, or 2 where an input failed.
    """
    parse_aspect(args.aspect)
    options = ReframeOptions(**option_values(args, ReframeOptions))
    if args.maps and (args.start or args.end):
        raise ConfigError('--maps are of whole videos: it goes without --start and --end')
    from ..inference.batch import expand_inputs
    from ..inference.batch.many_inputs import prepare_folder
    from ..inference.reframe.reframing import check_height
    from .chosen_model import open_chosen_model
    from .predict import default_out

    check_height(args.height)
    is_one = len(args.inputs) == 1
    out = args.out or Path(default_out(args.inputs, 'reframed'))
    inputs, failures = expand_inputs(args.inputs, without=out)
    if args.maps and len(inputs) != 1:
        raise ConfigError(f'--maps are those of one INPUT, got {len(inputs)}')
    failed = [outcome.line for outcome in failures]
    done: list[dict[str, object]] = []
    with ended_as_interrupted(ENDING_SECONDS):
        predictor = open_chosen_model(args) if inputs and not args.maps else None
        if inputs:
            prepare_folder(out)
        for number, source in enumerate(inputs, 1):
            label = f'{number}/{len(inputs)} {printable(source.name)}'
            stem = out / f'{source.name}_{args.aspect.replace(":", "x")}'
            try:
                found, files = _reframe(source, stem, predictor, options, args, label)
            except SalkitError as error:
                if is_one and len(inputs) == 1:
                    raise
                failed.append(f'failed: {printable(str(source.path))}: {one_line(error)}')
                continue
            _print(found, files)
            done.append(_as_json(source, found, files, args.aspect))
    give_json(args, done)
    for line in failed:
        print(line, file=sys.stderr)
    return 2 if failed else 0


def _reframe(
    source: Input,
    stem: Path,
    predictor: SaliencyPredictor | None,
    options: ReframeOptions,
    args: argparse.Namespace,
    label: str,
) -> tuple[Reframing, list[Path]]:
    """The way of one input's window, and the files that were written."""
    from tqdm import tqdm

    from ..inference import open_stimulus
    from ..inference.reframe import reframe_by_stored
    from ..inference.stored_maps import StoredMaps
    from .predict import seconds_of

    stimulus = open_stimulus(source.path)
    start, end = seconds_of('--start', args.start), seconds_of('--end', args.end)
    passes = 2 + args.preview
    with tqdm(
        total=passes * len(stimulus), desc=label, unit='frames', leave=False, disable=None
    ) as bar:
        if predictor is None:
            stored = StoredMaps(args.maps, stimulus)
            found = reframe_by_stored(stored, args.aspect, options, bar.update)
        else:
            stride = args.stride or max(1, round(stimulus.fps / _MAPS_PER_SECOND))
            maps = predictor.predict(stimulus, start=start, end=end, stride=stride)
            bar.reset(passes * len(maps))
            found = maps.reframe(args.aspect, options, bar.update)
        suffix = '.png' if stimulus.kind == 'pictures' and len(stimulus) == 1 else '.mp4'
        files = [found.save(stem.with_name(stem.name + suffix), args.height, bar.update)]
        if args.preview:
            path = stem.with_name(f'{stem.name}_preview{suffix}')
            files.append(found.save_preview(path, bar.update))
    files.append(found.save_path(stem.with_name(stem.name + '.csv')))
    return found, files


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


def _as_json(source: Input, found: Reframing, files: list[Path], aspect: str) -> dict[str, object]:
    return dict(
        source=str(source.path),
        aspect=aspect,
        frames=len(found),
        fps=round(float(found.fps), 6),
        window=dict(width=found.window.size[1], height=found.window.size[0]),
        options=asdict(found.options),
        shots=found.records(),
        total=asdict(found.total),
        outputs=[str(path) for path in files],
    )
