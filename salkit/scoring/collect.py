"""From the scores of pieces to reports."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..metrics import FrameScores, Protocol, ScoreReport, VideoScores, get_protocol
from ..utils.files import whole_file
from .finished import FinishedPieces
from .plan import Metrics, Plan

# Warn where ties leave the mean AUC open by more than this, half a unit of the second digit.
WORTH_A_WARNING = 0.005
# Takes protocol, video, frame and scores by metric.
WriteFrame = Callable[[str, str, str, dict[str, float]], None]


@dataclass
class Collected:
    """What the videos of a plan gave.

    Attributes:
        reports: by protocol.
        not_finite: names of the predictions that hold a NaN or an infinite value.
        tied_share: mean share of tied pairs of the maps of 8 bits; None where there are none.
        shapes: numbers of maps whose shape is not that of their frame, by size.
    """

    reports: dict[str, ScoreReport]
    not_finite: list[str]
    tied_share: float | None
    shapes: Counter[str]

    def warnings(self) -> list[str]:
        """What a reader of the scores should know about the maps."""
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


def collect(plan: Plan, finished: FinishedPieces, seed: int | None, write: WriteFrame) -> Collected:
    """Read the kept scores, a piece at a time, in the order of the videos.

    Args:
        plan: of the run.
        finished: where the scores are.
        seed: of the choice of frames; None for all.
        write: gets the scores of every frame.
    """
    protocols = {name: get_protocol(name) for name in plan.metrics}
    drawn = _drawn_frames(plan, protocols, finished, seed)
    videos: dict[str, dict[str, VideoScores]] = {name: {} for name in plan.metrics}
    shares: list[float] = []
    not_finite: list[str] = []
    shapes: Counter[str] = Counter()
    for piece in plan.pieces:
        video = plan.videos[piece.video].name
        kept = finished.read(piece.key)
        not_finite += [f'{video}/{frame}' for frame in kept.not_finite]
        shares += [share for share in kept.tied_shares if not math.isnan(share)]
        shapes.update({shape: count for shape, count in kept.shapes.items() if shape})
        for name, protocol in protocols.items():
            scores = videos[name].setdefault(video, VideoScores(video))
            for frame, (values, *flags) in zip(kept.frames, kept.rows[name], strict=True):
                counted = {
                    metric: value
                    for metric, value in zip(plan.metrics[name], values, strict=True)
                    if (name, metric) not in drawn or (video, frame) in drawn[name, metric]
                }
                scores.add(_frame_scores(protocol, counted, *flags))
                write(name, video, frame, counted)
    reports = {
        name: ScoreReport.from_videos(
            name, plan.truth.dataset, plan.truth.split, [v for v in scored.values() if v.frames]
        )
        for name, scored in videos.items()
    }
    tied_share = math.fsum(shares) / len(shares) if shares else None
    return Collected(reports, not_finite, tied_share, shapes)


def _frame_scores(
    protocol: Protocol, scores: dict[str, float], has_fixations: bool, constant: bool, nan: bool
) -> FrameScores:
    missing = () if has_fixations else (m for m in scores if 'fixations' in protocol.needs(m))
    return FrameScores(scores, has_fixations, constant, nan, frozenset(missing))


def _drawn_frames(
    plan: Plan, protocols: dict[str, Protocol], finished: FinishedPieces, seed: int | None
) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Frames that count, by protocol and metric, where a protocol draws them at random."""
    limits = [p.max_frames for p in protocols.values() if p.max_frames is not None]
    if seed is None or not limits or sum(len(v.pairs) for v in plan.videos) <= min(limits):
        return {}
    names = [
        (plan.videos[piece.video].name, frame)
        for piece in plan.pieces
        for frame in finished.read(piece.key).frames
    ]
    return {
        (name, metric): chosen
        for name, protocol in protocols.items()
        for metric in plan.metrics[name]
        if (chosen := protocol.select_frames(metric, names, seed)) is not None
    }


@contextmanager
def frame_table(path: str | Path | None, metrics: Metrics) -> Iterator[WriteFrame]:
    """A CSV file, complete or not there, with a line for every frame and protocol.

    Metrics that were not computed stay empty, undefined ones are nan.

    Yields:
        What writes a line; without a path it does nothing.
    """
    if path is None:
        yield lambda protocol, video, frame, scores: None
        return
    columns = list(dict.fromkeys(m for names in metrics.values() for m in names))
    with (
        whole_file(path) as temporary,
        open(temporary, 'w', newline='', encoding='utf-8') as file,
    ):
        lines = csv.writer(file, lineterminator='\n')
        lines.writerow(['protocol', 'video', 'frame', *columns])

        def write(protocol: str, video: str, frame: str, scores: dict[str, float]) -> None:
            values = [repr(scores[m]) if m in scores else '' for m in columns]
            lines.writerow([protocol, video, frame, *values])

        yield write
