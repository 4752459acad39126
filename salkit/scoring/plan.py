"""What has to be scored: videos, opened and paired once, and what is not there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..datasets.matching import match_frames, match_videos
from ..datasets.published.truth import GroundTruth, find_ground_truth
from ..datasets.truth_video import TruthVideo
from ..errors import ConfigError, DataError
from ..media.map_stacks import MapStack, fingerprint_of
from ..media.maps import read_map
from ..metrics import get_protocol, protocol_names
from ..metrics.baseline_densities import check_others
from ..metrics.gain_baseline import BaselineFolder, BaselineSource, check_gain
from ..utils.files import name_and_digest
from ..utils.text import listed
from ..version import __version__
from .options import FrameChoice, ScoreOptions

# By name of the protocol, the metrics to compute.
Metrics = dict[str, list[str]]


@dataclass(frozen=True)
class MatchedVideo:
    """Predictions and ground truth of one video, paired frame by frame.

    Attributes:
        name: in the ground truth.
        predictions: the maps.
        truth: what they are scored against.
        needs: kinds of ground truth that the metrics take.
        pairs: the frames to score, each by its place in both.
        key: what its scores are kept under; it changes with all that they depend on.
        baseline: maps that information gain is counted from, and the place of that of each frame,
            by its name; None where they are not in a folder.
    """

    name: str
    predictions: MapStack
    truth: TruthVideo
    needs: frozenset[str]
    pairs: list[tuple[int, int]]
    key: str
    baseline: tuple[MapStack, dict[str, int]] | None = None


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
        choice: which frames of it.
        baseline: what information gain is counted from, where a metric is.
        rules: by which metrics need the fixations of the whole set, see `nonfixation_pool`.
        videos: those that have predictions.
        missing: what is not there.
        warnings: what a reader of the scores should know.
        adapted: what predictions are fitted with, in words; '' for nothing.
        tied_share: mean share of tied pairs of the maps of 8 bits; None where there are none.
    """

    metrics: Metrics
    truth: GroundTruth
    choice: FrameChoice = field(default_factory=FrameChoice)
    baseline: BaselineSource | None = None
    rules: set[str] = field(default_factory=set)
    videos: list[MatchedVideo] = field(default_factory=list)
    missing: Missing = field(default_factory=Missing)
    warnings: list[str] = field(default_factory=list)
    adapted: str = ''
    tied_share: float | None = None


def make_plans(
    wanted: Metrics,
    predictions: dict[str, MapStack],
    ground_truth: str | Path,
    options: ScoreOptions,
) -> list[Plan]:
    """Match everything by name; files are listed, and none is opened but for its header.

    Args:
        wanted: metrics by protocol. Where a data set has fixations both as images and as .mat
            files, protocols that prefer the one and the other get plans of their own.
        predictions: what `find_predictions` gives.
        ground_truth: root of a data set.
        options: of which the split, the frames, the baseline and whatever scores depend on count.

    Raises:
        ConfigError: no metric is left, or a baseline that is none.
        DataError: ground truth that is not there, names that do not match at all, or a frame
            without a map in the baseline.
    """
    source = None if options.baseline is None else BaselineSource.of(options.baseline)
    if source is not None:
        check_gain(wanted)
    if options.domain_adaptation is not None:
        if [get_protocol(name).adaptable for name in wanted] != [True]:
            fitting = [name for name in protocol_names() if get_protocol(name).adaptable]
            raise ConfigError(
                f'a domain adaptation goes with one protocol that has such a fit '
                f'({", ".join(fitting)}), got {", ".join(wanted)}'
            )
        # A wrong file should not wait for all others.
        read_map(options.domain_adaptation)
    groups: dict[bool, Metrics] = {}
    for name, metrics in wanted.items():
        groups.setdefault(get_protocol(name).prefers_mat, {})[name] = metrics
    truths = {mat: find_ground_truth(ground_truth, options.split, mat) for mat in groups}
    if len(truths) == 2 and _same_fixations(*truths.values()):
        groups = {False: wanted}
    return [
        _make_plan(Plan(metrics, truths[mat], options.choice, source), predictions, options)
        for mat, metrics in groups.items()
    ]


def _same_fixations(one: GroundTruth, other: GroundTruth) -> bool:
    return [v.fixations for v in one.videos] == [v.fixations for v in other.videos]


