"""From scores of frames to the numbers that are printed and written."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


def _mean(values: list[float]) -> float:
    """Mean of the values that are not NaN; NaN where there are none."""
    finite = [value for value in values if not math.isnan(value)]
    return float(np.mean(finite)) if finite else math.nan


@dataclass
class ScoreReport:
    """Scores of one data set under one protocol.

    Attributes:
        protocol: its name.
        dataset: data set class.
        split: split scored.
        scores: mean over videos of the mean over each video's frames, by metric.
        per_video: the means over frames, by video and metric.
        videos: number of videos.
        frames: number of frames.
        frames_without_fixations: left out of the metrics that need fixations.
        undefined: by metric, frames that have what it needs and still got no value (a constant
            map), left out of its mean.
    """

    protocol: str
    dataset: str
    split: str
    scores: dict[str, float]
    per_video: dict[str, dict[str, float]]
    videos: int
    frames: int
    frames_without_fixations: int = 0
    undefined: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_frames(
        cls, protocol: str, dataset: str, split: str, frames: list[dict[str, Any]]
    ) -> ScoreReport:
        """Average over the frames of each video, then over videos.

        Args:
            protocol: name of the protocol that gave the scores.
            dataset: data set class.
            split: split scored.
            frames: one dict a frame: `video`, `frame`, `has_fixations` and `scores` by metric.
        """
        by_video: dict[str, list[dict[str, Any]]] = {}
        for entry in frames:
            by_video.setdefault(entry['video'], []).append(entry)
        metrics = list(frames[0]['scores']) if frames else []
        per_video = {
            video: {
                metric: _mean([entry['scores'][metric] for entry in entries]) for metric in metrics
            }
            for video, entries in sorted(by_video.items())
        }
        undefined = {
            metric: sum(
                math.isnan(entry['scores'][metric]) and not entry['missing'].get(metric, False)
                for entry in frames
            )
            for metric in metrics
        }
        return cls(
            protocol=protocol,
            dataset=dataset,
            split=split,
            scores={m: _mean([video[m] for video in per_video.values()]) for m in metrics},
            per_video=per_video,
            videos=len(per_video),
            frames=len(frames),
            frames_without_fixations=sum(not entry['has_fixations'] for entry in frames),
            undefined={metric: count for metric, count in undefined.items() if count},
        )

    @property
    def headline(self) -> str:
        """What the scores are of, in a line."""
        line = (
            f'protocol {self.protocol}, {self.dataset} {self.split}: '
            f'{self.videos} videos, {self.frames} frames'
        )
        if self.frames_without_fixations:
            line += f' ({self.frames_without_fixations} without fixations)'
        for metric, count in self.undefined.items():
            line += f'; {metric} undefined on {count} frames'
        return line

    def to_json(self) -> dict[str, Any]:
        """Plain values; undefined scores are None."""

        def plain(scores: dict[str, float]) -> dict[str, float | None]:
            return {k: None if math.isnan(v) else v for k, v in scores.items()}

        return dict(
            protocol=self.protocol,
            dataset=self.dataset,
            split=self.split,
            videos=self.videos,
            frames=self.frames,
            frames_without_fixations=self.frames_without_fixations,
            undefined=self.undefined,
            scores=plain(self.scores),
            per_video={video: plain(scores) for video, scores in self.per_video.items()},
        )


def format_table(rows: dict[str, dict[str, float]]) -> str:
    """A table of scores with a row a model, in plain text.

    Args:
        rows: scores by metric, by the row's name.
    """
    metrics = list(next(iter(rows.values())))
    width = max(len(name) for name in rows)
    lines = [' ' * width + ''.join(f'{metric:>9}' for metric in metrics)]
    for name, scores in rows.items():
        lines.append(f'{name:<{width}}' + ''.join(f'{scores[metric]:>9.4f}' for metric in metrics))
    return '\n'.join(lines)


def write_json(content: Any, path: str | Path) -> None:
    """Write JSON so that the file is either complete or not there."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        temporary.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
