"""From where and when somebody looked at a screen to the pixel and the frame of a video."""

from __future__ import annotations

import numpy as np

from ...errors import ConfigError, DataError
from ..gaze_columns import TIME_COLUMNS
from ..options import GazeReading
from .gaze import FEW, Gaze

# Shares of the samples: more than this beside a video, or of its time: all within this, are times
# of another unit.
MOST_BESIDE, CROWDED = 0.5, 0.01
# Of a video whose length is not known.
MOST_FRAMES = 1_000_000


def to_video_pixels(
    points: np.ndarray,
    size: tuple[int, int],
    screen: tuple[int, int] | None = None,
    normalized: bool = False,
    shown: str = 'fit',
    pixel_aspect: float = 1.0,
) -> np.ndarray:
    """Places on a screen as places in the video that it shows.

    Args:
        points: (n, 2) y and x, 0 at the top left corner of the screen or video.
        size: (H, W) of the video.
        screen: rows and columns of the screen, which shows the video in its middle; None for points
            of the video itself.
        normalized: whether points are given as a share of the height and width of the screen (of
            the video, without screen), not in its pixels.
        shown: 'fit', as large as fits, with bars at the sides or above and below; 'actual-size',
            one row of the screen for one of the video.
        pixel_aspect: width of a pixel of the video as shown by its height.

    Returns:
        (n, 2) float64 in pixels of the video as stored; outside of it where gaze was not on it.
    """
    points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    whole = np.array(size if screen is None else screen, dtype=np.float64)
    if normalized:
        points = points * whole
    if screen is None:
        return points
    # Of the screen for each of the video's, down and across.
    pixel = np.array((1.0, pixel_aspect))
    if shown == 'fit':
        pixel *= (whole / (size * pixel)).min()
    return (points - (whole - size * pixel) / 2) / pixel


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
        frames = np.floor(np.asarray(times) * starts + slack)
        return np.clip(frames, -1, np.iinfo(np.int32).max).astype(np.int64)
    starts = starts - starts[0]
    frames = np.searchsorted(starts, np.asarray(times) + slack, side='right') - 1
    duration = starts[-1] - starts[-2] if len(starts) > 1 else np.inf
    return frames + (np.asarray(times) + slack >= starts[-1] + duration)


def fixation_points(
    gaze: Gaze,
    size: tuple[int, int],
    frames: int | None = None,
    clock: float | np.ndarray | None = None,
    reading: GazeReading | None = None,
    pixel_aspect: float = 1.0,
) -> tuple[list[np.ndarray], int]:
    """Fixation points of every frame of a video.

    Args:
        gaze: what was recorded.
        size: (H, W) of the video.
        frames: how many frames it has; by default the last that was looked at is its last.
        clock: frames per second or the time of each frame, see `frames_at`; needed for times.
        reading: where gaze is given, see `to_video_pixels`.
        pixel_aspect: likewise.

    Returns:
        (n, 2) int64 y and x of each frame's fixations, and how many samples were left out: the eye
        was lost, or looked beside the video, before it or after it.

    Raises:
        ConfigError: times without a clock.
        DataError: not a single sample lies on the video, or times that must be of another unit.
    """
    reading = reading or GazeReading()
    moments = gaze.moments
    if gaze.is_timed:
        if clock is None:
            raise ConfigError(
                f'{gaze.video}: gaze is given by time; the frame rate (--fps) or the videos '
                '(--videos) say which frame that is'
            )
        moments = frames_at(moments, clock)
    if frames:
        _check_moments(gaze, moments, frames, clock)
    points = to_video_pixels(
        gaze.points, size, reading.screen, reading.in_shares, reading.shown, pixel_aspect
    )
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
    if count > MOST_FRAMES:
        raise DataError(
            f'{gaze.video}: its last sample is on frame {count:,}; expected at most '
            f'{MOST_FRAMES:,} ({gaze.unit} from the start of the video)'
        )
    order = np.argsort(moments, kind='stable')
    found = np.split(pixels[order], np.searchsorted(moments[order], np.arange(1, count)))
    return found, int((~on).sum())


def _check_moments(
    gaze: Gaze, moments: np.ndarray, frames: int, clock: float | np.ndarray | None
) -> None:
    """Raise DataError where most samples miss the video, or times are crowded at its start."""
    samples = len(moments)
    beside = int(((moments < 0) | (moments >= frames)).sum())
    if not gaze.is_timed or clock is None:
        if beside > MOST_BESIDE * samples:
            raise DataError(
                f'{gaze.video}: {beside} of {samples} samples are on frames that it does not have: '
                f'it has {frames}'
            )
        return
    starts = np.asarray(clock, dtype=np.float64)
    duration = frames / float(starts) if starts.ndim == 0 else float(starts[-1] - starts[0])

    def fits(times: np.ndarray) -> bool:
        on = frames_at(times, clock)
        if ((on < 0) | (on >= frames)).sum() > MOST_BESIDE * samples:
            return False
        return len(np.unique(times)) < FEW or times.max() >= CROWDED * duration

    if fits(gaze.moments):
        return
    own = TIME_COLUMNS[gaze.unit]
    other = next((u for u, unit in TIME_COLUMNS.items() if fits(gaze.moments * unit / own)), None)
    hint = 'expected times from the start of the video'
    if other:
        hint = (
            f'the numbers fit {other} (--columns {other}=NAME, or that as the name of the column)'
        )
    where = f'{beside} of {samples} samples are before or after the video of {duration:.3g} s'
    if beside <= MOST_BESIDE * samples:
        where = f'all samples are in the first {gaze.moments.max():.3g} s of {duration:.3g} s'
    raise DataError(f'{gaze.video}: as {gaze.unit} has it, {where}; {hint}')
