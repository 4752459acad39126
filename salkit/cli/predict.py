"""Predict where people look in videos and pictures, as maps and as overlay videos."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError, DataError
from ..utils.text import check_range, listed
from .common import ENDING_SECONDS, add_part_arguments, ended_as_interrupted, rows_and_columns
from .json_output import STDOUT, add_json_argument, give_json

if TYPE_CHECKING:
    from ..inference.batch import PredictOptions
    from ..inference.overlay import OverlayStyle
    from ..inference.predictor import SaliencyPredictor

# Arguments that say how an overlay looks, and so ask for one.
_STYLE = ('colors', 'normalize', 'contours', 'fixations', 'side_by_side')
# Shares of the peak that contours are drawn at where none are given.
_CONTOURS = '0.5,0.8'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit predict`."""
    from .chosen_model import add_model_arguments

    parser.add_argument(
        'inputs',
        nargs='*',
        metavar='INPUT',
        help='a video, a picture, a folder of frames, a folder with any of them inside (data sets '
        "too), a pattern such as 'clips/**/*.mp4', or the number of a webcam: 0",
    )
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='folder of the outputs, made if it is not there (default: in the current folder, '
        'clip_saliency for clip.mp4, saliency for several INPUTs)',
    )
    add_model_arguments(parser)
    _add_output_arguments(parser.add_argument_group('outputs'))
    _add_overlay_arguments(parser.add_argument_group('overlays (each of these asks for one)'))
    _add_frame_arguments(parser.add_argument_group('frames'))
    _add_running_arguments(parser.add_argument_group('running'))


def _add_output_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--format',
        default='png',
        metavar='NAMES',
        help='of the maps: npz, png, png16, mp4, dhf1k, or none; several with commas, each then '
        'in a folder of its own (default: png)',
    )
    group.add_argument('--overlay', action='store_true', help='NAME_overlay.mp4, with its sound')
    add_json_argument(group)
    group.add_argument('--force', action='store_true', help='make anew what is finished already')


def _add_overlay_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--colors', '--colours', metavar='NAME', help='a color map of matplotlib (turbo)'
    )
    group.add_argument(
        '--alpha', type=float, metavar='A', help='how much the map covers where it is strongest'
    )
    group.add_argument(
        '--normalize',
        '--normalise',
        choices=['video', 'frame', 'none'],
        help="what is drawn strongest: the video's maximum, each frame's (default), or 1",
    )
    group.add_argument(
        '--contours',
        nargs='?',
        const=_CONTOURS,
        metavar='SHARES',
        help=f'lines at shares of the peak (without a value: {_CONTOURS})',
    )
    group.add_argument('--fixations', action='store_true', help='dots where people looked')
    group.add_argument(
        '--side-by-side',
        action='store_true',
        help='the prediction beside the ground truth',
    )
    group.add_argument(
        '--truth',
        metavar='DIR',
        type=Path,
        help="ground truth of both: DIR/NAME/{maps,fixation} (default: a data set's folder has its "
        'own)',
    )


def _add_frame_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--fps', type=float, help='take fewer frames of a video; the rate of pictures'
    )
    add_part_arguments(group)
    group.add_argument('--frames', type=int, metavar='N', help='of a webcam, at most')
    group.add_argument(
        '--head',
        choices=['repeat-first', 'reverse-time', 'skip'],
        help="what stands before the first frame (default: as the config's test set)",
    )
    group.add_argument(
        '--allow-truncated', action='store_true', help='take what is left of videos cut off'
    )


def _add_running_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--size', metavar='WIDTHxHEIGHT', help='of the clips (default: that of the config)'
    )
    group.add_argument(
        '--batch-size', type=int, metavar='N', help='clips predicted at once (default: by device)'
    )
    group.add_argument(
        '--ray',
        metavar='local|ADDRESS',
        help='predict several inputs at once on Ray: here, or on the cluster at HOST:PORT, whose '
        'machines have all files at the same paths',
    )
    group.add_argument(
        '--workers',
        type=int,
        metavar='N',
        help='of Ray, each with the model (default: one a GPU, without any one a core)',
    )


