"""From where and when somebody looked at a screen to the pixel and the frame of a video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ConfigError, DataError
from ...media.frame_times import frames_at, frames_during
from ...media.gaze_columns import TIME_COLUMNS
from ..options import GazeReading
from .gaze import FEW, Gaze

# Shares of the samples: more than this beside a video, or of its time: all within this, are times
# of another unit.
MOST_BESIDE, CROWDED = 0.5, 0.01
# Of a video whose length is not known.
MOST_FRAMES = 1_000_000
# Fixations on all frames of a video together.
MOST_POINTS = 50_000_000


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


@dataclass(frozen=True)
class FramedFixations:
    """Fixations in the order of the frames that they are on; one that lasts is on several.

    Attributes:
        points: (m, 2) int64 y and x of each.
        samples: (m,) int64, which row of the gaze it is.
        stops: (frames,) int64, how many are on a frame and those before it.
    """

    points: np.ndarray
    samples: np.ndarray
    stops: np.ndarray

    def on(self, frame: int) -> slice:
        """Those on a frame, counted from 0."""
        return slice(int(self.stops[frame - 1]) if frame else 0, int(self.stops[frame]))


def fixation_points(
    gaze: Gaze,
    size: tuple[int, int],
    frames: int | None = None,
    clock: float | np.ndarray | None = None,
    reading: GazeReading | None = None,
    pixel_aspect: float = 1.0,
) -> tuple[list[np.ndarray], int]:
    """Fixation points of every frame of a video; see `framed_fixations`.

    Returns:
        (n, 2) int64 y and x of each frame's fixations, and how many samples were left out: the eye
        was lost, or looked beside the video, before it or after it.
    """
    framed = framed_fixations(gaze, size, frames, clock, reading, pixel_aspect)
    left_out = len(gaze.points) - len(np.unique(framed.samples))
    return np.split(framed.points, framed.stops[:-1]), left_out


def framed_fixations(
    gaze: Gaze,
    size: tuple[int, int],
    frames: int | None = None,
    clock: float | np.ndarray | None = None,
    reading: GazeReading | None = None,
    pixel_aspect: float = 1.0,
) -> FramedFixations:
    """The fixations of every frame of a video; one that lasts is on several, see `frames_during`.

    Args:
        gaze: what was recorded.
        size: (H, W) of the video.
        frames: how many frames it has; by default the last that was looked at is its last.
        clock: frames per second or the time of each frame, see `frames_at`; needed for times and
            durations.
        reading: where gaze is given, see `to_video_pixels`.
        pixel_aspect: likewise.

    Returns:
        Those on the video: samples are left out where the eye was lost, or looked beside the video,
        before it or after it.

    Raises:
        ConfigError: times without a clock.
        DataError: not a single sample lies on the video, or times that must be of another unit.
    """
    reading = reading or GazeReading()
    moments = gaze.moments
    if clock is None and (gaze.is_timed or gaze.durations is not None):
        what = 'is given by time' if gaze.is_timed else 'has durations'
        raise ConfigError(
            f'{gaze.video}: gaze {what}; the frame rate (--fps) or the videos (--videos) say which '
            'frame that is'
        )
    first, stop = moments, moments + 1
    if clock is not None and gaze.is_timed:
        moments = frames_at(gaze.moments, clock)
        first, stop = moments, moments + 1
    if clock is not None and gaze.durations is not None:
        begins = gaze.moments if gaze.is_timed else _times_of(gaze.moments, clock)
        first, stop = frames_during(begins, gaze.durations, clock)
    if frames:
        _check_moments(gaze, moments, frames, clock)
    points = to_video_pixels(
        gaze.points, size, reading.screen, reading.in_shares, reading.shown, pixel_aspect
    )
    first = np.maximum(first, 0)
    if frames is not None:
        stop = np.minimum(stop, frames)
    # A lost eye is NaN, which is nowhere.
    on = ((points >= 0) & (points < size)).all(1) & (first < stop)
    if not on.any():
        length = '' if frames is None else f' and {frames} frames'
        raise DataError(
            f'{gaze.video}: none of its {len(points)} samples lies on the video of {size[0]} rows, '
            f'{size[1]} columns{length}; the first, as read, is at row {points[0, 0]:.4g}, column '
            f'{points[0, 1]:.4g} of frame {moments[0] + 1} (--screen, --normalized, --first-frame)'
        )
    pixels, first, stop = np.floor(points[on]).astype(np.int64), first[on], stop[on]
    count = frames if frames is not None else int(stop.max())
    if count > MOST_FRAMES:
        raise DataError(
            f'{gaze.video}: its last sample is on frame {count:,}; expected at most '
            f'{MOST_FRAMES:,} ({gaze.unit} from the start of the video)'
        )
    lengths = stop - first
    if (total := int(lengths.sum())) > MOST_POINTS:
        raise DataError(
            f'{gaze.video}: {total:,} fixations on all frames together, expected at most '
            f'{MOST_POINTS:,}'
        )
    # Each one on the first of its frames, the second, ...
    moments = np.arange(total) + np.repeat(first - np.cumsum(lengths) + lengths, lengths)
    order = np.argsort(moments, kind='stable')
    samples = np.repeat(np.flatnonzero(on), lengths)[order]
    pixels = np.repeat(pixels, lengths, axis=0)[order]
    stops = np.searchsorted(moments[order], np.arange(1, count + 1))
    return FramedFixations(pixels, samples, stops)


def _times_of(frames: np.ndarray, clock: float | np.ndarray) -> np.ndarray:
    """When frames appear, in seconds (n,); those behind the last one, never."""
    starts = np.asarray(clock, dtype=np.float64)
    if starts.ndim == 0:
        return frames / starts
    times = np.append(starts - starts[0], np.inf)
    return times[np.minimum(frames, len(starts))]


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
