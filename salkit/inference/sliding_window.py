"""From a video's frames, one after another, to the clips that its maps are predicted from."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import count
from typing import TypeVar

from ..media.clips import ClipSettings

Frame = TypeVar('Frame')


def sliding_windows(
    frames: Iterable[Frame],
    settings: ClipSettings,
    positions: Iterable[int] | None = None,
    num_frames: int | None = None,
    first: int = 0,
    stride: int = 1,
) -> Generator[tuple[int, list[Frame]], None, None]:
    """Cut clips out of frames that come one by one, each kept as long as a clip needs it.

    Args:
        frames: the frames `first`, `first + 1`, ...; each is taken when a clip needs it, so that
            a map can be had as soon as its last frame is there.
        settings: how clips are cut.
        positions: frames to predict, ascending; None for all that the head policy predicts, every
            `stride`-th and the last.
        num_frames: of the whole video; None where only the end of `frames` tells.
        first: number of the first frame given; no clip may need one before it.
        stride: see `positions`.

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
        wanted = count(span - 1 if settings.head == 'skip' else 0, stride)
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
