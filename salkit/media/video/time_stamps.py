"""When frames are shown: their time stamps, mended where they repeat, run back or jump."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

# Stands for a time stamp or a position that is not known.
UNKNOWN = np.iinfo(np.int64).min
# Containers of broadcasts, whose stamps jump where two are joined.
BROADCAST = ('mpegts', 'mpeg', 'ogg')
# Seconds without a frame that are closed: in those, as players do, and in all others, where a frame
# may be shown for minutes.
BROADCAST_GAP, GAP = 10.0, 600.0
# Frames on each side that tell a jump of all stamps from a single wrong one.
AROUND = 3
# Frames per second that stand for anything; what a file names beyond is damage.
SLOWEST, FASTEST = 1e-3, 1e4


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """When frames are shown.

    Attributes:
        times: (n,) float64, seconds from the first frame to each, rising.
        clock: pairs of a stamp in seconds and the time when it is shown: one for the start, and
            one behind each jump. Between them, stamps of all streams run as times do.
        jumps: numbers of the frames at which stamps jump.
        warnings: what was mended, a line each.
    """

    times: np.ndarray
    clock: tuple[tuple[float, float], ...]
    jumps: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


def frame_times(
    pts: np.ndarray, dts: np.ndarray, time_base: float, rate: float, container: str
) -> FrameTimes:
    """Times from the best of what is known.

    Args:
        pts: (n,) int64 time stamps in the order of the frames, in units of `time_base` seconds.
        dts: (n,) int64 decoding time stamps of the frames' packets, likewise.
        time_base: seconds of a unit.
        rate: frames per second where the stamps say nothing.
        container: FFmpeg's name of it.
    """
    evenly = np.arange(len(pts)) / rate
    known = np.flatnonzero(pts != UNKNOWN)
    if len(known) * 2 < len(pts) or (container == 'avi' and not _rises(pts)):
        # .avi has no time stamps, and FFmpeg's guesses run to and fro; its decoding time stamps,
        # once in order, are right but for a delay that all frames share. Others stamp a frame now
        # and then.
        ordered = np.sort(dts)
        if ordered[0] == UNKNOWN or not _rises(ordered):
            some = container != 'avi' and len(known)
            start = (pts[known[0]] * time_base, evenly[known[0]]) if some else (0.0, 0.0)
            return FrameTimes(evenly, ((float(start[0]), float(start[1])),))
        pts, known = ordered, np.arange(len(pts))
    # Less the first one before they become fractions, which keeps units exact.
    origin = float(pts[known[0]])
    stamps = (pts[known].astype(np.float64) - origin) * time_base
    steps = np.diff(stamps)
    gap = BROADCAST_GAP if container in BROADCAST else GAP
    usual = steps[(steps > 0) & (steps <= gap)]
    step = float(np.median(usual)) if len(usual) else 1 / rate
    starts, joined = _join_restarts(stamps, step)
    kept = _longest_rise(joined)
    closed, steps = joined[kept], np.diff(joined[kept])
    far = steps > gap
    if far.any():
        closed = np.cumsum([0.0, *np.where(far, step, steps)])
        starts = sorted({*starts, *kept[1:][far].tolist()})
    if len(kept) * 2 < len(pts) or len(starts) * AROUND > len(pts):
        line = f'time stamps run to and fro: {rate:g} frames per second are taken instead'
        return FrameTimes(evenly, ((origin * time_base, 0.0),), (), (line,))
    good = known[kept]
    times = _fill(len(pts), good, closed, step)
    times -= times[0]
    raw = np.full(len(pts), np.nan)
    raw[known] = stamps + origin * time_base
    firsts = [int(good[np.searchsorted(kept, start)]) for start in starts if start <= kept[-1]]
    clock = (int(good[0]), *firsts)
    return FrameTimes(
        times,
        # .avi starts all its streams together; FFmpeg's guess is late by what the codec reorders.
        ((0.0, 0.0),)
        if container == 'avi'
        else tuple((float(raw[n]), float(times[n])) for n in clock),
        tuple(int(known[start]) for start in starts),
        tuple(_warnings(raw, times, known[starts], np.setdiff1d(np.arange(len(pts)), good))),
    )


def average_rate(times: np.ndarray, named: float | None) -> float:
    """Frames per second; what the container names where that is within 1 % of the frames' times."""
    if len(times) < 2:
        return named or 25.0
    measured = (len(times) - 1) / float(times[-1])
    return named if named and abs(named / measured - 1) < 0.01 else measured


def _rises(stamps: np.ndarray) -> bool:
    return bool((stamps != UNKNOWN).all() and (stamps[1:] > stamps[:-1]).all())


def _join_restarts(stamps: np.ndarray, step: float) -> tuple[list[int], np.ndarray]:
    """Where all stamps run back, and the stamps with one `step` in place of that."""
    starts, joined = [0], stamps.copy()
    for start in (np.flatnonzero(np.diff(stamps) <= 0) + 1).tolist():
        behind = slice(max(starts[-1], start - AROUND), start)
        after = stamps[start : start + AROUND]
        if after.max() < stamps[behind].min():
            joined[start:] = stamps[start:] - after.min() + joined[behind].max() + step
            starts.append(start)
    return starts[1:], joined


def _longest_rise(stamps: np.ndarray) -> np.ndarray:
    """Places of the longest rising series; where there are several, of the one that rises least."""
    ends: list[float] = []
    # Places by the length of the series that ends there; stamps of one length fall.
    places: list[list[int]] = []
    for place, stamp in enumerate(stamps.tolist()):
        length = bisect_left(ends, stamp)
        if length == len(ends):
            ends.append(stamp)
            places.append([])
        ends[length] = stamp
        places[length].append(place)
    series = [min(places.pop(), key=stamps.__getitem__)]
    for candidates in reversed(places):
        series.append(next(place for place in candidates if stamps[place] < stamps[series[-1]]))
    return np.array(series[::-1])


def _fill(count: int, good: np.ndarray, stamps: np.ndarray, step: float) -> np.ndarray:
    """Times of all frames: between those of `good` ones, and `step` apart at both ends."""
    numbers = np.arange(count)
    times = np.interp(numbers, good, stamps)
    times += step * (np.minimum(numbers - good[0], 0) + np.maximum(numbers - good[-1], 0))
    return times


def _warnings(raw: np.ndarray, times: np.ndarray, jumps: np.ndarray, bad: np.ndarray) -> list[str]:
    lines = []
    if len(jumps):
        first = jumps[0]
        before = raw[:first][~np.isnan(raw[:first])][-1]
        lines.append(
            f'time stamps jump from {before:.3f} s to {raw[first]:.3f} s at frame {first + 1}'
            f'{_more(jumps)}; such gaps are closed: it is shown at {times[first]:.3f} s'
        )
    if len(bad):
        first = bad[0]
        stamp = 'no time stamp'
        if not np.isnan(raw[first]):
            stamp = f'the time stamp {raw[first]:.3f} s, out of order or for the second time'
        lines.append(
            f'frame {first + 1} has {stamp}{_more(bad)}; it is shown at {times[first]:.3f} s, '
            'between its neighbors'
        )
    long = np.flatnonzero(np.diff(times) > BROADCAST_GAP)
    if len(long):
        first = long[0]
        lines.append(
            f'frame {first + 1} is shown for {times[first + 1] - times[first]:.3f} s{_more(long)}'
        )
    return lines


def _more(frames: np.ndarray) -> str:
    return f' (and {len(frames) - 1} more)' if len(frames) > 1 else ''
