"""What a window's shape is, and how it may move."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import ConfigError
from .text import check_range

# An aspect ratio is at most this, or 1 by it: beyond, a typing mistake is more likely.
_MOST_ASPECT = 20.0


@dataclass(frozen=True)
class ReframeOptions:
    """How the window may move inside a shot.

    Of a window that moves up and down, a width of the frame is its height.

    Attributes:
        max_speed: of the window, in widths of the frame a second; 0 for one place a shot. It counts
            in steps of 0.03.
        max_acceleration: by how much that may grow or fall in a second, in steps of 0.16.
        move_cost: seconds of all attention that a move by the width of the frame has to be worth:
            the higher, the more still the window stands.
        turn_cost: likewise, for a change of speed by one width of the frame a second.
        emphasis: power of the maps that the way is found on. At 1 all attention counts alike; the
            higher, the more its peaks do, so that a window rather holds the strongest than
            parts of two.

    Raises:
        ConfigError: a value out of range.
    """

    max_speed: float = 0.5
    max_acceleration: float = 1.0
    move_cost: float = 0.2
    turn_cost: float = 0.1
    emphasis: float = 2.0

    def __post_init__(self) -> None:
        for name, most in (('max_speed', 2), ('max_acceleration', 10)):
            check_range('', name, getattr(self, name), 0, most)
        for name in ('move_cost', 'turn_cost'):
            check_range('', name, getattr(self, name), 0, 1e6)
        check_range('', 'emphasis', self.emphasis, 0.1, 10)


def parse_aspect(text: str) -> float:
    """Width by height of an aspect such as 9:16, 1:1 or 2.39:1.

    Raises:
        ConfigError: something else.
    """
    number = r'([0-9]{1,5}(?:\.[0-9]{1,4})?)'
    # Of Python's 9 / 16, too, the message says what is expected.
    match = re.fullmatch(f'{number}:{number}', str(text).strip(' '))
    width, height = map(float, match.groups()) if match else (0.0, 0.0)
    if not width or not height or not 1 / _MOST_ASPECT <= width / height <= _MOST_ASPECT:
        raise ConfigError(
            f'aspect must be WIDTH:HEIGHT such as 9:16, from 1:{_MOST_ASPECT:g} to '
            f'{_MOST_ASPECT:g}:1, got {text!r}'
        )
    return width / height
