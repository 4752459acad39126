"""The way of a window that keeps the most, with bounded speed and acceleration: solved exactly.

Time and place are on a grid. A dynamic program over place and speed finds the best of all ways on
that grid; they are the control points of a quadratic B-spline, whose speed is nowhere above that
of the grid's steps, and whose acceleration is that of their differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...utils.reframe_options import ReframeOptions
from .window import CropWindow

# Seconds of a step of the grid.
STEP_SECONDS = 0.2
# Of the way back through the program: a byte for every state of every step. By the ranges of the
# options, and as no step is longer than the grid, a change is at most 65 places.
_CHOICE = np.int8
# Seconds of attention, for each width of the frame that a step is away from its middle.
_CENTERING = 1e-6
_ROUNDING = 1e-6


@dataclass(frozen=True)
class StepLimits:
    """What one step of the grid allows and costs.

    Attributes:
        speed: places that a step leads on, at most.
        change: by how many the next step may lead on more, or less, at most.
        move_cost: of every place that a step leads on.
        turn_cost: of every place that a step leads on more, or less, than the one before.
    """

    speed: int
    change: int
    move_cost: float = 0.0
    turn_cost: float = 0.0


def best_places(rewards: np.ndarray, limits: StepLimits) -> np.ndarray:
    """Places with the highest sum of rewards, less the costs of the steps, of all within limits.

    The first step may have any speed, and its change costs nothing: a shot may begin in motion.

    Args:
        rewards: (K, P) of being at a place at a step.
        limits: of the steps.

    Returns:
        (K,) int64 places from 0 to P - 1.
    """
    steps, count = rewards.shape
    speeds = np.arange(-limits.speed, limits.speed + 1)
    change = min(limits.change, 2 * limits.speed)
    # Nearest first: of equals, the way that changes least is taken.
    changes = sorted(range(-change, change + 1), key=abs)
    before = np.arange(count)[:, None] - speeds
    impossible = (before < 0) | (before >= count)
    before = before.clip(0, count - 1)
    moving = limits.move_cost * np.abs(speeds)
    # (P, S): the best sum of all ways that end at a place with a speed.
    value = np.repeat(rewards[0].astype(np.float64)[:, None], len(speeds), axis=1)
    choices = np.zeros((steps, count, len(speeds)), _CHOICE)
    padded = np.full((count, len(speeds) + 2 * change), -np.inf)
    columns = np.arange(len(speeds))
    for step in range(1, steps):
        padded[:, change : change + len(speeds)] = value
        best, choice = value, choices[step]
        for shift in changes[1:]:
            # From a speed that is lower by `shift`.
            other = padded[:, change - shift : change - shift + len(speeds)]
            other = other - limits.turn_cost * abs(shift)
            is_better = other > best
            best = np.where(is_better, other, best)
            choice[is_better] = shift
        value = best[before, columns] - moving + rewards[step][:, None]
        value[impossible] = -np.inf
    return _way_back(choices, value, limits.speed)


def _way_back(choices: np.ndarray, value: np.ndarray, fastest: int) -> np.ndarray:
    places = np.empty(len(choices), np.int64)
    place, speed = np.unravel_index(int(value.argmax()), value.shape)
    for step in range(len(choices) - 1, 0, -1):
        places[step] = place
        # `choices[step]` is by the place before, and the speed of this step.
        place = place - (speed - fastest)
        speed = speed - choices[step, place, speed]
    places[0] = place
    return places


def along_spline(controls: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values of the quadratic B-spline with these control points, one a unit of time.

    It begins at the first and ends at the last, goes on in between without a jump in its speed, and
    keeps between the lowest and highest.

    Args:
        controls: (K,) at 0, 1, ..., K - 1.
        at: (n,) units of time, from 0 to K - 1.

    Returns:
        (n,) float64.
    """
    controls = np.asarray(controls, np.float64)
    if len(controls) == 1:
        return np.full(len(at), controls[0])
    first, last = 2 * controls[0] - controls[1], 2 * controls[-1] - controls[-2]
    controls = np.concatenate([[first], controls, [last]])
    near = np.floor(at + 0.5).astype(np.int64)
    rest = at - near
    low, middle, high = (controls[near + offset] for offset in range(3))
    return (
        middle * (0.75 - rest**2) + low * 0.5 * (0.5 - rest) ** 2 + high * 0.5 * (0.5 + rest) ** 2
    )


def window_places(
    kept: np.ndarray,
    times: np.ndarray,
    seconds: np.ndarray,
    window: CropWindow,
    options: ReframeOptions,
) -> np.ndarray:
    """The places of a window in the frames of one shot.

    Args:
        kept: (T, P) what is kept of each frame at each place of the window's grid.
        times: (T,) seconds.
        seconds: (T,) that each frame is shown.
        window: that moves.
        options: how.

    Returns:
        (T,) float64 pixels.
    """
    grid = window.grid()
    at = (times - times[0]) / STEP_SECONDS
    steps = int(np.ceil(at[-1] - _ROUNDING)) + 1
    # Where nothing else decides, the middle does.
    rewards = np.tile(-_CENTERING * np.abs(grid - window.free / 2) / window.side, (steps, 1))
    # Each frame counts at the nearest step.
    first = np.searchsorted(np.floor(at + 0.5), np.arange(steps + 1))
    for step, (low, high) in enumerate(pairwise(first)):
        rewards[step] += seconds[low:high] @ kept[low:high]
    # Of the frame's side.
    spacing = window.free / max(1, len(grid) - 1) / window.side or 1.0
    limits = StepLimits(
        speed=min(int(options.max_speed * STEP_SECONDS / spacing + _ROUNDING), len(grid) - 1),
        change=int(options.max_acceleration * STEP_SECONDS**2 / spacing + _ROUNDING),
        move_cost=options.move_cost * spacing,
        turn_cost=options.turn_cost * spacing / STEP_SECONDS,
    )
    places = best_places(rewards, limits)
    return along_spline(places * spacing * window.side, at.clip(0, steps - 1))
