"""Find what is wrong with a data set on disk, and what to do about it."""

from __future__ import annotations

import argparse
import json
import sys

from .common import ended_as_interrupted, leave_cores_to_workers

EPILOG = """
Layout: <root>/<split>/<video>/ with images/ (or a file video.<suffix>), maps/ and fixation/, as
`salkit prepare` makes it; or DHF1K as downloaded. Exit status: 0 when nothing is wrong, 1 when
something is, 2 when it cannot be checked, 130 when interrupted (what was found is printed).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit check`."""
    parser.epilog = EPILOG
    parser.add_argument('root', metavar='ROOT', help='of the data set, of a split or of a video')
    parser.add_argument(
        '--dataset',
        default='auto',
        metavar='NAME',
        help='public data set to compare with the published counts of: dhf1k, hollywood2, '
        'ucf-sports, avimos or that of a plugin (default: auto, by the names of the videos)',
    )
    parser.add_argument('--split', metavar='NAME[,NAME...]', help='only these (default: all)')
    parser.add_argument('--workers', type=int, metavar='N', help='processes (default: one a core)')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='only names, headers and a sample of the frames of each video',
    )
    parser.add_argument(
        '--sample', type=int, default=8, metavar='N', help='frames a video with --quick (8)'
    )
    parser.add_argument(
        '--complete', action='store_true', help='other counts than published are errors'
    )
    parser.add_argument('--strict', action='store_true', help='warnings count as errors')
    parser.add_argument(
        '--ignore', default='', metavar='KIND[,KIND...]', help='faults that you know of: [kind]'
    )
    parser.add_argument(
        '--examples', type=int, default=5, metavar='N', help='faults of a kind to print (5)'
    )
    parser.add_argument(
        '--json', metavar='FILE', help='write everything, every fault too; - for standard output'
    )


def run(args: argparse.Namespace) -> int:
    """Check."""
    leave_cores_to_workers()
    from ..prepare.check import check_dataset
    from ..utils.files import whole_file

    with ended_as_interrupted():
        report = check_dataset(
            args.root,
            args.dataset,
            split=_names(args.split or ''),
            quick=args.quick,
            sample=args.sample,
            complete=args.complete,
            strict=args.strict,
            ignore=_names(args.ignore),
            workers=args.workers,
            progress=sys.stderr.isatty(),
        )
    text = json.dumps(report.to_json(), indent=1) + '\n'
    if args.json == '-':
        sys.stdout.write(text)
    else:
        if args.json:
            with whole_file(args.json) as temporary:
                temporary.write_text(text, encoding='utf-8')
        print('\n'.join(report.lines(max(0, args.examples))))
    if not report.complete:
        return 130
    return 0 if report.ok else 1


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(',') if name.strip()]