# What the arguments mean -----------------------------------------------------------------------


def seconds_of(option: str, text: str | None) -> float | None:
    """Seconds of an argument such as 12.5, 1:30 or 1:02:03.5.

    Raises:
        ConfigError: something else.
    """
    if text is None:
        return None
    match = re.fullmatch(r'(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)', text.strip())
    if not match or (match[2] and float(match[3]) >= 60) or (match[1] and int(match[2]) >= 60):
        raise ConfigError(f'{option} must be seconds or [hh:]mm:ss, got {text!r}')
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3])


def part_of(args: argparse.Namespace) -> tuple[float | None, float | None]:
    """Seconds of --start and --end.

    Raises:
        ConfigError: something else, or an end that does not come after the start.
    """
    start, end = seconds_of('--start', args.start), seconds_of('--end', args.end)
    if start is not None and end is not None and end <= start:
        raise ConfigError(f'--end must come after --start, got {start:g} s to {end:g} s')
    return start, end


def _shares_of(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(','))
    except ValueError:
        raise ConfigError(f'--contours takes shares such as {_CONTOURS}, got {text!r}') from None


def _style(args: argparse.Namespace) -> OverlayStyle | None:
    from ..inference.overlay import OverlayStyle

    given = {name: getattr(args, name) for name in _STYLE if getattr(args, name)}
    if args.alpha is not None:
        given['alpha'] = args.alpha
    if not (args.overlay or given):
        return None
    if args.contours:
        given['contours'] = _shares_of(args.contours)
    return OverlayStyle(**given)


def _options(args: argparse.Namespace) -> PredictOptions:
    from ..inference.batch import PredictOptions

    formats = [name.strip() for name in args.format.split(',')]
    start, end = part_of(args)
    return PredictOptions(
        formats=() if formats == ['none'] else tuple(dict.fromkeys(formats)),
        overlay=_style(args),
        truth=args.truth,
        start=start,
        end=end,
        fps=args.fps,
        stride=args.stride,
        allow_truncated=args.allow_truncated,
        force=args.force,
    )


def _open_model(args: argparse.Namespace) -> tuple[SaliencyPredictor, dict[str, object]]:
    """The predictor, and what identifies its model, for the records."""
    from ..inference.batch.record import stamp_of
    from ..inference.predictor import SaliencyPredictor
    from .chosen_model import choose_model

    model, checkpoint = choose_model(args.model, args.checkpoint)
    about: dict[str, object] = {}
    weights = Path(str(model))
    if checkpoint is not None:
        from ..config.load import load_config, model_digest

        model = load_config(model) if isinstance(model, str) else model
        about.update(config=model_digest(model))
        weights = checkpoint.path or weights
    predictor = SaliencyPredictor(
        model,
        checkpoint,
        args.device,
        args.precision,
        args.batch_size or 'auto',
        size=rows_and_columns('--size', args.size),
        head=args.head,
        engine=args.engine,
    )
    return predictor, dict(name=predictor.name, file=weights.name, stamp=stamp_of(weights), **about)


# Running ---------------------------------------------------------------------------------------


def default_out(texts: Sequence[str], what: str = 'saliency') -> str:
    """The folder of outputs where none is named.

    Args:
        texts: the inputs. One alone has a folder of its own name.
        what: that is put out.
    """
    path = Path(texts[0]).expanduser()
    if len(texts) > 1 or not (path.exists() or texts[0].isdecimal()):
        return what
    if texts[0].isdecimal() and not path.exists():
        return f'camera{int(texts[0])}_{what}'
    # Also of `.` and `..`.
    path = path.resolve()
    return f'{path.name if path.is_dir() else path.stem}_{what}'


def check_report(report: str | None, records: Iterable[Path]) -> None:
    """Check that `--json` names no file that is one of the records, or a record of another run.

    Raises:
        ConfigError: it does, or names a file that holds something else.
    """
    from ..inference.batch.record import read_record
    from ..utils.files import check_json_place

    if report in (None, STDOUT):
        return
    check_json_place(report)
    if Path(report).resolve() in {path.resolve() for path in records} or read_record(Path(report)):
        raise ConfigError(f'--json {report}: is where the record of an input goes; choose another')


