"""Causal smoothing along time, for models that look at every frame by itself."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable

import numpy as np

from ..types import LEAST_SALIENCY

# Time constants that a map is remembered for.
MEMORY = 3.0


def smoothed(
    maps: Iterable[tuple[int, np.ndarray]],
    time_of: Callable[[int], float],
    seconds: float,
    first: int = 0,
) -> Generator[tuple[int, np.ndarray], None, None]:
    """Average each map with those before it, which count less the longer ago they are.

    The mean is that of the logarithms, and so that of densities stays one but for its scale; a map
    that is `t` seconds old weighs exp(-t / `seconds`), and nothing from `MEMORY` times that on.

    Args:
        maps: number of the frame and its map (h, w), ascending, those from `MEMORY * seconds`
            before the first wanted one on.
        time_of: gives the seconds of a frame by its number.
        seconds: the time constant, above 0.
        first: number of the first wanted frame.

    Yields:
        The number of each wanted frame and its map, with a maximum of 1.
    """
    kept: deque[tuple[float, np.ndarray]] = deque()
    total: np.ndarray | float = 0.0
    weight, now = 0.0, -math.inf
    for number, saliency_map in maps:
        before, now = now, float(time_of(number))
        decay = math.exp((before - now) / seconds)
        logarithm = np.log(np.maximum(saliency_map, LEAST_SALIENCY))
        # Added up in double precision, what is taken away again leaves nothing behind.
        total = total * decay + logarithm
        weight = weight * decay + 1
        kept.append((now, logarithm))
        while now - kept[0][0] > MEMORY * seconds:
            then, forgotten = kept.popleft()
            share = math.exp((then - now) / seconds)
            total -= share * forgotten
            weight -= share
        if number >= first:
            mean = np.asarray(total / weight)
            yield number, np.exp(mean - mean.max()).astype(np.float32)
