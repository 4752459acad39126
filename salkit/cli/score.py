"""Score anybody's predicted maps against the ground truth of a data set."""

from __future__ import annotations

import argparse
import sys

from .common import ended_as_interrupted, leave_cores_to_workers

EPILOG = """
Predictions: a folder of maps for each video (PNG of 8 or 16 bits, JPEG, .npy or .npz, a file a
frame), or an array file (T, H, W) or a gray video for each. Ground truth:
<root>/[<split>/]<video>/{maps,fixation}, annotation/<video>/{maps,fixation} (DHF1K), or
fixations.json files and saliency videos (AViMoS). Results are kept while it runs: the same command
goes on where an interrupted one was.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `salkit score`."""
    parser.epilog = EPILOG
    parser.add_argument('predictions', metavar='PREDICTIONS', help='folder of the predicted maps')
    parser.add_argument('ground_truth', metavar='GROUND_TRUTH', help='root of the data set')
    parser.add_argument(
        '--protocol',
        default='exact',
        metavar='NAME[,NAME...]',
        help='how to score; `salkit protocols` explains them (default: exact)',
    )
    parser.add_argument(
        '--split', metavar='NAME', help='of the data set; not needed where there is only one'
    )
    parser.add_argument(
        '--metrics', metavar='NAME[,NAME...]', help="only these (default: the protocol's)"
    )
    parser.add_argument('--out', metavar='FILE.json', help='write the scores, per video too')
    parser.add_argument('--csv', metavar='FILE.csv', help='write the scores of every frame')
    parser.add_argument('--workers', type=int, metavar='N', help='processes (default: one a core)')
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='average over what there is, where videos, frames or maps are missing',
    )
    parser.add_argument(
        '--final',
        action='store_true',
        help='the maps are post-processed, as salkit test dumps them: do not blur them again',
    )
    parser.add_argument(
        '--seed',
        type=int,
        metavar='N',
        help='draw the random parts of a protocol as its code does (default: exact expectation)',
    )


def run(args: argparse.Namespace) -> int:
    """Score, and print a table for each protocol."""
    leave_cores_to_workers()
    from ..metrics.report import format_table
    from ..scoring import score_protocols
    from ..utils.parallel import reuse_memory

    reuse_memory()

    with ended_as_interrupted():
        scoring = score_protocols(
            args.predictions,
            args.ground_truth,
            _names(args.protocol),
            split=args.split,
            metrics=_names(args.metrics) if args.metrics else None,
            out=args.out,
            csv=args.csv,
            workers=args.workers,
            allow_missing=args.allow_missing,
            seed=args.seed,
            final=args.final,
            progress=sys.stderr.isatty(),
        )
    for line in dict.fromkeys(w for plan in scoring.plans.values() for w in plan.warnings):
        print(f'warning: {line}', file=sys.stderr)
    for name, report in scoring.reports.items():
        if missing := scoring.plans[name].missing:
            print(f'INCOMPLETE: {missing.summary()}')
        print(report.headline)
        print(format_table({name: report.scores}))
    return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(',') if name.strip()]