def _check_ray(args: argparse.Namespace, cameras: Sequence[str]) -> None:
    from ..utils.parallel import check_workers
    from ..utils.ray_tasks import check_ray

    if not args.ray:
        if args.workers is not None:
            raise ConfigError('--workers is for --ray; without it, inputs are predicted in turn')
        return
    if cameras:
        raise ConfigError(f'--ray is for files, got the webcam {cameras[0]}')
    if args.device not in ('auto', 'cpu', 'cuda'):
        raise ConfigError(
            f'--device {args.device}: with --ray, each worker is given a GPU; expected auto, cpu '
            'or cuda'
        )
    check_ray(args.ray)
    check_workers(args.workers)


def run(args: argparse.Namespace) -> int:
    """Predict.

    Returns:
        0, or 2 where an input failed.
    """
    import dataclasses
    from functools import partial

    from ..inference.batch import (
        PredictJob,
        PredictReport,
        expand_inputs,
        predict_inputs,
        predict_on_ray,
        without_unreadable,
    )
    from ..inference.batch.camera import record_camera
    from ..inference.batch.many_inputs import prepare_folder
    from ..inference.batch.report import FAILED, Outcome

    options = _options(args)
    rows_and_columns('--size', args.size)
    if args.batch_size is not None:
        check_range('', '--batch-size', args.batch_size, 1)
    texts = args.inputs
    if not texts:
        raise ConfigError(
            'no INPUT: name a video, a picture or a folder of them, such as: '
            'salkit predict clip.mp4 --overlay'
        )
    out = Path(args.out or default_out(texts)).expanduser()
    cameras = [text for text in texts if text.isdecimal() and not os.path.lexists(text)]
    _check_ray(args, cameras)
    if args.frames and not cameras:
        raise ConfigError('--frames is for webcams; videos have --start and --end')
    inputs, failures = expand_inputs([text for text in texts if text not in cameras], without=out)
    check_report(args.json, (out / f'{source.name}.json' for source in inputs))
    if not cameras:
        inputs, unreadable = without_unreadable(inputs, args.fps, args.allow_truncated)
        failures += unreadable
    if inputs or cameras or args.out:
        prepare_folder(out)
    if renamed := [source.name for source in inputs if source.is_renamed]:
        print(f'names that others have, too; outputs are called {listed(renamed)}', file=sys.stderr)
    with ended_as_interrupted(ENDING_SECONDS):
        if (inputs or cameras) and not args.ray:
            # Before anything is recorded: what does not fit should say so early.
            predictor, model = _open_model(args)
            options = dataclasses.replace(options, model=model)
        for number in cameras:
            try:
                inputs.append(record_camera(int(number), out, args.frames))
            except DataError as error:
                failures.append(Outcome(number, FAILED, note=str(error)))
        for outcome in failures:
            print(outcome.line, file=sys.stderr)
        report = PredictReport(out, failures)
        if inputs and args.ray:
            job = PredictJob(partial(_open_model, args), out, options)
            on_gpus = args.device != 'cpu'
            report = predict_on_ray(job, inputs, args.ray, args.workers, on_gpus, failures)
        elif inputs:
            report = predict_inputs(predictor, inputs, out, options, failures)
    if report.submission is not None:
        state = 'DHF1K submission: complete'
        if not report.submission['complete']:
            state = 'warning: DHF1K submission: incomplete'
        print(f'{state}: {report.submission["summary"]}', file=sys.stderr)
    failed = report.of(FAILED)
    if failed and len(report.outcomes) > 1:
        print(f'{len(failed)} of {len(report.outcomes)} inputs are not predicted:', file=sys.stderr)
        for outcome in failed:
            print(f'  {outcome.line}', file=sys.stderr)
    if inputs:
        print(report.headline)
    give_json(args, report.to_json())
    return 2 if failed else 0
