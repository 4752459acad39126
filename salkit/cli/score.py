"""Score anybody's predicted maps against the ground truth of a data set."""

from __future__ import annotations

import argparse
import sys

from .json_output import add_json_argument, give_json
from .options import add_options, names_in, option_values

ON_ALL_CORES = True
EPILOG = """
Predictions: a folder of maps for each video (PNG of 8 or 16 bits, JPEG, .npy or .npz, a file a
frame), or an array file (T, H, W) or a gray video for each. Ground truth:
<root>/[<split>/]<video>/{maps,fixation}, annotation/<video>/{maps,fixation} (DHF1K), or
fixations.json files and saliency videos (AViMoS), or pictures or films with one list of all
fixations (OSIE, xu-video, ...). Results are kept while it runs: the same command
goes on where an interrupted one was.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `salkit score`."""
    from ..scoring import ScoreOptions

    parser.epilog = EPILOG
    parser.add_argument('predictions', metavar='PREDICTIONS', help='folder of the predicted maps')
    parser.add_argument('ground_truth', metavar='GROUND_TRUTH', help='root of the data set')
    parser.add_argument(
        '--protocol',
        default='exact',
        metavar='NAME[,NAME...]',
        help='how to score; `salkit protocols` explains them (default: exact)',
    )
    # No Path: ./mean is a folder, mean is none.
    baseline = dict(type=str, metavar='center|mean|PATH')
    add_json_argument(parser)
    add_options(parser, ScoreOptions, baseline=baseline, ray=dict(metavar='local|ADDRESS'))


def run(args: argparse.Namespace) -> int:
    """Score, and print a table for each protocol."""
    from ..metrics.report import format_table
    from ..scoring import ScoreOptions, score_protocols
    from ..utils.parallel import reuse_memory

    reuse_memory()
    scoring = score_protocols(
        args.predictions,
        args.ground_truth,
        names_in(args.protocol),
        progress=sys.stderr.isatty(),
        **option_values(args, ScoreOptions),
    )
    for line in dict.fromkeys(w for plan in scoring.plans.values() for w in plan.warnings):
        print(f'warning: {line}', file=sys.stderr)
    for name, report in scoring.reports.items():
        if missing := scoring.plans[name].missing:
            print(f'INCOMPLETE: {missing.summary()}')
        print(report.headline)
        print(format_table(report.rows(name)))
    give_json(args, scoring.to_json())
    return 0
