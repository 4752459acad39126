"""From scores of frames to those of videos and of the whole set, in memory that is per video."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from .protocol import FrameScores, Protocol

RESAMPLES = 10_000


@dataclass
class Tally:
    """The values of one metric.

    Attributes:
        sum: of the values that are not NaN.
        count: how many these are.
        nans: how many are NaN.
        undefined: NaNs of frames that have what the metric needs.
        infinite: how many values are infinite.
    """

    sum: float = 0.0
    count: int = 0
    nans: int = 0
    undefined: int = 0
    infinite: int = 0


@dataclass
class VideoScores:
    """Sums over the frames of one video.

    Attributes:
        video: its name.
        frames: frames added.
        frames_without_fixations: how many of them nobody looked at.
        constant_maps: predictions with a single value.
        nan_maps: predictions that hold a NaN.
        surprising_frames: those that were looked at where the baseline is 0.
        metrics: values by metric; a metric that no frame had gives an empty tally.
    """

    video: str
    frames: int = 0
    frames_without_fixations: int = 0
    constant_maps: int = 0
    nan_maps: int = 0
    surprising_frames: int = 0
    metrics: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, frame: FrameScores) -> None:
        """Take in the scores of one frame; a metric it was not drawn for is simply not in them."""
        self.frames += 1
        self.frames_without_fixations += not frame.has_fixations
        self.constant_maps += frame.constant
        self.nan_maps += frame.nan
        self.surprising_frames += frame.surprising
        for metric, value in frame.scores.items():
            tally = self.metrics[metric]
            if math.isnan(value):
                tally.nans += 1
                tally.undefined += metric not in frame.missing
            else:
                tally.sum += float(value)
                tally.count += 1
                tally.infinite += math.isinf(value)


def average(
    protocol: Protocol, metric: str, videos: list[VideoScores], how: str | None = None
) -> float:
    """The score of some videos; NaN where there are no values.

    Args:
        protocol: says what becomes of frames without a value.
        metric: its name.
        videos: the sums over their frames.
        how: 'frames', 'videos' or 'weighted', see `Protocol`; None for what the protocol does.
    """
    how = how or protocol.average
    tallies = [(video.metrics[metric], video.frames) for video in videos]
    if protocol.nan == 'keep' and any(tally.nans for tally, _ in tallies):
        return math.nan
    parts = [
        (tally.sum, tally.count + (tally.nans if protocol.nan == 'zero' else 0), frames)
        for tally, frames in tallies
    ]
    if how != 'frames':
        weights = [(frames if how == 'weighted' else 1) for _, _, frames in parts]
        parts = [
            (weight * sum_ / count, weight, weight)
            for weight, (sum_, count, _) in zip(weights, parts, strict=True)
            if count
        ]
    total, count = math.fsum(part[0] for part in parts), sum(part[1] for part in parts)
    return total / count if count else math.nan


def bootstrap_intervals(
    protocol: Protocol, metrics: list[str], videos: list[VideoScores], seed: int = 0
) -> dict[str, list[float]]:
    """95 % percentile intervals of the score when the videos are drawn anew, by metric.

    A metric that fewer than two videos have a value of, or that is infinite, has none.
    """
    metrics = [m for m in metrics if sum(bool(v.metrics[m].count) for v in videos) > 1]
    if not metrics:
        return {}
    # Scores are quotients of sums over videos: of means and ones, or of sums and counts.
    tallies = [[video.metrics[metric] for metric in metrics] for video in videos]
    parts = np.array([[(tally.sum, tally.count) for tally in row] for row in tallies])
    if protocol.average == 'videos':
        counted = parts[..., 1] > 0
        parts[..., 0] /= np.where(counted, parts[..., 1], 1)
        parts[..., 1] = counted
    flat = parts.reshape(len(videos), -1)
    rng = np.random.default_rng(seed)
    scores = np.empty((RESAMPLES, len(metrics)))
    step = max(1, 2_000_000 // len(videos))
    for start in range(0, RESAMPLES, step):
        lines = min(step, RESAMPLES - start)
        drawn = rng.integers(len(videos), size=(lines, len(videos)))
        drawn += np.arange(lines)[:, None] * len(videos)
        times = np.bincount(drawn.ravel(), minlength=lines * len(videos))
        # A video's value may be infinite.
        with np.errstate(invalid='ignore'):
            sums = (times.reshape(lines, -1).astype(np.float64) @ flat).reshape(lines, -1, 2)
            scores[start : start + lines] = sums[..., 0] / sums[..., 1]
    # A draw of nothing but videos without a value says nothing.
    with np.errstate(invalid='ignore'):
        low, high = np.nanpercentile(scores, [2.5, 97.5], axis=0)
    ends = np.stack([low, high], 1)
    return {m: ends[i].tolist() for i, m in enumerate(metrics) if np.isfinite(ends[i]).all()}
