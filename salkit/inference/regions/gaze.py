"""Recorded gaze beside the prediction: which share of the looking each region gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError
from ...media.video import stimulus_name
from ...utils.text import listed
from ..stimulus import Stimulus, VideoStimulus
from .shapes import Cover, Size

if TYPE_CHECKING:
    from ...prepare.fixations.gaze import Gaze
    from ...prepare.options import GazeReading

# Seconds that are taken together in a row of gaze: one or two fixations of an observer.
BIN_SECONDS = 0.5
# Of the bootstrap over observers, and how often they are split into halves.
_RESAMPLES, _SPLITS = 2_000, 100
# Shares that are drawn at once: 2,000 draws of 32 observers for each are 33 MB.
_AT_ONCE = 64
# Of a picture, which is there as long as somebody looks at it: how finely time is counted.
_PICTURE_FPS = 100.0


class RecordedGaze:
    """The gaze on all videos of a CSV file.

    Args:
        path: with the columns video, x, y, frame (or time_s, time_ms), and perhaps observer and
            duration_s (or duration_ms).
        reading: what its columns and numbers mean, where they are others.

    Attributes:
        path: of the file.
        videos: what it calls them.

    Raises:
        DataError: a file that cannot be read, or holds no gaze.
    """

    def __init__(self, path: str | Path, reading: GazeReading | None = None) -> None:
        # Not needed to predict, and it imports PyTorch.
        from ...prepare.fixations.gaze import read_gaze_csv
        from ...prepare.options import GazeReading

        self.path, self._reading = Path(path), reading or GazeReading()
        self._gaze = read_gaze_csv(path, self._reading)
        self.videos = list(self._gaze)

    def _of(self, name: str) -> Gaze | None:
        """The gaze on a video; numbers may be written with other leading zeros.

        Raises:
            DataError: the file calls several of its videos so.
        """
        called = {video: stimulus_name(video) for video in self.videos}
        found = [video for video in self.videos if called[video] == name]
        if not found and name.isdecimal():
            numbers = [video for video in self.videos if called[video].isdecimal()]
            found = [video for video in numbers if int(called[video]) == int(name)]
        if len(found) > 1:
            raise DataError(f'{self.path}: gaze on {listed(found)} fits {name}, expected on one')
        return self._gaze[found[0]] if found else None

    def has(self, stimulus: Stimulus) -> bool:
        """Whether there is gaze on it."""
        return self._of(stimulus.name) is not None

    def on(self, stimulus: Stimulus) -> VideoGaze:
        """The fixations on the frames of a video.

        Raises:
            DataError: none in this file, or none on its frames.
        """
        from ...prepare.fixations.screen import framed_fixations

        gaze = self._of(stimulus.name)
        if gaze is None:
            raise DataError(
                f'{self.path}: holds no gaze on {stimulus.name}, but on {listed(self.videos)}'
            )
        is_video = isinstance(stimulus, VideoStimulus)
        # Of frames in images, a rate that the user gives counts.
        clock = stimulus.times if is_video else self._reading.fps or stimulus.fps
        frames: int | None = len(stimulus)
        if frames == 1 and not is_video and gaze.is_timed:
            frames, clock = None, _PICTURE_FPS
        framed = framed_fixations(
            gaze, stimulus.size, frames, clock, self._reading, stimulus.pixel_aspect
        )
        if frames is None:
            framed = replace(framed, stops=np.array([len(framed.points)]))
        assert gaze.observers is not None
        names, observers = np.unique(gaze.observers[framed.samples], return_inverse=True)
        shown = stimulus.size, np.asarray(stimulus.times)
        return VideoGaze(framed.points, framed.stops, observers, names.tolist(), *shown)


@dataclass(frozen=True, eq=False)
class VideoGaze:
    """Fixations on the frames of one video.

    Attributes:
        points: (m, 2) int64 y and x of each fixation on each frame that it lasts on.
        stops: (frames,) how many are on a frame and those before it.
        observers: (m,) int64, who looked there.
        names: of the observers.
        size: (rows, columns) of the frames.
        times: (frames,) seconds from the first to each.
    """

    points: np.ndarray
    stops: np.ndarray
    observers: np.ndarray
    names: Sequence[str]
    size: Size
    times: np.ndarray

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, 2) y and x, and observers (n,), of the frame that appears at a time."""
        frame = int(np.abs(self.times - time).argmin())
        part = slice(int(self.stops[frame - 1]) if frame else 0, int(self.stops[frame]))
        return self.points[part], self.observers[part]


