"""Describe each scoring protocol in plain words."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .json_output import add_json_argument, give_json

if TYPE_CHECKING:
    from ..metrics import Protocol

VALUES = {
    '8-bit': 'floats in [0, 1] times 255 and rounded to 8-bit grey levels, as in a PNG; whole '
    'numbers kept as they are',
    '8-bit-unit': 'rounded to 8-bit grey levels (of 16 bits, the upper 8), then divided by 255',
    '8-bit-stretched': 'rounded to 8-bit grey levels, then brought to [0, 1] by the minimum and '
    'maximum of each map',
    'png-unit': 'floats rounded to 8-bit grey levels; whole numbers divided by the largest of '
    'their type',
    'unit': 'kept in floating point; whole numbers divided by the largest of their type',
    'minmax': 'brought to [0, 1] by minimum and maximum of each map',
    'as-read': 'kept as they are',
}
RESIZE = {
    'bicubic': 'bicubic, antialiased (MATLAB imresize)',
    'bilinear': 'bilinear, antialiased when shrinking',
    'bilinear-plain': 'bilinear (OpenCV)',
    'spline': 'cubic spline, antialiased when shrinking (scikit-image)',
}
POOLS = {
    'other-videos': 'all fixations of the other videos, rescaled to the frame, each counting',
    'other-frames': 'all fixations of the other frames, those of the same video too, each counting',
    'same-video': 'the fixated pixels of all frames of the same video, less those of the frame',
    'ten-frames': 'the fixated pixels of 10 frames of the set, drawn by the seed for every frame',
    'ten-videos': 'the fixated pixels of 10 videos, a frame of each, drawn by the seed for every '
    'frame',
    None: 'not needed',
}
AVERAGE = {
    'frames': 'over all frames of all videos',
    'videos': 'over the frames of each video, then over videos',
    'weighted': 'over the frames of each video, then over videos, weighed by their frames',
}
NANS = {
    'drop': 'frames without a value are left out of a mean, and counted',
    'keep': 'one frame without a value makes the mean NaN',
    'zero': 'a frame without a value counts as 0',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `salkit protocols`."""
    parser.add_argument(
        'protocol', nargs='?', metavar='NAME', help='a protocol; all in short without'
    )
    parser.add_argument(
        '--compare', nargs=2, metavar=('A', 'B'), help='say where two protocols differ'
    )
    add_json_argument(parser)


def steps_of(protocol: Protocol) -> list[str]:
    """What becomes of a prediction before it is scored."""
    from ..metrics import Protocol

    steps = []
    if type(protocol).prepare is not Protocol.prepare:
        steps.append('prepared in a way of its own, of which these may be parts')
    if protocol.adaptable:
        steps.append('can be fitted to the densities of the whole set first (--domain-adaptation)')
    steps += [f'values {VALUES.get(protocol.values, protocol.values)}']
    if protocol.smooth_px:
        steps.append(f'Gaussian blur before resizing, sigma {protocol.smooth_px:g} pixels')
    if protocol.letterbox:
        rows, columns = protocol.letterbox
        steps.append(f'fitted into {rows} x {columns} with black around it, ground truth too')
    else:
        how = RESIZE.get(protocol.resize, protocol.resize)
        steps.append(f'resized to the density map: {how}')
    if protocol.blur_kernel:
        steps.append(f'Gaussian blur, {protocol.blur_kernel} x {protocol.blur_kernel} pixels')
    return steps


def metrics_of(protocol: Protocol) -> dict[str, str]:
    """What each metric is."""
    found = {}
    for name, measure in protocol.measures.items():
        when = 'with a baseline' if 'baseline' in measure.needs else 'where asked for'
        found[name] = measure.definition + (f' (only {when})' if name in protocol.extra else '')
    return found


