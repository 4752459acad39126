"""From the kept results of tasks to reports."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..datasets.published.truth import GroundTruth
from ..metrics import Protocol, ScoreReport, VideoScores, get_protocol
from ..utils.files import whole_file
from .parts import Parts
from .plan import Plan
from .ties import WORTH_A_WARNING
from .work import scores_of_row


@dataclass
class Seen:
    """What the maps were like.

    Attributes:
        frames: maps scored.
        not_finite: names of those that were not, for a NaN or an infinite value.
        eight_bit: maps of 8 bits.
        ties: sum of the shares of tied pairs over `tie_frames`.
        tie_frames: maps of 8 bits with fixations.
        shapes: numbers of maps whose shape is not that of their frame, by size.
    """

    frames: int = 0
    not_finite: list[str] = field(default_factory=list)
    ties: float = 0.0
    tie_frames: int = 0
    shapes: dict[str, int] = field(default_factory=dict)

    def add(self, part: dict[str, Any]) -> None:
        """Take in the maps of a task."""
        self.frames += len(part['frames'])
        self.not_finite += [f'{part["video"]}/{name}' for name in part['not_finite']]
        shares = [share for share in part['ties'] if not math.isnan(share)]
        self.ties += math.fsum(shares)
        self.tie_frames += len(shares)
        for shape, count in part['shapes'].items():
            if shape:
                self.shapes[shape] = self.shapes.get(shape, 0) + count

    @property
    def tied_share(self) -> float | None:
        """Mean share of tied pairs of the maps of 8 bits; None where there are none."""
        return self.ties / self.tie_frames if self.tie_frames else None

    def warnings(self) -> list[str]:
        """What a reader of the scores should know."""
        lines = [
            f'{count} maps of {shape}: another shape; each is stretched over its whole frame'
            for shape, count in self.shapes.items()
        ]
        share = self.tied_share
        if share is not None and share / 2 > WORTH_A_WARNING:
            lines.append(
                f'8-bit maps: {share:.1%} of the pairs of a fixated and another pixel have the '
                f'same value, which leaves AUC-J open by up to {share / 2:.3f}; 16-bit PNG or '
                '.npy files would not'
            )
        return lines


def collect(
    plan: Plan,
    truth: GroundTruth,
    metrics: dict[str, list[str]],
    parts: Parts,
    seed: int | None,
    writer: CsvWriter | None,
) -> tuple[dict[str, ScoreReport], Seen]:
    """Read the kept scores, a task at a time, in the order of the videos.

    Args:
        plan: of the run.
        truth: what was scored against.
        metrics: by name of the protocol.
        parts: where the scores are.
        seed: of the choice of frames; None for all.
        writer: gets a line for every frame.

    Returns:
        A report for each protocol, and what the maps were like.
    """
    protocols = {name: get_protocol(name) for name in metrics}
    drawn = _drawn(plan, protocols, metrics, parts, seed)
    videos: dict[str, dict[str, VideoScores]] = {name: {} for name in metrics}
    seen = Seen()
    for task in plan.tasks:
        part = parts.read_scores(task.key)
        seen.add(part)
        for name, protocol in protocols.items():
            scores = videos[name].setdefault(task.video, VideoScores(task.video))
            for frame, row in zip(part['frames'], part['rows'][name], strict=True):
                scored = scores_of_row(row, metrics[name], protocol)
                for metric, chosen in drawn.get(name, {}).items():
                    if (task.video, frame) not in chosen:
                        del scored.scores[metric]
                scores.add(scored)
                if writer is not None:
                    writer.write(name, task.video, frame, scored.scores)
    return {
        name: ScoreReport.from_videos(
            name, truth.dataset, truth.split, [v for v in videos[name].values() if v.frames]
        )
        for name in metrics
    }, seen


def _drawn(
    plan: Plan,
    protocols: dict[str, Protocol],
    metrics: dict[str, list[str]],
    parts: Parts,
    seed: int | None,
) -> dict[str, dict[str, set[tuple[str, str]]]]:
    """Frames that count, by protocol and metric, where a protocol draws them at random."""
    limits = [p.max_frames for p in protocols.values() if p.max_frames is not None]
    if seed is None or not limits or plan.frames <= min(limits):
        return {}
    names = [
        (task.video, frame)
        for task in plan.tasks
        for frame in parts.read_scores(task.key)['frames']
    ]
    drawn: dict[str, dict[str, set[tuple[str, str]]]] = {}
    for name, protocol in protocols.items():
        for metric in metrics[name]:
            chosen = protocol.select_frames(metric, names, seed)
            if chosen is not None:
                drawn.setdefault(name, {})[metric] = chosen
    return drawn


class CsvWriter:
    """Writes a line for every frame and protocol.

    Args:
        file: open for writing.
        metrics: names of the columns.
    """

    def __init__(self, file, metrics: Sequence[str]) -> None:
        self._metrics = list(metrics)
        self._csv = csv.writer(file, lineterminator='\n')
        self._csv.writerow(['protocol', 'video', 'frame', *self._metrics])

    def write(self, protocol: str, video: str, frame: str, scores: dict[str, float]) -> None:
        """A line; metrics that were not computed stay empty, undefined ones are nan."""
        values = [repr(scores[m]) if m in scores else '' for m in self._metrics]
        self._csv.writerow([protocol, video, frame, *values])


@contextmanager
def csv_writer(path: str | Path | None, metrics: dict[str, list[str]]):
    """A `CsvWriter` to a file that is complete or not there; None without a path."""
    if path is None:
        yield None
        return
    with (
        whole_file(path) as temporary,
        open(temporary, 'w', newline='', encoding='utf-8') as file,
    ):
        yield CsvWriter(file, dict.fromkeys(m for names in metrics.values() for m in names))