class GazeCounts:
    """Adds up, frame by frame, who looked how long, and at which region.

    Args:
        gaze: on the video.
        times: (T,) seconds of the frames that are counted.
        regions: how many.
        bin_seconds: length of the parts of time.
    """

    def __init__(
        self, gaze: VideoGaze, times: np.ndarray, regions: int, bin_seconds: float = BIN_SECONDS
    ) -> None:
        self._gaze, self._times = gaze, times
        # Frames of 1 / 30 s fill half a second, whatever that is in binary.
        self.bins = np.floor((times - times[0]) / bin_seconds + 1e-6).astype(int)
        self.starts = times[0] + bin_seconds * np.arange(self.bins[-1] + 1)
        shape = len(self.starts), len(gaze.names), regions
        # Frames, or samples, of each observer; partly covered pixels count partly.
        self._inside, self._looked = np.zeros(shape), np.zeros(shape)
        self.has_gaze = np.zeros(len(times), bool)

    def add(self, place: int, covers: Sequence[Cover | None]) -> None:
        """Count the fixations on a frame.

        Args:
            place: of the frame among those counted.
            covers: what each region covers of the frame.
        """
        points, observers = self._gaze.at(self._times[place])
        self.has_gaze[place] = len(points) > 0
        if not len(points):
            return
        part = self.bins[place]
        for region, cover in enumerate(covers):
            if cover is not None:
                # Where it is not there, nobody can look at it.
                np.add.at(self._looked[part, :, region], observers, 1)
                np.add.at(self._inside[part, :, region], observers, cover.at(points))

    def shares(self, predicted: np.ndarray, areas: np.ndarray) -> GazeShares:
        """What came of it.

        Args:
            predicted: (T, R) shares of the predicted maps.
            areas: (T, R) of the regions, 0 where they are not there.
        """
        looked = self.has_gaze[:, None]
        there, area = np.where(looked, (predicted, np.where(areas > 0, areas, np.nan)), np.nan)
        parts = [self.bins == part for part in range(len(self.starts))]
        with np.errstate(invalid='ignore'):
            binned = self._inside / self._looked
            total = self._inside.sum(0) / self._looked.sum(0)
        low, high = observer_intervals(np.moveaxis(binned, 1, -1))
        total_low, total_high = observer_intervals(total.T)
        return GazeShares(
            self.starts,
            _mean(total.T),
            total_low,
            total_high,
            _mean(there.T),
            _mean(area.T),
            halves_differ(total.T),
            np.isfinite(total).sum(0),
            _mean(np.moveaxis(binned, 1, -1)),
            low,
            high,
            np.stack([_mean(there[part].T) for part in parts]),
            np.stack([_mean(area[part].T) for part in parts]),
            np.isfinite(binned).sum(1),
        )


@dataclass(frozen=True, eq=False)
class GazeShares:
    """Which share of the looking each region gets: the mean over observers of each one's share.

    An observer's share is the time of the fixations in the region by that of all fixations on the
    video's frames, while the region is there; of samples, their numbers.

    Attributes:
        starts: (B,) seconds at which each part of time begins.
        share: (R,) over all time.
        low, high: (R,) ends of its 95 % percentile bootstrap interval over observers; NaN below 2.
        predicted, area: (R,) predicted share, and area, over the frames that have gaze.
        halves: (R,) how far the shares of two halves of the observers lie apart, the mean absolute
            difference over 100 random splits; NaN below 2 observers.
        observers: (R,) how many looked at the video while the region was there.
        bin_share, bin_low, bin_high, bin_predicted, bin_area, bin_observers: (B, R), the same of
            each part.
    """

    starts: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    predicted: np.ndarray
    area: np.ndarray
    halves: np.ndarray
    observers: np.ndarray
    bin_share: np.ndarray
    bin_low: np.ndarray
    bin_high: np.ndarray
    bin_predicted: np.ndarray
    bin_area: np.ndarray
    bin_observers: np.ndarray


def observer_intervals(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % percentile bootstrap intervals of means over observers.

    Args:
        values: (..., O), NaN for an observer who does not count.

    Returns:
        The ends, (...); NaN where fewer than 2 observers count.
    """
    from scipy.stats import bootstrap

    from ...scoring.paired_statistics import LEVEL, SEED

    shape = values.shape[:-1]
    low, high = np.full((2, int(np.prod(shape))), np.nan)
    rows = values.reshape(-1, values.shape[-1])
    count = np.isfinite(rows).sum(1)
    # Drawn together are those of which the same number of observers is there.
    for observers in np.unique(count[count > 1]):
        places = np.flatnonzero(count == observers)
        for part in np.split(places, range(_AT_ONCE, len(places), _AT_ONCE)):
            there = rows[part][np.isfinite(rows[part])].reshape(len(part), observers)
            found = bootstrap(
                (there,),
                np.mean,
                axis=-1,
                n_resamples=_RESAMPLES,
                confidence_level=LEVEL,
                method='percentile',
                random_state=np.random.default_rng(SEED),
            ).confidence_interval
            low[part], high[part] = found.low, found.high
    return low.reshape(shape), high.reshape(shape)


def halves_differ(values: np.ndarray) -> np.ndarray:
    """How far the means of two halves of the observers lie apart, over random splits.

    Args:
        values: (R, O), NaN for an observer who does not count.

    Returns:
        (R,) mean absolute difference; NaN below 2 observers.
    """
    differences = np.full(len(values), np.nan)
    for region, shares in enumerate(values):
        shares = shares[np.isfinite(shares)]
        if len(shares) < 2:
            continue
        rng = np.random.default_rng(0)
        drawn = rng.permuted(np.tile(shares, (_SPLITS, 1)), axis=1)
        half = len(shares) // 2
        apart = drawn[:, :half].mean(1) - drawn[:, half:].mean(1)
        differences[region] = np.abs(apart).mean()
    return differences


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the last axis, without NaN; NaN where there is nothing else."""
    count = np.isfinite(values).sum(-1)
    return np.where(count, np.nansum(values, -1) / np.maximum(count, 1), np.nan)
