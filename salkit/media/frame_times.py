"""Which frame of a video is shown at a time, and which ones while something lasts."""

from __future__ import annotations

import numpy as np

# 0.29 s are frame 29 at 100 frames per second, whatever 0.29 * 100 is in binary.
_SLACK = 1e-6
_LAST = np.iinfo(np.int32).max


def frames_at(times: np.ndarray, clock: float | np.ndarray) -> np.ndarray:
    """The frame that is shown at each time.

    Args:
        times: (n,) seconds from the start of the video.
        clock: frames per second, or (frames,) seconds at which each frame appears, the last of
            which stays as long as the one before it.

    Returns:
        (n,) int64, counted from 0; -1 or less before the first frame, and beyond the last one
        where gaze was recorded for longer.
    """
    starts = np.asarray(clock, dtype=np.float64)
    if starts.ndim == 0:
        frames = np.floor(np.asarray(times) * starts + _SLACK)
        return np.clip(frames, -1, _LAST).astype(np.int64)
    starts = starts - starts[0]
    frames = np.searchsorted(starts, np.asarray(times) + _SLACK, side='right') - 1
    duration = starts[-1] - starts[-2] if len(starts) > 1 else np.inf
    return frames + (np.asarray(times) + _SLACK >= starts[-1] + duration)


def frames_during(
    begins: np.ndarray, durations: np.ndarray, clock: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The frames that appear while something lasts, as a fixation does.

    A frame that appears at a time t is one of them if begin <= t < begin + duration. What is too
    short for any frame to appear meanwhile has the one that is shown when it begins.

    Args:
        begins: (n,) seconds from the start of the video, below 0 before it.
        durations: (n,) seconds, from 0.
        clock: see `frames_at`.

    Returns:
        The first frame of each, and the one after its last, (n,) int64 both. They may lie before
        the first or behind the last frame of the video.
    """
    first, stop = (_frames_before(times, clock) for times in (begins, begins + durations))
    shown = frames_at(begins, clock)
    is_short = stop <= first
    return np.where(is_short, shown, first), np.where(is_short, shown + 1, stop)


def _frames_before(times: np.ndarray, clock: float | np.ndarray) -> np.ndarray:
    """How many frames appear before each time, (n,) int64."""
    starts = np.asarray(clock, dtype=np.float64)
    if starts.ndim == 0:
        frames = np.ceil(np.asarray(times) * starts - _SLACK)
        return np.clip(frames, 0, _LAST).astype(np.int64)
    starts = starts - starts[0]
    # Where the last frame ends, another one would appear.
    end = 2 * starts[-1] - starts[-2] if len(starts) > 1 else np.inf
    return np.searchsorted(np.append(starts, end), np.asarray(times) - _SLACK, side='left')
