"""From a video's frames, one after another, to clips; and from clips to maps, in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import count
from typing import TypeVar

import numpy as np

from ..media.clips import ClipSettings
from .backends import Backend, OutOfMemory

Frame = TypeVar('Frame')


def sliding_windows(
    frames: Iterable[Frame],
    settings: ClipSettings,
    positions: Iterable[int] | None = None,
    num_frames: int | None = None,
    first: int = 0,
) -> Generator[tuple[int, list[Frame]], None, None]:
    """Cut clips out of frames that come one by one, each kept as long as a clip needs it.

    Args:
        frames: the frames `first`, `first + 1`, ...; each is taken when a clip needs it, so that
            a map can be had as soon as its last frame is there.
        settings: how clips are cut.
        positions: frames to predict, ascending; None for all that the head policy predicts.
        num_frames: of the whole video; None where only the end of `frames` shows it.
        first: number of the first frame given; no clip may need one before it.

    Yields:
        The predicted frame's number and the `clip_len` frames of its clip, the oldest first.
    """
    frames = iter(frames)
    kept: deque[Frame] = deque()
    begin = end = first
    done = -1
    span = settings.span
    wanted: Iterator[int]
    if positions is None:
        wanted = count(span - 1 if settings.head == 'skip' else 0)
    else:
        wanted = iter(positions)

    def take_until(last: int) -> None:
        nonlocal end, num_frames
        while end <= last and (num_frames is None or end < num_frames):
            try:
                kept.append(next(frames))
            except StopIteration:
                num_frames = end
                return
            end += 1

    def window(last: int) -> list[Frame]:
        # While frames still come, there are as many as the clip asks for.
        numbers = settings.window(last, end if num_frames is None else num_frames)
        return [kept[number - begin] for number in numbers]

    for position in wanted:
        ahead = settings.head == 'reverse-time' and position < span - 1
        take_until(position + span - 1 if ahead else position)
        if num_frames is not None and position >= num_frames:
            break
        yield position, window(position)
        done = position
        while begin < min(end, position + 2 - span):
            kept.popleft()
            begin += 1
    if positions is None and num_frames and done < num_frames - 1:
        yield num_frames - 1, window(num_frames - 1)


def predict_windows(
    backend: Backend[Frame], windows: Iterable[tuple[int, list[Frame]]], batch_size: int
) -> Generator[tuple[int, np.ndarray], None, None]:
    """Predict windows in batches.

    Args:
        backend: runs the model.
        windows: of `sliding_windows`, frames prepared.
        batch_size: windows at once; halved for good where a GPU's memory does not hold them.

    Yields:
        The frame's number and its map (h, w) float32 as the model gives it.
    """
    waiting: list[tuple[int, list[Frame]]] = []

    def predict() -> Iterator[tuple[int, np.ndarray]]:
        nonlocal batch_size
        while waiting:
            batch = waiting[:batch_size]
            try:
                maps = backend.predict([window for _, window in batch])
            except OutOfMemory:
                if len(batch) == 1:
                    raise
                batch_size = len(batch) // 2
                continue
            del waiting[: len(batch)]
            for (position, _), saliency_map in zip(batch, maps, strict=True):
                yield position, saliency_map

    for window in windows:
        waiting.append(window)
        if len(waiting) >= batch_size:
            yield from predict()
    yield from predict()


def interpolate(
    maps: Iterable[tuple[int, np.ndarray]], positions: Iterable[int]
) -> Generator[np.ndarray, None, None]:
    """Maps at `positions` from maps of some of them and around them.

    Args:
        maps: position and map (h, w), ascending.
        positions: ascending, none before the first or after the last map's.

    Yields:
        (h, w) float32: the map of the position, or between its two neighbours, in proportion.
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
