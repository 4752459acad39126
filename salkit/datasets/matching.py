"""Which prediction belongs to which ground truth: videos by name, frames by number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ..errors import DataError
from ..media.map_stacks import MapStack, frame_numbers
from ..utils.text import listed

Key = TypeVar('Key', str, int)


@dataclass
class FrameMatch:
    """Pairs of frames of one video.

    Attributes:
        pairs: (index of the prediction, index of the ground truth), ascending in the second.
        missing: indices of ground truth without a prediction.
        extra: indices of predictions without ground truth.
        note: what a reader should know about how they were paired.
    """

    pairs: list[tuple[int, int]]
    missing: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    note: str = ''


class Frames(Protocol):
    """The frames of a video: a `MapStack`, or names alone."""

    @property
    def names(self) -> list[str]:
        """In order of time."""

    @property
    def named(self) -> bool:
        """Whether names come from files."""

    def __len__(self) -> int:
        """Number of frames."""


def match_frames(found: MapStack, wanted: Frames) -> FrameMatch:
    """Pair the frames of `found` with those of `wanted`.

    Equal names are paired. Other names are paired by their last number, as text and numbers sort
    differently; as many frames whose numbers differ by a constant (counting from 0, or on from shot
    to shot) are paired in order. Maps without names, of an array or a video, are paired in order.

    Raises:
        DataError: the numbers of the two have nothing in common.
    """
    names = {name: i for i, name in enumerate(found.names)}
    if names.keys() >= set(wanted.names):
        return _by_key(list(found.names), list(wanted.names))
    if not found.named:
        return _in_order(len(found), len(wanted))
    numbers, targets = frame_numbers(found.names), frame_numbers(wanted.names)
    if numbers is None or targets is None:
        if set(names).intersection(wanted.names):
            return _by_key(list(found.names), list(wanted.names))
        return _in_order(len(found), len(wanted))
    if len(numbers) == len(targets):
        offset = numbers[0] - targets[0]
        if all(a - b == offset for a, b in zip(numbers, targets, strict=True)):
            match = _in_order(len(found), len(wanted))
            if offset and wanted.named:
                match.note = (
                    f'frames numbered from {numbers[0]} are paired in order with ground truth '
                    f'numbered from {targets[0]}'
                )
            return match
    match = _by_key(numbers, targets)
    if not match.pairs and numbers and targets:
        raise DataError(
            f'{found.path}: {len(numbers)} frames numbered {min(numbers)} to {max(numbers)}, the '
            f'ground truth has {len(targets)} numbered {min(targets)} to {max(targets)}: neither '
            'the same numbers nor as many'
        )
    return match


def _by_key(found: Sequence[Key], wanted: Sequence[Key]) -> FrameMatch:
    places = {key: i for i, key in enumerate(found)}
    known = set(wanted)
    return FrameMatch(
        [(places[key], i) for i, key in enumerate(wanted) if key in places],
        [i for i, key in enumerate(wanted) if key not in places],
        [i for i, key in enumerate(found) if key not in known],
    )


def _in_order(found: int, wanted: int) -> FrameMatch:
    both = min(found, wanted)
    return FrameMatch(
        [(i, i) for i in range(both)], list(range(both, wanted)), list(range(both, found))
    )


def _plain(name: str) -> str:
    """The name with its numbers without leading zeros: 601 and 0601 are the same video."""
    return re.sub(r'\d+', lambda match: str(int(match[0])), name)


def match_videos(found: Iterable[str], wanted: Iterable[str]) -> dict[str, str]:
    """Name of the predictions by name of the ground truth, where there are any.

    Raises:
        DataError: no name fits, or two predictions fit one video.
    """
    found, wanted = list(found), list(wanted)
    if len(found) == len(wanted) == 1:
        # Two folders named on the command line: their names do not matter.
        return {wanted[0]: found[0]}
    exact = set(found)
    plain: dict[str, str] = {}
    for name in found:
        other = plain.setdefault(_plain(name), name)
        if other != name:
            raise DataError(f'two predictions of one video: {other} and {name}')
    # Ground truth may tell apart what only zeros tell apart; then the names have to be equal.
    counts = Counter(map(_plain, wanted))
    matches = {}
    for name in wanted:
        if name in exact:
            matches[name] = name
        elif counts[_plain(name)] == 1 and _plain(name) in plain:
            matches[name] = plain[_plain(name)]
    if not matches:
        raise DataError(
            f'no prediction has the name of a ground truth video: {listed(found, 3)} against '
            f'{listed(wanted, 3)}'
        )
    return matches