def rules_of(protocol: Protocol) -> dict[str, str]:
    """What else numbers depend on, by its heading."""
    frames = 'all'
    if protocol.max_frames:
        frames += f'; with a seed, {protocol.max_frames:,} drawn for each metric if there are more'
    if protocol.half_frames:
        frames += (
            f'; with a seed, a half of each video for {" and ".join(sorted(protocol.half_frames))}'
        )
    average = f'{AVERAGE[protocol.average]}; {NANS[protocol.nan]}'
    if protocol.interval:
        average += '; 95 % bootstrap interval over videos'
    for other in protocol.more_averages:
        average += f'; beside it {AVERAGE[other]}'
    fixations = '.mat files before images' if protocol.prefers_mat else 'images before .mat files'
    return {
        'Fixations': f'from {fixations}, where there are both',
        'Nonfixations': POOLS.get(protocol.pool, str(protocol.pool)),
        'Frames': frames,
        'Mean': average,
    }


def to_json(protocol: Protocol, owner: str) -> dict[str, object]:
    """Everything about a protocol, as plain values."""
    return dict(
        name=protocol.name,
        owner=owner,
        summary=protocol.summary,
        prediction=steps_of(protocol),
        metrics=metrics_of(protocol),
        rules=rules_of(protocol),
        to_know=list(protocol.description),
    )


def describe(protocol: Protocol, owner: str) -> str:
    """Everything about a protocol, as lines of text."""
    lines = [f'{protocol.name} (from {owner})', *_wrapped(protocol.summary, '  '), '']
    lines += ['Prediction:', *(line for s in steps_of(protocol) for line in _wrapped(s, '  - '))]
    lines += ['', 'Metrics:']
    for name, definition in metrics_of(protocol).items():
        lines += _wrapped(definition, f'  {name:<6} ')
    lines.append('')
    for heading, text in rules_of(protocol).items():
        lines += _wrapped(text, f'{heading}: ')
    lines += ['', 'To know:']
    lines += [line for text in protocol.description for line in _wrapped(text, '  - ')]
    return '\n'.join(lines)


def compare(one: Protocol, other: Protocol) -> str:
    """Where two protocols differ, as lines of text: a heading, then what each of them does."""
    facts = [
        {'Prediction': '; '.join(steps_of(protocol)), **metrics_of(protocol), **rules_of(protocol)}
        for protocol in (one, other)
    ]
    metrics = dict.fromkeys([*one.measures, *other.measures])
    width = max(len(one.name), len(other.name)) + 2
    lines, same = [], []
    for heading in ('Prediction', *metrics, *rules_of(one)):
        texts = [fact.get(heading, 'not defined') for fact in facts]
        if texts[0] == texts[1]:
            same.append(heading)
            continue
        lines.append(f'{heading}:')
        for protocol, text in zip((one, other), texts, strict=True):
            lines += _wrapped(text, f'  {protocol.name:<{width}}')
    return '\n'.join([*lines, *_wrapped(', '.join(same) or 'nothing', 'The same: ')])


def _wrapped(text: str, start: str) -> list[str]:
    return textwrap.wrap(
        text, 96, initial_indent=start, subsequent_indent=' ' * len(start), break_on_hyphens=False
    )


def run(args: argparse.Namespace) -> int:
    """Print one protocol in full, where two differ, or all in short."""
    from ..errors import ConfigError
    from ..metrics import get_protocol, protocol_names

    if args.compare:
        if args.protocol:
            raise ConfigError('name one protocol, or two behind --compare')
        print(compare(*map(get_protocol, args.compare)))
    elif args.protocol:
        protocol = get_protocol(args.protocol)
        print(describe(protocol, _owner(protocol)))
    else:
        _list(protocol_names())
    named = args.compare or ([args.protocol] if args.protocol else protocol_names())
    found = [to_json(each, _owner(each)) for each in map(get_protocol, named)]
    give_json(args, dict(protocols=found))
    return 0


def _owner(protocol: Protocol) -> str:
    from ..plugin import owner_of
    from ..registry import PROTOCOLS

    return owner_of(PROTOCOLS, protocol.name) or 'nobody'


def _list(names: Sequence[str]) -> None:
    from ..metrics import get_protocol

    width = max(map(len, names)) + 2
    for name in names:
        protocol = get_protocol(name)
        lines = _wrapped(protocol.summary, f'{name:<{width}}')
        lines += _wrapped('Metrics: ' + ', '.join(protocol.metrics), ' ' * width)
        print('\n'.join(lines))
    print('\nsalkit protocols NAME describes one in full; --compare A B says where two differ.')
