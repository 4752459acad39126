"""Convert weights to a safetensors file, checked in every entry, or back to the authors' names."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .common import CHECKPOINT_HELP, add_cfg_options
from .json_output import add_json_argument, give_json

if TYPE_CHECKING:
    from ..checkpoints import FitReport
    from ..checkpoints.convert import Conversion


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit convert`."""
    parser.add_argument(
        'source', metavar='SRC', help=f'published weights of an encoder, or {CHECKPOINT_HELP}'
    )
    parser.add_argument(
        'destination', metavar='DST', help='.safetensors; with --to official also .pth'
    )
    parser.add_argument(
        '--to',
        choices=['salkit', 'official'],
        default='salkit',
        help="official: the authors' names",
    )
    parser.add_argument(
        '--config',
        help='the model that the weights are for, where the file does not say; for the file of '
        'an encoder, which frames and how many blocks to keep',
    )
    add_cfg_options(parser, 'that config')
    parser.add_argument(
        '--half',
        action='store_true',
        help='write float16, small entries apart: half the size, read back as float32',
    )
    parser.add_argument(
        '--about',
        metavar='FILE.json',
        help='texts by name that the file shall say about itself: data, licences, scores',
    )
    add_json_argument(parser, '--report')
    parser.add_argument('--verbose', action='store_true', help='list every entry, used ones too')


def _read_about(path: str | None) -> dict[str, str]:
    from ..errors import ConfigError
    from ..utils.input_files import read_input_json

    content = {} if path is None else read_input_json(path, ConfigError)
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise ConfigError(f'{path}: expected texts by name, {{"trained_on": "...", ...}}')
    return content


def _print_keys(heading: str, keys: Iterable[str]) -> None:
    print(heading, *(f'  {key}' for key in keys), sep='\n')


def _print_report(report: FitReport, verbose: bool) -> None:
    cast = f', {report.cast} of another precision' if report.cast else ''
    print(f'{report.source}: {report.kind} weights, read for the {report.part}')
    print(f'used: {len(report.used)} entries{cast}')
    if verbose:
        for target, key in report.used.items():
            print(f'  {key} -> {target}' if key != target else f'  {key}')
    for key, how in report.derived.items():
        print(f'derived: {key} {how}')
    for reason, keys in report.reasons().items():
        _print_keys(f'dropped: {len(keys)} ({reason})', keys)
    for label in ('missing', 'unexpected'):
        keys = getattr(report, label)
        _print_keys(f'{label}: {len(keys) or "none"}', keys)
    for text in report.wrong.values():
        print(f'wrong: {text}')


def _print_conversion(done: Conversion) -> None:
    if done.beside:
        print(f'left out beside the weights: {", ".join(done.beside)}')
    if done.invented:
        what = 'entries that no forward pass reads and the source does not hold'
        _print_keys(f'made anew: {len(done.invented)} {what}', done.invented)
    print(f'wrote {done.destination}: {done.entries} entries, config {done.config}')


def run(args: argparse.Namespace) -> int:
    """Convert."""
    from ..checkpoints.named import check_destination, check_model_names
    from ..config import parse_options
    from ..errors import CheckpointError

    options, about = parse_options(args.cfg_options), _read_about(args.about)
    check_destination(args.destination, args.to)
    check_model_names(args.config, args.source)
    from ..checkpoints.convert import convert

    try:
        done = convert(
            args.source,
            args.destination,
            to=args.to,
            config=args.config,
            options=options,
            half=args.half,
            about=about,
        )
    except CheckpointError as error:
        report = getattr(error, 'report', None)
        if report is not None and args.verbose:
            _print_report(report, verbose=True)
        if report is not None:
            give_json(args, dict(vars(report), destination=None))
        raise
    _print_report(done.report, args.verbose)
    _print_conversion(done)
    give_json(args, done.to_json())
    return 0
