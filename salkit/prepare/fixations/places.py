"""From where and when somebody looked at a screen to the pixel and the frame of a video."""

from __future__ import annotations

import numpy as np


def to_video_pixels(
    points: np.ndarray,
    size: tuple[int, int],
    screen: tuple[int, int] | None = None,
    normalized: bool = False,
) -> np.ndarray:
    """Places on a screen as places in the video that it shows.

    Args:
        points: (n, 2) y and x, 0 at the top left corner of the screen or video.
        size: (H, W) of the video.
        screen: rows and columns of the screen, which shows the video in its middle, as large as
            fits, with bars at the sides or above and below; None for points of the video itself.
        normalized: whether points are given as a share of the height and width of the screen (of
            the video, without screen), not in its pixels.

    Returns:
        (n, 2) float64 in pixels of the video; outside of it where gaze was not on it.
    """
    points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    size = np.array(size, dtype=np.float64)
    shown = size if screen is None else np.array(screen, dtype=np.float64)
    if normalized:
        points = points * shown
    if screen is None:
        return points
    scale = (shown / size).min()
    return (points - (shown - size * scale) / 2) / scale


def inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Whether each point (n, 2) lies in a frame (H, W); False for NaN."""
    return ((points >= 0) & (points < size)).all(1)


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
    # 0.29 s are frame 29 at 100 frames per second, whatever 0.29 * 100 is in binary.
    slack = 1e-6
    if np.ndim(clock) == 0:
        return np.floor(np.asarray(times) * clock + slack).astype(np.int64)
    clock = np.asarray(clock, dtype=np.float64) - clock[0]
    frames = np.searchsorted(clock, np.asarray(times) + slack, side='right') - 1
    duration = clock[-1] - clock[-2] if len(clock) > 1 else np.inf
    return frames + (np.asarray(times) + slack >= clock[-1] + duration)


def split_by_frame(points: np.ndarray, frames: np.ndarray, count: int) -> list[np.ndarray]:
    """Points (n, 2) of each of `count` frames; those of other frames are left out."""
    within = (frames >= 0) & (frames < count)
    points, frames = points[within], frames[within]
    order = np.argsort(frames, kind='stable')
    return np.split(points[order], np.searchsorted(frames[order], np.arange(1, count)))
