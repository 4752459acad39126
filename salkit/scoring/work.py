"""What a worker does with a task: read, prepare, score, and keep the results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..datasets.truth_video import TruthFrame, TruthVideo
from ..errors import DataError
from ..media.map_stacks import MapStack
from ..metrics import (
    FrameScores,
    NonfixationPool,
    Protocol,
    Truth,
    frame_rng,
    get_protocol,
    rescale_points,
)
from ..utils.parallel import check_stopped
from .parts import Parts
from .plan import Task
from .ties import tied_share

# From here on a map of another shape was not just rounded to whole pixels.
OTHER_SHAPE = 0.05


@dataclass
class Job:
    """What all tasks of a run share; workers get it once.

    Attributes:
        metrics: names of metrics by name of the protocol.
        parts: where results are kept.
        seed: of the random parts; None for exact expectations.
        final: whether maps are post-processed already, see `Protocol.prepare`.
        pools: nonfixations by the rule they are chosen by.
        points: keys of the fixations of a video.
    """

    metrics: dict[str, list[str]]
    parts: Parts
    seed: int | None = None
    final: bool = False
    pools: dict[str, NonfixationPool] = field(default_factory=dict)
    points: dict[str, list[str]] = field(default_factory=dict)


def gather_points(task: Task, job: Job) -> int:
    """Read the fixations of some frames of a video and keep them.

    Args:
        task: its bounds count the frames that have fixations, predicted or not.
        job: where to.

    Returns:
        Number of frames.
    """
    truth = TruthVideo(task.video, task.densities, task.fixations)
    names = truth.frames.names
    indices = truth.with_fixations[task.start : task.stop]
    points, size = [], None
    for at, own_size in truth.read_points(indices):
        check_stopped()
        # Frames of one video mostly have one size; where not, all are brought to the first.
        size = size or own_size
        points.append(rescale_points(at, own_size, size))
    job.parts.write_points(task.key, [names[i] for i in indices], points, size)
    return len(points)


def fill_pool(pool: NonfixationPool, job: Job) -> None:
    """Put the fixations of the whole set into a pool."""
    for video, keys in job.points.items():
        for key in keys:
            names, points, size = job.parts.read_points(key)
            if pool.rule == 'other-videos':
                # One map of counts for all frames: they are not told apart.
                pool.add(video, names[0], np.concatenate(points), size)
                continue
            for name, each in zip(names, points, strict=True):
                pool.add(video, name, each, size)


def score_frames(task: Task, job: Job) -> int:
    """Score the frames of a task and keep the scores.

    Returns:
        Number of frames.

    Raises:
        DataError: a file that cannot be read, or a map that is not of its frame's shape.
    """
    stack, truth, pairs = task.open()
    names = truth.frames.names
    protocols = [(get_protocol(name), metrics, []) for name, metrics in job.metrics.items()]
    part = dict(video=task.video, frames=[], not_finite=[], ties=[], shapes={})
    part['rows'] = {protocol.name: rows for protocol, _, rows in protocols}
    own = _OwnPoints(task.video, job)
    predictions = stack.read([at for at, _ in pairs])
    truths = truth.read([at for _, at in pairs], task.needs)
    for (at, index), prediction, frame in zip(pairs, predictions, truths, strict=True):
        check_stopped()
        shape = _check_shape(stack, at, prediction.shape, frame.size, job.final)
        part['shapes'][shape] = part['shapes'].get(shape, 0) + 1
        if prediction.dtype.kind == 'f' and not np.isfinite(prediction).all():
            part['not_finite'].append(names[index])
            continue
        part['frames'].append(names[index])
        for protocol, metrics, rows in protocols:
            rows.append(_row(_score(protocol, metrics, prediction, frame, names[index], own)))
        if prediction.dtype == np.uint8:
            fixated = _fixated(frame)
            if fixated is not None:
                part['ties'].append(tied_share(prediction, fixated))
    job.parts.write_scores(task.key, part)
    return len(pairs)


class _OwnPoints:
    """Nonfixations for the frames of one video, and its own fixations, read when asked for."""

    def __init__(self, video: str, job: Job) -> None:
        self.video = video
        self.job = job
        self._points: tuple[tuple[int, int], np.ndarray] | None = None

    def at(self, size: tuple[int, int]) -> np.ndarray:
        """All fixations (n, 2) of the video on a grid of `size`."""
        if self._points is None or self._points[0] != size:
            found = [np.zeros((0, 2), np.int64)]
            for key in self.job.points.get(self.video, ()):
                _, points, own_size = self.job.parts.read_points(key)
                found.append(rescale_points(np.concatenate(points), own_size, size))
            self._points = size, np.concatenate(found)
        return self._points[1]

    def nonfixations(self, rule: str, frame: str, size: tuple[int, int]) -> np.ndarray:
        """Fixations of others, counted on a grid of `size`."""
        own = self.at(size) if rule == 'other-videos' else None
        return self.job.pools[rule].for_frame(self.video, frame, own, size)


def _score(
    protocol: Protocol,
    metrics: list[str],
    prediction: np.ndarray,
    frame: TruthFrame,
    name: str,
    own: _OwnPoints,
) -> FrameScores:
    pool = None
    if any('nonfixations' in protocol.needs(metric) for metric in metrics):
        pool = own.nonfixations(protocol.pool, name, frame.size)
    truth = Truth(frame.density, frame.fixation_map, frame.points, pool)
    seed = own.job.seed
    rng = None if seed is None else frame_rng(seed, own.video, name)
    prepared = protocol.prepare(prediction, frame.size, own.job.final)
    return protocol.score_frame(prepared, truth, metrics, rng)


def _row(scored: FrameScores) -> list[Any]:
    """Values in the order of the metrics, and what else is known."""
    flags = (scored.has_fixations, scored.constant, scored.nan)
    return [list(scored.scores.values()), *map(int, flags)]


def scores_of_row(row: list[Any], metrics: list[str], protocol: Protocol) -> FrameScores:
    """What `_row` wrote."""
    values, has_fixations, constant, nan = row
    scores = dict(zip(metrics, values, strict=True))
    missing = () if has_fixations else (m for m in scores if 'fixations' in protocol.needs(m))
    return FrameScores(scores, bool(has_fixations), bool(constant), bool(nan), frozenset(missing))


def _fixated(frame: TruthFrame) -> np.ndarray | None:
    if frame.points is not None:
        fixated = np.zeros(frame.size, bool)
        fixated[tuple(frame.points.T)] = True
        return fixated
    return frame.fixation_map


def _check_shape(
    stack: MapStack, index: int, found: tuple[int, int], wanted: tuple[int, int], final: bool
) -> str:
    """'' for the shape of the frame, else the size, which a warning names.

    Raises:
        DataError: rows and columns are exchanged, or a final map is not of the frame's size.
    """
    if final and found != wanted:
        raise DataError(
            f'{stack.where(index)}: {found[0]} rows and {found[1]} columns, but its frame has '
            f'{wanted[0]} rows and {wanted[1]} columns: expected a final map of its size'
        )
    if found != wanted and found == wanted[::-1]:
        raise DataError(
            f'{stack.where(index)}: {found[0]} rows and {found[1]} columns, but its frame has '
            f'{wanted[0]} rows and {wanted[1]} columns: expected a map that is not transposed'
        )
    ratio = (found[0] / found[1]) / (wanted[0] / wanted[1])
    if abs(ratio - 1) <= OTHER_SHAPE:
        return ''
    return f'{found[0]} x {found[1]} for frames of {wanted[0]} x {wanted[1]}'
