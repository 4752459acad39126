"""Draw the curves of runs: losses, scores on the validation set, learning rates and more."""

from __future__ import annotations

import argparse

from .json_output import add_json_argument, give_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `salkit plot`."""
    parser.add_argument('runs', nargs='+', metavar='RUN', help='the work dir of a training')
    parser.add_argument(
        '--out', required=True, metavar='FILE', help='the picture: curves.png or curves.svg'
    )
    parser.add_argument(
        '--keys',
        nargs='+',
        default=[],
        metavar='KEY',
        help='what to draw, a panel each: loss, loss_kl, CC, NSS, lr, grad_norm, clips_per_s ... '
        '(default: loss CC lr)',
    )
    add_json_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Draw, and say what was drawn."""
    from ..scoring.curves import plot_runs

    keys = plot_runs(args.runs, args.out, args.keys)
    print(f'{args.out}: {", ".join(keys)} of {len(args.runs)} run{"s" * (len(args.runs) > 1)}')
    give_json(args, dict(out=args.out, keys=keys, runs=args.runs))
    return 0
