"""From scores of frames to those of videos and of the whole set, in memory that is per video."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .protocol import FrameScores, Protocol

RESAMPLES = 10_000


@dataclass
class VideoScores:
    """Sums over the frames of one video.

    Attributes:
        video: its name.
        frames: frames added.
        frames_without_fixations: how many of them nobody looked at.
        constant_maps: predictions with a single value.
        nan_maps: predictions that hold a NaN.
        sums: by metric, sum of the values that are not NaN.
        counts: by metric, how many these are.
        nans: by metric, how many are NaN.
        undefined: by metric, NaNs of frames that have what the metric needs.
    """

    video: str
    frames: int = 0
    frames_without_fixations: int = 0
    constant_maps: int = 0
    nan_maps: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    nans: dict[str, int] = field(default_factory=dict)
    undefined: dict[str, int] = field(default_factory=dict)

    def add(self, frame: FrameScores) -> None:
        """Take in the scores of one frame; a metric it was not drawn for is simply not in them."""
        self.frames += 1
        self.frames_without_fixations += not frame.has_fixations
        self.constant_maps += frame.constant
        self.nan_maps += frame.nan
        for metric, value in frame.scores.items():
            for table, zero in (
                (self.sums, 0.0),
                (self.counts, 0),
                (self.nans, 0),
                (self.undefined, 0),
            ):
                table.setdefault(metric, zero)
            if math.isnan(value):
                self.nans[metric] += 1
                self.undefined[metric] += metric not in frame.missing
            else:
                self.sums[metric] += float(value)
                self.counts[metric] += 1

    def mean(self, metric: str, nan: str = 'drop') -> float:
        """Mean over the frames; NaN where there are no values, or with 'keep' where one is NaN."""
        if not self.counts.get(metric) or (nan == 'keep' and self.nans[metric]):
            return math.nan
        return self.sums[metric] / self.counts[metric]

    def to_json(self) -> dict[str, Any]:
        """Plain values; written with `json`, floats come back to the last bit."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> VideoScores:
        """The inverse of `to_json`."""
        return cls(**content)


def metric_names(videos: Iterable[VideoScores]) -> list[str]:
    """Every metric of the videos, in the order they came in."""
    return list(dict.fromkeys(metric for video in videos for metric in video.sums))


def average(protocol: Protocol, metric: str, videos: list[VideoScores]) -> float:
    """The score of the whole set, averaged as the protocol does."""
    if protocol.nan == 'keep' and any(video.nans.get(metric) for video in videos):
        return math.nan
    if protocol.average == 'frames':
        count = sum(video.counts.get(metric, 0) for video in videos)
        return (
            math.fsum(video.sums.get(metric, 0.0) for video in videos) / count
            if count
            else (math.nan)
        )
    means = [video.mean(metric) for video in videos]
    means = [mean for mean in means if not math.isnan(mean)]
    return math.fsum(means) / len(means) if means else math.nan


def bootstrap_intervals(
    protocol: Protocol, metrics: list[str], videos: list[VideoScores], seed: int = 0
) -> dict[str, list[float]]:
    """95 % percentile intervals of the score when the videos are drawn anew, by metric.

    A metric that fewer than two videos have a value of has none.
    """
    metrics = [m for m in metrics if sum(bool(v.counts.get(m)) for v in videos) > 1]
    if not metrics:
        return {}
    # Scores are quotients of sums over videos: of means and ones, or of sums and counts.
    parts = np.array([[(v.sums.get(m, 0.0), v.counts.get(m, 0)) for m in metrics] for v in videos])
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
        sums = (times.reshape(lines, -1).astype(np.float64) @ flat).reshape(lines, -1, 2)
        with np.errstate(invalid='ignore'):
            scores[start : start + lines] = sums[..., 0] / sums[..., 1]
    # A draw of nothing but videos without a value says nothing.
    low, high = np.nanpercentile(scores, [2.5, 97.5], axis=0)
    return {m: [float(low[i]), float(high[i])] for i, m in enumerate(metrics)}
