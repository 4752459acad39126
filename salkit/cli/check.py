"""Find what is wrong with a data set on disk, and what to do about it."""

from __future__ import annotations

import argparse
import sys

from ..errors import printable
from .json_output import add_json_argument, give_json
from .options import add_options, option_values

ON_ALL_CORES = True
EPILOG = """
Layout: <root>/<split>/<video>/ with images/ (or a file video.<suffix>), maps/ and fixation/, as
`salkit prepare` makes it; or DHF1K as downloaded. Exit status: 0 when nothing is wrong, 1 when
something is, 2 when it cannot be checked, 130 when interrupted (what was found is printed).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit check`."""
    from ..prepare.options import CheckOptions

    parser.epilog = EPILOG
    parser.add_argument('root', metavar='ROOT', help='of the data set, of a split or of a video')
    parser.add_argument(
        '--dataset',
        default='auto',
        metavar='NAME',
        help='public data set to compare with the published counts of (default: auto, by the names '
        'of the videos)',
    )
    parser.add_argument('--workers', type=int, metavar='N', help='processes (default: one a core)')
    add_options(parser, CheckOptions)
    parser.add_argument(
        '--examples', type=int, default=5, metavar='N', help='faults of a kind to print (5)'
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Check."""
    from ..prepare.check import check_dataset
    from ..prepare.options import CheckOptions

    report = check_dataset(
        args.root,
        args.dataset,
        workers=args.workers,
        progress=sys.stderr.isatty(),
        **option_values(args, CheckOptions),
    )
    print('\n'.join(map(printable, report.lines(max(0, args.examples)))))
    give_json(args, report.to_json())
    if not report.complete:
        return 130
    return 0 if report.ok else 1
