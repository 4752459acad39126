"""What has to be scored: videos, opened and paired once, and what is not there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..datasets.matching import FrameMatch, match_frames, match_videos
from ..datasets.published.truth import GroundTruth, find_ground_truth
from ..datasets.truth_video import TruthVideo
from ..errors import ConfigError, DataError
from ..media.map_stacks import MapStack, fingerprint_of
from ..metrics import get_protocol
from ..utils.text import listed
from ..version import __version__

# Frames of a piece: what an interrupted run loses at most, on each core.
PIECE = 250
# By name of the protocol, the metrics to compute.
Metrics = dict[str, list[str]]


class Piece(NamedTuple):
    """Some frames of a video.

    Attributes:
        video: its place in the list of videos.
        start: first of its frames.
        stop: one after the last.
    """

    video: int
    start: int
    stop: int


@dataclass(frozen=True)
class MatchedVideo:
    """Predictions and ground truth of one video, paired frame by frame.

    Attributes:
        name: in the ground truth.
        predictions: the maps.
        truth: what they are scored against.
        needs: kinds of ground truth that the metrics take.
        pairs: the frames to score, each by its place in both.
        fingerprint: changes with the files and with everything that the scores depend on.
    """

    name: str
    predictions: MapStack
    truth: TruthVideo
    needs: frozenset[str]
    pairs: list[tuple[int, int]]
    fingerprint: str

    def pieces(self, number: int) -> list[Piece]:
        """The frames in pieces, where the video is the one at `number`."""
        random_access = self.predictions.random_access and self.truth.random_access
        return cut(number, len(self.pairs), random_access)

    def key(self, piece: Piece) -> str:
        """What the scores of a piece are kept under."""
        return f'{self.fingerprint} {piece.start} {piece.stop}'


def cut(video: int, count: int, random_access: bool) -> list[Piece]:
    """The pieces of a video; one where each could only be reached through those before it."""
    size = PIECE if random_access else max(count, 1)
    return [Piece(video, at, min(at + size, count)) for at in range(0, count, size)]


@dataclass
class Missing:
    """What an average over the whole set would need and does not have, by name.

    Attributes:
        videos: without any prediction.
        frames: without a prediction, `video/frame`.
        maps: of the ground truth, `video/frame: density map`.
        not_finite: predictions that hold a NaN or an infinite value, `video/frame`.
    """

    videos: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    maps: list[str] = field(default_factory=list)
    not_finite: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def summary(self, most: int = 8) -> str:
        """All of it in a line, each list cut after a few names."""
        kinds = {
            'no predictions for {} video(s)': self.videos,
            'no prediction for {} frame(s)': self.frames,
            'no ground truth for {} frame(s)': self.maps,
            'NaN or infinite values in {} prediction(s)': self.not_finite,
        }
        return '; '.join(
            f'{text.format(len(names))}: {listed(names, most)}'
            for text, names in kinds.items()
            if names
        )


@dataclass
class Plan:
    """Protocols that read the same files, and what they score.

    Attributes:
        metrics: to compute, by name of the protocol.
        truth: what is scored against.
        reads_whole_set: whether a metric needs the fixations of the whole set.
        videos: those that have predictions.
        missing: what is not there.
        warnings: what a reader of the scores should know.
    """

    metrics: Metrics
    truth: GroundTruth
    reads_whole_set: bool
    videos: list[MatchedVideo] = field(default_factory=list)
    missing: Missing = field(default_factory=Missing)
    warnings: list[str] = field(default_factory=list)

    @property
    def pieces(self) -> list[Piece]:
        """All that is to be scored, in order of the videos."""
        return [piece for i, video in enumerate(self.videos) for piece in video.pieces(i)]

    def key(self, piece: Piece) -> str:
        """What the scores of a piece are kept under."""
        return self.videos[piece.video].key(piece)


def make_plans(
    wanted: Metrics,
    predictions: dict[str, MapStack],
    ground_truth: str | Path,
    split: str | None,
    settings: object,
) -> list[Plan]:
    """Match everything by name; files are listed, and none is opened but for its header.

    Args:
        wanted: metrics by protocol. Where a data set has fixations both as images and as .mat
            files, protocols that prefer the one and the other get plans of their own.
        predictions: what `find_predictions` gives.
        ground_truth: root of a data set.
        split: of the data set; None where there is only one.
        settings: whatever else the scores depend on.

    Raises:
        ConfigError: no metric is left.
        DataError: ground truth that is not there, or names that do not match at all.
    """
    groups: dict[bool, Metrics] = {}
    for name, metrics in wanted.items():
        groups.setdefault(get_protocol(name).prefers_mat, {})[name] = metrics
    truths = {mat: find_ground_truth(ground_truth, split, mat) for mat in groups}
    if len(truths) == 2 and _same_fixations(*truths.values()):
        groups = {False: wanted}
    return [
        _make_plan(metrics, predictions, truths[mat], settings) for mat, metrics in groups.items()
    ]


def _same_fixations(one: GroundTruth, other: GroundTruth) -> bool:
    return [v.fixations for v in one.videos] == [v.fixations for v in other.videos]


def _make_plan(
    metrics: Metrics, predictions: dict[str, MapStack], truth: GroundTruth, settings: object
) -> Plan:
    metrics, warnings = _possible(metrics, len(truth.videos))
    needs = {
        need
        for name, chosen in metrics.items()
        for metric in chosen
        for need in get_protocol(name).needs(metric)
    }
    plan = Plan(metrics, truth, 'nonfixations' in needs, warnings=warnings)
    shared = fingerprint_of(__version__, metrics, settings)
    if plan.reads_whole_set:
        shared = fingerprint_of(shared, [video.fingerprint() for video in truth.videos])
    matches = match_videos(predictions, [video.name for video in truth.videos])
    for video in truth.videos:
        stack = predictions.get(matches.get(video.name, ''))
        if stack is None or not len(stack):
            plan.missing.videos.append(video.name)
            continue
        plan.videos.append(_match(plan, video, stack, frozenset(needs), shared))
    unused = [name for name in predictions if name not in set(matches.values())]
    if unused:
        plan.warnings.append(
            f'{len(unused)} predicted video(s) have no ground truth in this split: {listed(unused)}'
        )
    if not any(video.pairs for video in plan.videos):
        raise DataError(f'nothing to score: {plan.missing.summary()}')
    return plan


def _match(
    plan: Plan, truth: TruthVideo, stack: MapStack, needs: frozenset[str], shared: str
) -> MatchedVideo:
    """Pair the frames of a video, and note in the plan what does not fit."""
    match = match_frames(stack, truth.frames)
    kind, lacking = truth.lacking(needs)
    names = truth.frames.names
    plan.missing.frames += [f'{truth.name}/{names[i]}' for i in match.missing]
    plan.missing.maps += [f'{truth.name}/{names[i]}: {kind}' for i in lacking]
    plan.warnings += [f'{truth.name}: {line}' for line in _notes(match, stack)]
    unusable = set(lacking)
    return MatchedVideo(
        truth.name,
        stack,
        truth,
        needs,
        [pair for pair in match.pairs if pair[1] not in unusable],
        fingerprint_of(shared, stack.fingerprint(), truth.fingerprint()),
    )


def _notes(match: FrameMatch, stack: MapStack) -> list[str]:
    notes = [match.note] if match.note else []
    if match.extra:
        notes.append(
            f'{len(match.extra)} of {len(stack)} predicted frames have no ground truth, '
            f'{stack.where(match.extra[0])} first'
        )
    return notes


def metrics_of(protocol: str, metrics: Sequence[str] | None) -> list[str]:
    """The metrics to compute; None for those that the protocol has by default.

    Raises:
        ConfigError: one that it does not have, or that needs more than predictions and a data set.
    """
    found = get_protocol(protocol)
    chosen = found.check_metrics(found.metrics if metrics is None else metrics)
    for metric in chosen:
        if 'baseline' in found.needs(metric):
            raise ConfigError(f'{metric} needs a baseline density, which scoring does not take yet')
    return chosen


def _possible(metrics: Metrics, videos: int) -> tuple[Metrics, list[str]]:
    """The metrics without those that a single video cannot give, and what to say about it."""
    if videos > 1:
        return metrics, []
    possible, warnings = {}, []
    for name, chosen in metrics.items():
        left_out = _of_other_videos(name, chosen)
        possible[name] = [metric for metric in chosen if metric not in left_out]
        reason = 'fixations of other videos, and there is one video'
        if not possible[name]:
            raise ConfigError(f'{", ".join(left_out)} of protocol {name} needs {reason}')
        if left_out:
            warnings.append(f'{", ".join(left_out)} of protocol {name} left out: needs {reason}')
    return possible, warnings


def _of_other_videos(protocol: str, metrics: Collection[str]) -> list[str]:
    """The metrics that take fixations of other videos."""
    found = get_protocol(protocol)
    if found.pool != 'other-videos':
        return []
    return [metric for metric in metrics if 'nonfixations' in found.needs(metric)]
