"""Compare score files video by video: differences with intervals and corrected p-values."""

from __future__ import annotations

import argparse
import sys


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
    parser.add_argument('--json', metavar='FILE', help='write the comparison')
    parser.add_argument('--plot', metavar='FILE.png', help='draw the scores of every video')


def run(args: argparse.Namespace) -> int:
    """Compare, and print the tables and the warnings."""
    from ..scoring import compare

    comparison = compare(
        args.reference,
        *args.others,
        names=args.names,
        protocol=args.protocol,
        metrics=args.metrics,
        force=args.force,
        allow_missing=args.allow_missing,
    )
    print(comparison.format(), flush=True)
    for warning in comparison.warnings:
        print(f'warning: {warning}', file=sys.stderr)
    if args.json:
        from ..utils.files import write_json
        from ..version import __version__

        command = ' '.join(sys.argv)
        content = dict(command=command, salkit_version=__version__, **comparison.to_json())
        write_json(content, args.json)
    if args.plot:
        from ..scoring.plot import plot_per_video

        plot_per_video(comparison, args.plot)
    return 0
