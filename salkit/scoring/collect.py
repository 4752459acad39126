"""From the scores of pieces to reports."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from ..metrics import Protocol, ScoreReport, VideoScores, get_protocol
from ..utils.files import whole_file
from .finished import FinishedPieces, PieceScores
from .plan import Metrics, Plan
from .work import scores_of_row

# Warn where ties leave the mean AUC open by more than this, half a unit of the second digit.
WORTH_A_WARNING = 0.005


@dataclass
class StoredMaps:
    """What the predictions were like as they were stored.

    Attributes:
        not_finite: names of those that hold a NaN or an infinite value.
        tied_shares: sum of the shares of tied pairs over `tie_frames`.
        tie_frames: maps of 8 bits with fixations.
        shapes: numbers of maps whose shape is not that of their frame, by size.
    """

    not_finite: list[str] = field(default_factory=list)
    tied_shares: float = 0.0
    tie_frames: int = 0
    shapes: dict[str, int] = field(default_factory=dict)

    def add(self, video: str, scores: PieceScores) -> None:
        """Take in the maps of a piece."""
        self.not_finite += [f'{video}/{name}' for name in scores.not_finite]
        shares = [share for share in scores.tied_shares if not math.isnan(share)]
        self.tied_shares += math.fsum(shares)
        self.tie_frames += len(shares)
        for shape, count in scores.shapes.items():
            if shape:
                self.shapes[shape] = self.shapes.get(shape, 0) + count

    @property
    def tied_share(self) -> float | None:
        """Mean share of tied pairs of the maps of 8 bits; None where there are none."""
        return self.tied_shares / self.tie_frames if self.tie_frames else None

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
    plan: Plan, finished: FinishedPieces, seed: int | None, writer: CsvWriter | None
) -> tuple[dict[str, ScoreReport], StoredMaps]:
    """Read the kept scores, a piece at a time, in the order of the videos.

    Args:
        plan: of the run.
        finished: where the scores are.
        seed: of the choice of frames; None for all.
        writer: gets a line for every frame.

    Returns:
        A report for each protocol, and what the maps were like.
    """
    protocols = {name: get_protocol(name) for name in plan.metrics}
    drawn = _drawn_frames(plan, protocols, finished, seed)
    videos: dict[str, dict[str, VideoScores]] = {name: {} for name in plan.metrics}
    maps = StoredMaps()
    for piece in plan.pieces:
        video = plan.videos[piece.video].name
        kept = finished.read(plan.key(piece))
        maps.add(video, kept)
        for name, protocol in protocols.items():
            scores = videos[name].setdefault(video, VideoScores(video))
            for frame, row in zip(kept.frames, kept.rows[name], strict=True):
                scored = scores_of_row(row, plan.metrics[name], protocol)
                for metric, chosen in drawn.get(name, {}).items():
                    if (video, frame) not in chosen:
                        del scored.scores[metric]
                scores.add(scored)
                if writer is not None:
                    writer.write(name, video, frame, scored.scores)
    reports = {
        name: ScoreReport.from_videos(
            name, plan.truth.dataset, plan.truth.split, [v for v in of.values() if v.frames]
        )
        for name, of in videos.items()
    }
    return reports, maps


def _drawn_frames(
    plan: Plan, protocols: dict[str, Protocol], finished: FinishedPieces, seed: int | None
) -> dict[str, dict[str, set[tuple[str, str]]]]:
    """Frames that count, by protocol and metric, where a protocol draws them at random."""
    limits = [p.max_frames for p in protocols.values() if p.max_frames is not None]
    if seed is None or not limits or sum(len(v.pairs) for v in plan.videos) <= min(limits):
        return {}
    names = [
        (plan.videos[piece.video].name, frame)
        for piece in plan.pieces
        for frame in finished.read(plan.key(piece)).frames
    ]
    drawn: dict[str, dict[str, set[tuple[str, str]]]] = {}
    for name, protocol in protocols.items():
        for metric in plan.metrics[name]:
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

    def __init__(self, file: TextIO, metrics: Sequence[str]) -> None:
        self._metrics = metrics
        self._csv = csv.writer(file, lineterminator='\n')
        self._csv.writerow(['protocol', 'video', 'frame', *self._metrics])

    def write(self, protocol: str, video: str, frame: str, scores: dict[str, float]) -> None:
        """A line; metrics that were not computed stay empty, undefined ones are nan."""
        values = [repr(scores[m]) if m in scores else '' for m in self._metrics]
        self._csv.writerow([protocol, video, frame, *values])


@contextmanager
def csv_writer(path: str | Path | None, metrics: Metrics) -> Iterator[CsvWriter | None]:
    """A `CsvWriter` to a file that is complete or not there; None without a path."""
    if path is None:
        yield None
        return
    columns = list(dict.fromkeys(m for names in metrics.values() for m in names))
    with (
        whole_file(path) as temporary,
        open(temporary, 'w', newline='', encoding='utf-8') as file,
    ):
        yield CsvWriter(file, columns)
