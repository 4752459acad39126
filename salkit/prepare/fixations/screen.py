"""From where and when somebody looked at a screen to the pixel and the frame of a video."""

from __future__ import annotations

import numpy as np

from ...errors import ConfigError, DataError
from .gaze_csv import Gaze


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
    video = np.array(size, dtype=np.float64)
    shown = video if screen is None else np.array(screen, dtype=np.float64)
    if normalized:
        points = points * shown
    if screen is None:
        return points
    scale = (shown / video).min()
    return (points - (shown - video * scale) / 2) / scale


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
    starts = np.asarray(clock, dtype=np.float64)
    if starts.ndim == 0:
        return np.floor(np.asarray(times) * starts + slack).astype(np.int64)
    starts = starts - starts[0]
    frames = np.searchsorted(starts, np.asarray(times) + slack, side='right') - 1
    duration = starts[-1] - starts[-2] if len(starts) > 1 else np.inf
    return frames + (np.asarray(times) + slack >= starts[-1] + duration)


def fixation_points(
    gaze: Gaze,
    size: tuple[int, int],
    frames: int | None = None,
    clock: float | np.ndarray | None = None,
    screen: tuple[int, int] | None = None,
    normalized: bool = False,
) -> tuple[list[np.ndarray], int]:
    """Fixation points of every frame of a video.

    Args:
        gaze: what was recorded.
        size: (H, W) of the video.
        frames: how many frames it has; by default the last that was looked at is its last.
        clock: frames per second or the time of each frame, see `frames_at`; needed for times.
        screen: see `to_video_pixels`.
        normalized: see `to_video_pixels`.

    Returns:
        (n, 2) int64 y and x of each frame's fixations, and how many samples were left out: the eye
        was lost, or looked beside the video, before it or after it.

    Raises:
        ConfigError: times without a clock.
        DataError: not a single sample lies on the video.
    """
    moments = gaze.moments
    if gaze.is_timed:
        if clock is None:
            raise ConfigError(
                f'{gaze.video}: gaze is given by time; the frame rate (--fps) or the videos '
                '(--videos) say which frame that is'
            )
        moments = frames_at(moments, clock)
    points = to_video_pixels(gaze.points, size, screen, normalized)
    # A lost eye is NaN, which is nowhere.
    on = ((points >= 0) & (points < size)).all(1) & (moments >= 0)
    if frames is not None:
        on &= moments < frames
    if not on.any():
        length = '' if frames is None else f' and {frames} frames'
        raise DataError(
            f'{gaze.video}: none of its {len(points)} samples lies on the video of {size[0]} rows, '
            f'{size[1]} columns{length}; the first, as read, is at row {points[0, 0]:.4g}, column '
            f'{points[0, 1]:.4g} of frame {moments[0] + 1} (--screen, --normalized, --first-frame)'
        )
    pixels, moments = np.floor(points[on]).astype(np.int64), moments[on]
    count = frames if frames is not None else int(moments.max()) + 1
    order = np.argsort(moments, kind='stable')
    found = np.split(pixels[order], np.searchsorted(moments[order], np.arange(1, count)))
    return found, int((~on).sum())
