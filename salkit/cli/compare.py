"""Compare score files video by video: differences with intervals and corrected p-values."""

from __future__ import annotations

import argparse
import sys

from .json_output import add_json_argument, give_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `salkit compare`."""
    parser.add_argument(
        'reference', metavar='REFERENCE.json', help='scores that the others are compared with'
    )
    parser.add_argument('others', nargs='+', metavar='OTHER.json', help='one or more score files')
    parser.add_argument(
        '--protocol', metavar='NAME', help='the only one to compare (default: all in every file)'
    )
    parser.add_argument(
        '--metrics', nargs='+', metavar='NAME', help='the only ones to compare (default: all)'
    )
    parser.add_argument(
        '--names', nargs='+', metavar='NAME', help='what to call the files, the reference first'
    )
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='compare the common videos where one file has more',
    )
    parser.add_argument(
        '--force',
        action='store_true',
        help='compare scores of different data sets, splits or frames',
    )
    parser.add_argument('--resamples', type=int, default=10_000, help='draws (default: 10000)')
    parser.add_argument('--seed', type=int, default=0, help='of the draws (default: 0)')
    add_json_argument(parser)
    parser.add_argument('--plot', metavar='FILE.png', help='draw the scores of every video')


def run(args: argparse.Namespace) -> int:
    """Compare, and print the tables and the warnings."""
    from ..scoring import compare
    from ..scoring.plot import check_picture_place, plot_per_video
    from ..version import __version__

    if args.plot:
        check_picture_place(args.plot)
    comparison = compare(
        args.reference,
        *args.others,
        names=args.names,
        protocol=args.protocol,
        metrics=args.metrics,
        force=args.force,
        allow_missing=args.allow_missing,
        resamples=args.resamples,
        seed=args.seed,
    )
    print(comparison.format(), flush=True)
    for warning in comparison.warnings:
        print(f'warning: {warning}', file=sys.stderr)
    command = ' '.join(sys.argv)
    give_json(args, dict(command=command, salkit_version=__version__, **comparison.to_json()))
    if args.plot:
        plot_per_video(comparison, args.plot)
    return 0
