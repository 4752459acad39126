"""The numbers that are printed and written, with what they are of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from ..types import with_unit
from ..utils.tabular import Record, Tabular, frame_of
from ..utils.text import aligned, check_choice
from .averaging import VideoScores, average, bootstrap_intervals
from .protocol import Protocol
from .published_protocols import get_protocol

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]


@dataclass
class ScoreReport(Tabular):
    """Scores of one data set under one protocol.

    Attributes:
        protocol: its name.
        dataset: data set class.
        split: split scored.
        scores: by metric, averaged as the protocol does.
        per_video: the means over frames, by video and metric.
        videos: number of videos.
        frames: number of frames.
        frames_without_fixations: frames that have no value of the metrics that need fixations.
        other_scores: the same, averaged in the other ways that the protocol's code prints, by
            their name: 'frames', 'videos', 'weighted'.
        undefined: by metric, frames that have what it needs and still got no value (a constant
            map).
        infinite: by metric, frames whose value is infinite (KL without eps).
        frames_per_video: by video.
        constant_maps: predictions with a single value.
        nan_maps: predictions that hold a NaN.
        interval: by metric, ends of the 95 % bootstrap interval over videos, where the protocol
            gives one and there are two videos.
        selection: which frames were scored, and what predictions were fitted with, in words; ''
            for all frames and no fit.
        ig_baseline: what information gain is counted from, in words; '' where it is not scored.
        surprising_frames: those that were looked at where that baseline is 0.
    """

    protocol: str
    dataset: str
    split: str
    scores: dict[str, float]
    per_video: dict[str, dict[str, float]]
    videos: int
    frames: int
    frames_without_fixations: int = 0
    other_scores: dict[str, dict[str, float]] = field(default_factory=dict)
    undefined: dict[str, int] = field(default_factory=dict)
    infinite: dict[str, int] = field(default_factory=dict)
    frames_per_video: dict[str, int] = field(default_factory=dict)
    constant_maps: int = 0
    nan_maps: int = 0
    interval: dict[str, list[float]] = field(default_factory=dict)
    selection: str = ''
    ig_baseline: str = ''
    surprising_frames: int = 0

    @classmethod
    def from_videos(
        cls,
        protocol: str | Protocol,
        dataset: str,
        split: str,
        videos: Sequence[VideoScores],
        selection: str = '',
        ig_baseline: str = '',
    ) -> ScoreReport:
        """Average the scores of videos, in the order of their names whatever order they come in.

        Args:
            protocol: the protocol that gave the scores, or its name.
            dataset: data set class.
            split: split scored.
            videos: one entry a video.
            selection: which frames these are, in words; '' for all.
            ig_baseline: what information gain is counted from, in words, where it is scored.
        """
        protocol = get_protocol(protocol)
        metrics = list(dict.fromkeys(metric for video in videos for metric in video.metrics))
        videos = sorted(videos, key=lambda video: video.video)
        undefined = {m: sum(video.metrics[m].undefined for video in videos) for m in metrics}
        infinite = {m: sum(video.metrics[m].infinite for video in videos) for m in metrics}
        return cls(
            protocol=protocol.name,
            dataset=dataset,
            split=split,
            scores={m: average(protocol, m, videos) for m in metrics},
            per_video={v.video: {m: average(protocol, m, [v]) for m in metrics} for v in videos},
            videos=len(videos),
            frames=sum(video.frames for video in videos),
            frames_without_fixations=sum(video.frames_without_fixations for video in videos),
            other_scores={
                how: {m: average(protocol, m, videos, how) for m in metrics}
                for how in protocol.more_averages
            },
            undefined={metric: count for metric, count in undefined.items() if count},
            infinite={metric: count for metric, count in infinite.items() if count},
            frames_per_video={video.video: video.frames for video in videos},
            constant_maps=sum(video.constant_maps for video in videos),
            nan_maps=sum(video.nan_maps for video in videos),
            interval=bootstrap_intervals(protocol, metrics, videos) if protocol.interval else {},
            selection=selection,
            ig_baseline=ig_baseline,
            surprising_frames=sum(video.surprising_frames for video in videos),
        )

    @property
    def headline(self) -> str:
        """What the scores are of, in a line."""
        line = (
            f'protocol {self.protocol}, {self.dataset} {self.split}: '
            f'{self.videos} videos, {self.frames} frames'
        )
        if self.selection:
            line += f' ({self.selection})'
        if self.frames_without_fixations:
            line += f' ({self.frames_without_fixations} without fixations)'
        if self.constant_maps:
            line += f'; {self.constant_maps} constant predictions'
        if self.nan_maps:
            line += f'; {self.nan_maps} predictions with NaN'
        for metric, count in self.undefined.items():
            line += f'; {metric} undefined on {count} frames'
        for metric, count in self.infinite.items():
            line += f'; {metric} infinite on {count} frames'
        if self.ig_baseline:
            line += f'; IG over {self.ig_baseline}'
        if self.surprising_frames:
            line += (
                f'; the baseline is 0 where {self.surprising_frames} frames were looked at, which '
                'counts as very much gained'
            )
        return line

    def rows(self, name: str) -> dict[str, dict[str, float]]:
        """The rows of a table: the scores, called `name`, and those that are averaged otherwise."""
        others = {f'{name}, {how}': scores for how, scores in self.other_scores.items()}
        return {name: self.scores, **others}

    def records(self, by: str = 'protocol') -> list[Record]:
        """The scores as rows.

        Args:
            by: a row for each of what: 'protocol', the averages as a paper prints them (and those
                that are averaged otherwise); 'metric', with the ends of the 95 % interval; 'video'.

        Raises:
            ConfigError: another `by`.
        """
        check_choice('', 'by', by, ('protocol', 'metric', 'video'))
        of = dict(dataset=self.dataset, split=self.split)
        if by == 'metric':
            return [
                dict(of, protocol=self.protocol, metric=metric, score=score, low=low, high=high)
                for metric, score in self.scores.items()
                for low, high in [self.interval.get(metric, (None, None))]
            ]
        if by == 'video':
            counts = self.frames_per_video
            return [
                dict(video=video, frames=counts.get(video), **scores)
                for video, scores in self.per_video.items()
            ]
        return [
            dict(of, protocol=name, videos=self.videos, frames=self.frames, **scores)
            for name, scores in self.rows(self.protocol).items()
        ]

    def to_frame(self, by: str = 'protocol') -> pd.DataFrame:
        """The scores as a pandas frame.

        Args:
            by: see `records`.

        Raises:
            ConfigError: pandas is not installed, or another `by`.
        """
        return frame_of(self.records(by))

    def to_json(self) -> dict[str, object]:
        """Plain values; undefined and infinite scores are None."""

        def plain(scores: dict[str, float]) -> dict[str, float | None]:
            return {k: v if math.isfinite(v) else None for k, v in scores.items()}

        return asdict(self) | dict(
            scores=plain(self.scores),
            per_video={video: plain(scores) for video, scores in self.per_video.items()},
            other_scores={how: plain(scores) for how, scores in self.other_scores.items()},
        )


def format_table(rows: dict[str, dict[str, float]]) -> str:
    """A table of scores with a row a model, in plain text; a score that a row lacks is a dash.

    Args:
        rows: scores by metric, by the row's name.
    """
    metrics = list(dict.fromkeys(metric for scores in rows.values() for metric in scores))
    table = [['', *map(with_unit, metrics)]]
    for name, scores in rows.items():
        table.append([name, *(f'{scores[m]:.4f}' if m in scores else '-' for m in metrics)])
    return '\n'.join(aligned(table))
