"""From a video's frames, one after another, to clips; and from clips to maps, in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from itertools import count, islice
from typing import TypeVar

import numpy as np

from ..media.clips import ClipSettings
from ..media.maps import check_prediction
from .backends import Backend, OutOfMemory

Frame = TypeVar('Frame')


def sliding_windows(
    frames: Iterable[Frame],
    settings: ClipSettings,
    positions: Iterable[int] | None = None,
    first: int = 0,
) -> Generator[tuple[int, list[Frame]], None, None]:
    """Cut clips out of frames that come one by one, each kept as long as a clip needs it.

    Args:
        frames: the frames `first`, `first + 1`, ..., all that the clips need; each is taken when a
            clip needs it, so that a map can be had as soon as its last frame is there.
        settings: how clips are cut.
        positions: frames to predict, ascending; None for all that the head policy predicts.
        first: number of the first frame given; no clip may need one before it.

    Yields:
        The predicted frame's number and the `clip_len` frames of its clip, the oldest first.
    """
    frames = iter(frames)
    kept: deque[Frame] = deque()
    begin = end = first
    span, head = settings.span, settings.head

    def window(position: int) -> list[Frame]:
        # While frames still come, there are as many as the clip asks for.
        return [kept[number - begin] for number in settings.window(position, end)]

    for position in count(span - 1 if head == 'skip' else 0) if positions is None else positions:
        looks_ahead = head == 'reverse-time' and position < span - 1
        last = position + span - 1 if looks_ahead else position
        kept.extend(islice(frames, max(0, last + 1 - end)))
        end = begin + len(kept)
        if position >= end:
            break
        yield position, window(position)
        while begin < min(end, position + 2 - span):
            kept.popleft()
            begin += 1
    # Of a video shorter than a clip, 'skip' still predicts the last frame.
    if positions is None and head == 'skip' and 0 < end < span:
        yield end - 1, window(end - 1)


def _numbered(position: int) -> str:
    return f'frame {position + 1}'


def predict_windows(
    backend: Backend[Frame],
    windows: Iterable[tuple[int, list[Frame]]],
    batch_size: int,
    name_of: Callable[[int], str] = _numbered,
) -> Generator[tuple[int, np.ndarray], None, None]:
    """Predict windows in batches.

    Args:
        backend: runs the model.
        windows: of `sliding_windows`, frames prepared.
        batch_size: windows at once; halved for good where a GPU's memory does not hold them.
        name_of: what a message calls a frame, by its number.

    Yields:
        The frame's number and its map (h, w) float32 as the model gives it.

    Raises:
        CheckpointError: a model that gives NaN or infinity, which would become black maps.
    """
    windows = iter(windows)
    while waiting := list(islice(windows, batch_size)):
        while waiting:
            batch = waiting[:batch_size]
            try:
                maps = backend.predict([window for _, window in batch])
            except OutOfMemory:
                if len(batch) == 1:
                    raise
                batch_size = len(batch) // 2
                continue
            if not np.isfinite(maps).all():
                for (position, _), saliency_map in zip(batch, maps, strict=True):
                    where = backend.source, name_of(position), backend.precision
                    check_prediction(saliency_map, *where, '--precision exact')
            del waiting[: len(batch)]
            yield from zip([position for position, _ in batch], maps, strict=True)


def interpolate(
    maps: Iterable[tuple[int, np.ndarray]], positions: Iterable[int]
) -> Generator[np.ndarray, None, None]:
    """Maps (h, w) at ascending `positions` from maps of some of them and around them, ascending.

    Each is the map of the position, or between its two neighbors, in proportion.
    """
    maps = iter(maps)
    low = high = next(maps, None)
    for position in positions:
        while high is not None and high[0] < position:
            low, high = high, next(maps, None)
        if low is None or high is None:
            return
        if high[0] == position or high[0] == low[0]:
            yield high[1]
        else:
            share = np.float32((position - low[0]) / (high[0] - low[0]))
            yield low[1] * (1 - share) + high[1] * share
