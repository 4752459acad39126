"""Put score files of many models into one report: tables, intervals, ranks and pictures."""

from __future__ import annotations

import argparse
import sys

from .json_output import add_json_argument, give_json
from .options import add_options, option_values

EPILOG = """
Scores of several protocols, data sets, splits or choices of frames stand in tables of their own.
"""
_NAMES = dict(nargs='+', type=str, metavar='NAME')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit leaderboard`."""
    from ..scoring.leaderboard_options import LeaderboardOptions

    parser.epilog = EPILOG
    parser.add_argument(
        'files',
        nargs='+',
        metavar='FILE.json',
        help='what `salkit score --out` and `salkit test --out` wrote',
    )
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='the report: report.html, report.md or report.tex (default: plain text is printed)',
    )
    add_json_argument(parser)
    for role, example in (('baselines', 'the mean map'), ('ceilings', 'other observers')):
        parser.add_argument(
            f'--{role}',
            nargs='+',
            default=(),
            metavar='FILE.json',
            help=f'score files of {role}, such as {example}; those that say so of themselves may '
            'stand among the others',
        )
    add_options(parser, LeaderboardOptions, names=_NAMES, metrics=_NAMES, scatter=_NAMES)


def run(args: argparse.Namespace) -> int:
    """Make the report, and print the tables where it is not written."""
    from ..scoring.leaderboard_building import leaderboard
    from ..scoring.leaderboard_options import LeaderboardOptions
    from ..scoring.leaderboard_report import check_report_place
    from ..version import __version__

    if args.out:
        check_report_place(args.out)
    board = leaderboard(*args.files, **option_values(args, LeaderboardOptions))
    for warning in board.warnings:
        print(f'warning: {warning}', file=sys.stderr)
    command = ' '.join(sys.argv)
    give_json(args, dict(command=command, salkit_version=__version__, **board.to_json()))
    if args.out:
        print(*board.save(args.out), sep='\n')
    else:
        print(board.format())
    return 0
