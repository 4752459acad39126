"""From the scores of videos to reports."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..metrics import ScoreReport, VideoScores, get_protocol
from ..metrics.gain_baseline import gains_of
from ..utils.files import whole_file
from .finished import FinishedVideos
from .plan import Metrics, Plan

# Warn where ties leave the mean AUC open by more than this, half a unit of the second digit.
WORTH_A_WARNING = 0.005
# Takes protocol, video, frame and scores by metric.
WriteFrame = Callable[[str, str, str, dict[str, float]], None]


def collect(
    plan: Plan, finished: FinishedVideos, seed: int | None, write: WriteFrame
) -> dict[str, ScoreReport]:
    """Read the kept scores, a video at a time.

    What is found out about the maps goes to the plan: those that are not finite, the share of
    ties and the warnings.

    Args:
        plan: of the run.
        finished: where the scores are.
        seed: of the choice of frames; None for all.
        write: gets the scores of every frame.

    Returns:
        The report of each protocol.
    """
    drawn = _drawn_frames(plan, finished, seed)
    scored: dict[str, list[VideoScores]] = {name: [] for name in plan.metrics}
    shares: list[float] = []
    shapes: Counter[str] = Counter()
    for video in plan.videos:
        result = finished.read(video.key)
        plan.missing.not_finite += [f'{video.name}/{frame}' for frame in result.not_finite]
        shares += [share for share in result.tied_shares if not math.isnan(share)]
        shapes.update(result.shapes)
        if result.note:
            plan.warnings.append(f'{video.name}: {result.note}')
        for name, rows in result.rows.items():
            scores = VideoScores(video.name)
            for frame, row in zip(result.frames, rows, strict=True):
                for metric in plan.metrics[name]:
                    if (name, metric) in drawn and (video.name, frame) not in drawn[name, metric]:
                        del row.scores[metric]
                scores.add(row)
                write(name, video.name, frame, row.scores)
            if scores.frames:
                scored[name].append(scores)
    plan.warnings += [
        f'{count} maps of {shape}: another shape; each is stretched over its whole frame'
        for shape, count in shapes.items()
    ]
    if shares:
        plan.tied_share = math.fsum(shares) / len(shares)
        if plan.tied_share / 2 > WORTH_A_WARNING:
            plan.warnings.append(
                f'8-bit maps: {plan.tied_share:.1%} of the pairs of a fixated and another pixel '
                f'have the same value, which leaves AUC-J open by up to {plan.tied_share / 2:.3f}; '
                '16-bit PNG or .npy files would not'
            )
    truth = plan.truth
    return {
        name: ScoreReport.from_videos(
            name,
            truth.dataset,
            truth.split,
            videos,
            '; '.join(filter(None, [str(plan.choice), plan.adapted])),
            str(plan.baseline) if gains_of(get_protocol(name), plan.metrics[name]) else '',
        )
        for name, videos in scored.items()
    }


def _drawn_frames(
    plan: Plan, finished: FinishedVideos, seed: int | None
) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Frames that count, by protocol and metric, where a protocol draws them at random."""
    protocols = [get_protocol(name) for name in plan.metrics]
    if seed is None or not any(p.max_frames or p.half_frames for p in protocols):
        return {}
    names = [
        (video.name, frame) for video in plan.videos for frame in finished.read(video.key).frames
    ]
    return {
        (protocol.name, metric): chosen
        for protocol in protocols
        for metric in plan.metrics[protocol.name]
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
        names = ['protocol', 'video', 'frame', *columns]
        table = csv.DictWriter(file, names, restval='', lineterminator='\n')
        table.writeheader()

        def write(protocol: str, video: str, frame: str, scores: dict[str, float]) -> None:
            values = {metric: repr(value) for metric, value in scores.items()}
            table.writerow(dict(protocol=protocol, video=video, frame=frame, **values))

        yield write
