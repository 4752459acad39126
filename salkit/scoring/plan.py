"""What has to be scored, in pieces of bounded size, and what is not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..datasets.matching import FrameMatch, match_frames, match_videos
from ..datasets.published.truth import GroundTruth
from ..datasets.truth_video import TruthVideo
from ..errors import DataError
from ..media.map_stacks import MapStack, open_stack

# Frames of a piece: what an interrupted run loses at most, on each core.
PIECE = 250
# Where a piece can only be reached through those before it, few of them.
MOST_PIECES = 4


@dataclass(frozen=True)
class Task:
    """Some frames of one video.

    Attributes:
        video: name in the ground truth.
        predictions: folder or file.
        densities: as for `TruthVideo`.
        fixations: as for `TruthVideo`.
        needs: kinds of ground truth that the metrics take.
        start: first of the matched frames.
        stop: one after the last.
        key: changes with the files and with everything that the scores depend on.
    """

    video: str
    predictions: Path
    densities: Path | None
    fixations: Path | None
    needs: frozenset[str]
    start: int
    stop: int
    key: str

    def open(self) -> tuple[MapStack, TruthVideo, list[tuple[int, int]]]:
        """The maps, the ground truth, and this piece's pairs of frames in them."""
        stack = open_stack(self.predictions)
        truth = TruthVideo(self.video, self.densities, self.fixations)
        pairs = _usable(match_frames(stack, truth.frames), truth, self.needs)
        return stack, truth, pairs[self.start : self.stop]


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
            'videos': 'no predictions for {} video(s)',
            'frames': 'no prediction for {} frame(s)',
            'maps': 'no ground truth for {} frame(s)',
            'not_finite': 'NaN or infinite values in {} prediction(s)',
        }
        parts = []
        for kind, text in kinds.items():
            names = getattr(self, kind)
            if names:
                more = f' and {len(names) - most} more' if len(names) > most else ''
                parts.append(f'{text.format(len(names))}: {", ".join(names[:most])}{more}')
        return '; '.join(parts)


@dataclass
class Plan:
    """Everything that a run is going to do.

    Attributes:
        tasks: in order of the videos.
        missing: what is not there.
        warnings: what a reader of the scores should know.
    """

    tasks: list[Task]
    missing: Missing
    warnings: list[str]

    @property
    def frames(self) -> int:
        """How many will be scored."""
        return sum(task.stop - task.start for task in self.tasks)


def make_plan(
    predictions: dict[str, Path],
    truth: GroundTruth,
    needs: Collection[str],
    settings: dict,
    whole_set: bool,
) -> Plan:
    """Match everything by name; list files, but open none but headers.

    Args:
        predictions: what `find_predictions` gives.
        truth: what `find_ground_truth` gives.
        needs: kinds of ground truth that the metrics take.
        settings: whatever else the scores depend on.
        whole_set: whether the scores of a video depend on the fixations of all others.

    Raises:
        DataError: names that do not match at all.
    """
    needs = frozenset(needs) & {'density', 'fixations'}
    matches = match_videos(predictions, [video.name for video in truth.videos])
    plan = Plan([], Missing(), [])
    shared = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    planned = []
    for listed in truth.videos:
        # A copy: the listing of one video is forgotten before that of the next is made.
        video = TruthVideo(listed.name, listed.densities, listed.fixations)
        stamps = video.stamps()
        if whole_set:
            shared.update(repr((video.name, stamps)).encode())
        if video.name not in matches:
            plan.missing.videos.append(video.name)
            continue
        path = predictions[matches[video.name]]
        stack = open_stack(path)
        if not len(stack):
            plan.missing.videos.append(video.name)
            continue
        match = match_frames(stack, video.frames)
        _note(plan, match, stack, video, needs)
        pairs = _usable(match, video, needs)
        own = hashlib.sha256(repr((str(path), stack.stamps(), stamps)).encode()).hexdigest()
        ready = stack.random_access and all(
            maps is None or maps.random_access
            for maps in (video.density_stack, video.fixation_stack)
        )
        # Without the listings: they would stay in memory for all videos.
        planned.append((listed, path, len(pairs), ready, own))
    _note_unused(plan, predictions, matches)
    for video, path, count, ready, own in planned:
        for start, stop in pieces(count, ready):
            key = hashlib.sha256(f'{shared.hexdigest()} {own} {start} {stop}'.encode())
            plan.tasks.append(
                Task(
                    video.name,
                    path,
                    video.densities,
                    video.fixations,
                    needs,
                    start,
                    stop,
                    key.hexdigest()[:32],
                )
            )
    if not plan.tasks:
        raise DataError(f'nothing to score: {plan.missing.summary()}')
    return plan


def point_tasks(truth: GroundTruth) -> list[Task]:
    """Tasks that read the fixations of all videos, predicted or not.

    Their bounds count the frames that have fixation maps.
    """
    tasks = []
    for listed in truth.videos:
        video = TruthVideo(listed.name, listed.densities, listed.fixations)
        stack = video.fixation_stack or video.density_stack
        own = repr((video.name, video.stamps()))
        for start, stop in pieces(len(video.with_fixations), stack.random_access):
            key = hashlib.sha256(f'points {own} {start} {stop}'.encode()).hexdigest()[:32]
            tasks.append(
                Task(
                    video.name,
                    Path(),
                    video.densities,
                    video.fixations,
                    frozenset(),
                    start,
                    stop,
                    key,
                )
            )
    return tasks


def pieces(count: int, random_access: bool) -> Iterable[tuple[int, int]]:
    """Bounds of the pieces that `count` frames are scored in."""
    size = PIECE if random_access else max(2 * PIECE, -(-count // MOST_PIECES))
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def _usable(match: FrameMatch, truth: TruthVideo, needs: Collection[str]) -> list[tuple[int, int]]:
    lacking = set(truth.lacking(needs)[1])
    return [pair for pair in match.pairs if pair[1] not in lacking]


def _note(
    plan: Plan, match: FrameMatch, stack: MapStack, truth: TruthVideo, needs: Collection[str]
) -> None:
    names = truth.frames.names
    plan.missing.frames += [f'{truth.name}/{names[i]}' for i in match.missing]
    kind, lacking = truth.lacking(needs)
    plan.missing.maps += [f'{truth.name}/{names[i]}: {kind}' for i in lacking]
    if match.note:
        plan.warnings.append(f'{truth.name}: {match.note}')
    if match.extra:
        plan.warnings.append(
            f'{truth.name}: {len(match.extra)} of {len(stack)} predicted frames have no ground '
            f'truth, {stack.where(match.extra[0])} first'
        )


def _note_unused(plan: Plan, predictions: dict[str, Path], matches: dict[str, str]) -> None:
    used = set(matches.values())
    unused = [name for name in predictions if name not in used]
    if unused:
        more = f' and {len(unused) - 5} more' if len(unused) > 5 else ''
        plan.warnings.append(
            f'{len(unused)} predicted video(s) have no ground truth in this split: '
            f'{", ".join(unused[:5])}{more}'
        )
