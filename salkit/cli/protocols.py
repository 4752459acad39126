"""Describe each scoring protocol in plain words."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..metrics import Protocol

VALUES = {
    '8-bit': 'rounded to 8-bit grey levels 0..255, as in a PNG (floats in [0, 1] times 255)',
    'unit': 'kept in floating point; whole numbers divided by the largest of their type',
    'minmax': 'brought to [0, 1] by minimum and maximum of each map',
    'as-read': 'kept as they are',
}
RESIZE = {
    'bicubic': 'bicubic, antialiased (MATLAB imresize)',
    'bilinear': 'bilinear, antialiased when shrinking',
    'bilinear-plain': 'bilinear (OpenCV)',
}
POOLS = {
    'other-videos': 'all fixations of the other videos, rescaled to the frame, each counting',
    'ten-frames': 'the fixated pixels of 10 other frames, drawn by the seed for every frame',
    None: 'not needed',
}
AVERAGE = {
    'frames': 'over all frames of all videos',
    'videos': 'over the frames of each video, then over videos',
}
NANS = {
    'drop': 'frames without a value are left out of a mean, and counted',
    'keep': 'one frame without a value makes the mean NaN',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `salkit protocols`."""
    parser.add_argument('name', nargs='?', metavar='NAME', help='a protocol; all in short without')


def describe(protocol: Protocol, owner: str) -> str:
    """Everything about a protocol, as lines of text."""
    steps = [f'values {VALUES.get(protocol.values, protocol.values)}']
    steps.append(f'resized to the density map: {RESIZE.get(protocol.resize, protocol.resize)}')
    if protocol.blur_kernel:
        steps.append(f'Gaussian blur, {protocol.blur_kernel} x {protocol.blur_kernel} pixels')
    frames = 'all'
    if protocol.max_frames:
        frames = (
            f'all; with a seed, {protocol.max_frames:,} drawn for each metric if there are more'
        )
    average = f'{AVERAGE[protocol.average]}; {NANS[protocol.nan]}'
    if protocol.interval:
        average += '; 95 % bootstrap interval over videos'
    lines = [f'{protocol.name} (from {owner})']
    lines += _wrapped(protocol.summary, '  ')
    lines += ['', 'Prediction:', *(line for step in steps for line in _wrapped(step, '  - ')), '']
    lines.append('Metrics:')
    for name, measure in protocol.measures.items():
        with_baseline = 'baseline' in protocol.needs(name)
        when = 'with a baseline' if with_baseline else 'where asked for'
        asked = f' (only {when})' if name in protocol.extra else ''
        lines += _wrapped(measure.definition + asked, f'  {name:<6} ')
    lines += ['', *_wrapped(POOLS.get(protocol.pool, str(protocol.pool)), 'Nonfixations: ')]
    lines += [*_wrapped(frames, 'Frames: '), *_wrapped(average, 'Mean: '), '', 'To know:']
    lines += [line for text in protocol.description for line in _wrapped(text, '  - ')]
    return '\n'.join(lines)


def _wrapped(text: str, start: str) -> list[str]:
    return textwrap.wrap(
        text, 96, initial_indent=start, subsequent_indent=' ' * len(start), break_on_hyphens=False
    )


def run(args: argparse.Namespace) -> int:
    """Print one protocol in full, or all in short."""
    from ..metrics import get_protocol, protocol_names
    from ..plugin import owner_of
    from ..registry import PROTOCOLS

    if args.name:
        protocol = get_protocol(args.name)
        print(describe(protocol, owner_of(PROTOCOLS, protocol.name) or 'nobody'))
        return 0
    names = protocol_names()
    width = max(map(len, names)) + 2
    for name in names:
        protocol = get_protocol(name)
        lines = _wrapped(protocol.summary, f'{name:<{width}}')
        lines += _wrapped('Metrics: ' + ', '.join(protocol.metrics), ' ' * width)
        print('\n'.join(lines))
    print('\nsalkit protocols NAME describes one in full.')
    return 0
