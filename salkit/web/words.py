"""What maps say of where and when people look, in a sentence or two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import numpy as np

# Thirds of a frame, from its top left.
PLACES = (
    *('upper left', 'top', 'upper right'),
    *('left', 'center', 'right'),
    *('lower left', 'bottom', 'lower right'),
)
# A place that the peak has for a shorter time is passed over.
LEAST_SECONDS = 0.2
# Entropy up to this share of its range above the least counts as together, and a smaller range (in
# bits) as none.
TOGETHER, LEAST_RANGE = 0.25, 0.1
_MOST_STATIONS = 4


def place_of(saliency_map: np.ndarray) -> int:
    """Which of the `PLACES` has the peak of a map (H, W)."""
    rows, columns = saliency_map.shape
    row, column = divmod(int(saliency_map.argmax()), columns)
    return 3 * (3 * row // rows) + 3 * column // columns


def strongest(entropy: np.ndarray) -> int:
    """The moment at which most attention is together: the least entropy (T,), bits or NaN."""
    return 0 if np.isnan(entropy).all() else int(np.nanargmin(entropy))


def describe(times: np.ndarray, entropy: np.ndarray, places: Sequence[int], fps: float) -> str:
    """Where attention is most together, and where it goes one after the other.

    Args:
        times: (T,) seconds of the frames.
        entropy: (T,) bits of each map; NaN where a map is empty, which says nothing.
        places: T indices into `PLACES`, of the peak of each map.
        fps: frames per second, which says how long the last frame is shown.
    """
    entropy = np.asarray(entropy, float)
    seen = [index for index, bits in enumerate(entropy) if not np.isnan(bits)]
    if not seen:
        return 'There is no gaze.'
    if len(entropy) == 1:
        return f'Most attention: {PLACES[places[0]]}.'
    ends = np.append(times[1:], times[-1] + 1 / fps)
    first, last = _together(entropy)
    place = Counter(places[index] for index in range(first, last + 1)).most_common(1)[0][0]
    text = f'Most attention together: {_span(times[first], ends[last])}, {PLACES[place]}.'
    if np.nanmax(entropy) - np.nanmin(entropy) < LEAST_RANGE:
        text = 'Attention is about as gathered all the time.'
    return f'{text} {_stations(times, ends, [(index, places[index]) for index in seen])}'


def _span(start: float, end: float) -> str:
    return f'{start:.1f}-{end:.1f} s'


def _together(entropy: np.ndarray) -> tuple[int, int]:
    """First and last frame of the time around the least entropy."""
    first = last = strongest(entropy)
    most = entropy[first] + TOGETHER * (np.nanmax(entropy) - entropy[first])
    # NaN is not below anything.
    while first > 0 and entropy[first - 1] <= most:
        first -= 1
    while last < len(entropy) - 1 and entropy[last + 1] <= most:
        last += 1
    return first, last


def _stations(times: np.ndarray, ends: np.ndarray, seen: Sequence[tuple[int, int]]) -> str:
    stations: list[list[int]] = []
    for place, run in groupby(seen, key=lambda one: one[1]):
        frames = [index for index, _ in run]
        is_short = ends[frames[-1]] - times[frames[0]] < LEAST_SECONDS
        if stations and (is_short or stations[-1][2] == place):
            stations[-1][1] = frames[-1]
        else:
            stations.append([frames[0], frames[-1], place])
    if len(stations) == 1:
        return f'The peak stays in one place: {PLACES[stations[0][2]]}.'
    texts = [
        f'{PLACES[place]} ({_span(times[first], ends[last])})'
        for first, last, place in stations[:_MOST_STATIONS]
    ]
    rest = len(stations) - len(texts)
    text = f'The peak goes from {texts[0]} to {", ".join(texts[1:])}'
    return f'{text}, and {rest} more.' if rest else f'{text}.'