def _make_plan(plan: Plan, predictions: dict[str, MapStack], options: ScoreOptions) -> Plan:
    """Fill in the plan of metrics, ground truth, frames and baseline."""
    metrics, truth, needs = plan.metrics, plan.truth, set[str]()
    plan.metrics = {}
    for name, chosen in metrics.items():
        protocol = get_protocol(name)
        shuffled = [metric for metric in chosen if 'nonfixations' in protocol.needs(metric)]
        if shuffled and protocol.pool == 'other-videos' and len(truth.videos) == 1:
            reason = 'needs fixations of other videos, and there is one video'
            if shuffled == chosen:
                raise ConfigError(f'{", ".join(shuffled)} of protocol {name} {reason}')
            plan.warnings.append(f'{", ".join(shuffled)} of protocol {name} left out: {reason}')
            chosen = [metric for metric in chosen if metric not in shuffled]
        elif shuffled and protocol.pool:
            plan.rules.add(protocol.pool)
        plan.metrics[name] = chosen
        needs.update(*map(protocol.needs, chosen))
    if 'baseline' not in needs:
        plan.baseline = None
    source = plan.baseline
    if source is not None and source.kind == 'mean':
        check_others(len(truth.videos))
    settings = [options.seed, options.final, source and source.fingerprint()]
    shared = fingerprint_of([__version__, plan.metrics, settings, vars(plan.choice)])
    prior = options.domain_adaptation
    if plan.rules or prior is not None or (source is not None and source.kind == 'mean'):
        shared = fingerprint_of([shared, *((v.name, v.fingerprint()) for v in truth.videos)])
    if prior is not None:
        needs.add('density')
        every = sorted((name, stack.fingerprint()) for name, stack in predictions.items())
        plan.adapted = f'fitted with the center prior {name_and_digest(prior)}'
        shared = fingerprint_of([shared, plan.adapted, *every])
    matches = match_videos(predictions, [video.name for video in truth.videos])
    baselines = None
    if source is not None and source.path is not None and source.kind == 'folder':
        baselines = BaselineFolder(source.path, [video.name for video in truth.videos])
    passed_over: list[str] = []
    for video in truth.videos:
        stack = predictions.get(matches.get(video.name, ''))
        if stack is None or not len(stack):
            plan.missing.videos.append(video.name)
            continue
        frames = _chosen(video, plan.choice)
        if not frames:
            passed_over.append(video.name)
            continue
        pairs = _pairs(plan, video, stack, needs, frames)
        found = None if baselines is None else _gain_maps_of(baselines, video, pairs)
        files = [stack.path, stack.fingerprint(), video.fingerprint()]
        files += [] if found is None else [found[0].path, found[0].fingerprint()]
        key = fingerprint_of([shared, *files])
        plan.videos.append(
            MatchedVideo(video.name, stack, video, frozenset(needs), pairs, key, found)
        )
    if passed_over:
        plan.warnings.append(
            f'{len(passed_over)} video(s) left out, which have no frame to score of {plan.choice}: '
            f'{listed(passed_over)}'
        )
    unused = [name for name in predictions if name not in set(matches.values())]
    if unused:
        plan.warnings.append(
            f'{len(unused)} predicted video(s) have no ground truth in this split: {listed(unused)}'
        )
    if not any(video.pairs for video in plan.videos):
        reasons = filter(None, [plan.missing.summary(), *plan.warnings])
        raise DataError(f'nothing to score: {"; ".join(reasons)}')
    return plan


def _gain_maps_of(
    folder: BaselineFolder, truth: TruthVideo, pairs: Sequence[tuple[int, int]]
) -> tuple[MapStack, dict[str, int]]:
    """The maps that the gain of a video is counted from, and the places of those of its frames.

    Raises:
        DataError: a frame to score has none.
    """
    stack, places = folder.of_video(truth.name, truth.frames)
    scored = [truth.frames.names[at] for _, at in pairs]
    if lacking := [name for name in scored if name not in places]:
        raise DataError(
            f'{folder.root}: the baseline has no map for {len(lacking)} of the {len(scored)} '
            f'frame(s) to score of {truth.name}: {listed(lacking)}'
        )
    return stack, places


def _chosen(truth: TruthVideo, choice: FrameChoice) -> Collection[int]:
    """Indices of the frames that a choice takes."""
    indices = range(0, len(truth.frames), choice.every)
    if not choice.min_fixations:
        return indices
    if not {*indices} <= {*truth.with_fixations}:
        raise DataError(f'{truth.name}: not all frames have fixations that could be counted')
    points = truth.read_points(indices)
    return {
        index
        for index, (found, _) in zip(indices, points, strict=True)
        if len(found) >= choice.min_fixations
    }


def _pairs(
    plan: Plan,
    truth: TruthVideo,
    stack: MapStack,
    needs: Collection[str],
    chosen: Collection[int],
) -> list[tuple[int, int]]:
    """The frames to score of those that are chosen; what does not fit is noted in the plan."""
    match, names = match_frames(stack, truth.frames), truth.frames.names
    lacking = {i: kind for i, kind in truth.lacking(needs).items() if i in chosen}
    plan.missing.frames += [f'{truth.name}/{names[i]}' for i in match.missing if i in chosen]
    plan.missing.maps += [f'{truth.name}/{names[i]}: {kind}' for i, kind in lacking.items()]
    if match.note:
        plan.warnings.append(f'{truth.name}: {match.note}')
    if match.extra:
        plan.warnings.append(
            f'{truth.name}: {len(match.extra)} of {len(stack)} predicted frames have no ground '
            f'truth, {stack.where(match.extra[0])} first'
        )
    return [pair for pair in match.pairs if pair[1] in chosen and pair[1] not in lacking]
