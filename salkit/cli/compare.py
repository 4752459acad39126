"""Compare score files video by video: differences with intervals and corrected p-values."""

from __future__ import annotations

import argparse
import sys

from .options import add_options, option_values


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `salkit compare`."""
    from ..scoring import CompareOptions

    parser.add_argument(
        'reference', metavar='REFERENCE.json', help='scores that the others are compared with'
    )
    parser.add_argument('others', nargs='+', metavar='OTHER.json', help='one or more score files')
    several = dict(nargs='+', type=str, metavar='NAME')
    add_options(parser, CompareOptions, names=several, metrics=several)
    parser.add_argument('--json', metavar='FILE', help='write the comparison')
    parser.add_argument('--plot', metavar='FILE.png', help='draw the scores of every video')


def run(args: argparse.Namespace) -> int:
    """Compare, and print the tables and the warnings."""
    from ..scoring import CompareOptions, compare

    comparison = compare(args.reference, *args.others, **option_values(args, CompareOptions))
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
