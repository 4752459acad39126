"""What a worker does with a piece: read, prepare and score its frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
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
from .finished import PieceScores, Row
from .plan import MatchedVideo, Metrics, Piece

Size = tuple[int, int]
# From here on a map of another shape was not just rounded to whole pixels.
OTHER_SHAPE = 0.05


@dataclass
class Fixations:
    """Those of a whole data set: what shuffled AUC takes its negatives from.

    Attributes:
        pools: by the rule that negatives are chosen by.
        of_videos: by name of the video, all its fixations (n, 2) and the size they lie in, kept
            where negatives are those of the other videos.
    """

    pools: dict[str, NonfixationPool] = field(default_factory=dict)
    of_videos: dict[str, list[tuple[np.ndarray, Size]]] = field(default_factory=dict)

    def add(self, gathered: GatheredFixations) -> None:
        """Take in some frames of a video."""
        video, size = gathered.video, gathered.size
        for rule, pool in self.pools.items():
            if rule == 'other-videos':
                # One map of counts for all frames: they are not told apart.
                pool.add(video, gathered.frames[0], gathered.points, size)
                self.of_videos.setdefault(video, []).append((gathered.points, size))
                continue
            each = np.split(gathered.points, gathered.ends[:-1])
            for frame, points in zip(gathered.frames, each, strict=True):
                pool.add(video, frame, points, size)

    def for_frame(self, rule: str, video: str, frame: str, size: Size) -> np.ndarray:
        """Fixations of others (H, W), counted on a grid of `size`."""

        def own_points() -> np.ndarray:
            found = [rescale_points(*own, size) for own in self.of_videos.get(video, ())]
            return np.concatenate([np.zeros((0, 2), np.int64), *found])

        return self.pools[rule].for_frame(video, frame, own_points, size)


@dataclass
class GatheredFixations:
    """Fixations of some frames of a video.

    Attributes:
        video: its name.
        frames: their names.
        points: (n, 2) rows and columns, one frame after the other.
        ends: where in `points` each frame ends.
        size: rows and columns.
    """

    video: str
    frames: list[str]
    points: np.ndarray
    ends: np.ndarray
    size: Size


def gather_fixations(piece: Piece, videos: list[TruthVideo]) -> GatheredFixations:
    """Read the fixations of some frames of a video.

    Args:
        piece: counts the frames that have fixation maps, predicted or not.
        videos: the ground truth.
    """
    truth = videos[piece.video]
    names = truth.frames.names
    indices = truth.with_fixations[piece.start : piece.stop]
    found: list[np.ndarray] = []
    size: Size = (0, 0)
    for points, own_size in truth.read_points(indices):
        check_stopped()
        # Frames of one video mostly have one size; where not, all are brought to the first.
        size = size if found else own_size
        found.append(rescale_points(points, own_size, size))
    # In the smallest type: the fixations of all videos are kept.
    points = np.concatenate(found).astype(np.min_scalar_type(max(size)))
    ends = np.cumsum([len(each) for each in found])
    return GatheredFixations(truth.name, [names[i] for i in indices], points, ends, size)


@dataclass
class Job:
    """What all pieces of a plan share; workers get it once.

    Attributes:
        videos: what is scored.
        metrics: names of metrics by name of the protocol.
        seed: of the random parts; None for exact expectations.
        final: whether maps are post-processed already, see `Protocol.prepare`.
        fixations: of the whole set, where a metric needs them.
    """

    videos: list[MatchedVideo]
    metrics: Metrics
    seed: int | None
    final: bool
    fixations: Fixations


def score_piece(piece: Piece, job: Job) -> tuple[Piece, PieceScores]:
    """Score the frames of a piece.

    Raises:
        DataError: a file that cannot be read, or a map that is not of its frame's shape.
    """
    video = job.videos[piece.video]
    pairs = video.pairs[piece.start : piece.stop]
    names = video.truth.frames.names
    protocols = [(get_protocol(name), metrics) for name, metrics in job.metrics.items()]
    scores = PieceScores(rows={protocol.name: [] for protocol, _ in protocols})
    predictions = video.predictions.read([at for at, _ in pairs])
    truths = video.truth.read([at for _, at in pairs], video.needs)
    for (at, index), prediction, frame in zip(pairs, predictions, truths, strict=True):
        check_stopped()
        shape = _check_shape(video.predictions, at, prediction.shape, frame.size, job.final)
        scores.shapes[shape] = scores.shapes.get(shape, 0) + 1
        if prediction.dtype.kind == 'f' and not np.isfinite(prediction).all():
            scores.not_finite.append(names[index])
            continue
        scores.frames.append(names[index])
        where = (video.name, names[index])
        for protocol, metrics in protocols:
            scored = _score(protocol, metrics, prediction, frame, where, job)
            scores.rows[protocol.name].append(_row(scored))
        fixated = _fixated(frame)
        if prediction.dtype == np.uint8 and fixated is not None:
            scores.tied_shares.append(tied_share(prediction, fixated))
    return piece, scores


def _score(
    protocol: Protocol,
    metrics: list[str],
    prediction: np.ndarray,
    frame: TruthFrame,
    where: tuple[str, str],
    job: Job,
) -> FrameScores:
    nonfixations = None
    if protocol.pool and any('nonfixations' in protocol.needs(metric) for metric in metrics):
        nonfixations = job.fixations.for_frame(protocol.pool, *where, frame.size)
    truth = Truth(frame.density, frame.fixation_map, frame.points, nonfixations)
    rng = None if job.seed is None else frame_rng(job.seed, *where)
    prepared = protocol.prepare(prediction, frame.size, job.final)
    return protocol.score_frame(prepared, truth, metrics, rng)


def _row(scored: FrameScores) -> Row:
    values = list(scored.scores.values())
    return values, scored.has_fixations, scored.constant, scored.nan


def scores_of_row(row: Row, metrics: list[str], protocol: Protocol) -> FrameScores:
    """The scores that a row was made of."""
    values, has_fixations, constant, nan = row
    scores = dict(zip(metrics, values, strict=True))
    missing = () if has_fixations else (m for m in scores if 'fixations' in protocol.needs(m))
    return FrameScores(scores, has_fixations, constant, nan, frozenset(missing))


def _fixated(frame: TruthFrame) -> np.ndarray | None:
    if frame.points is None:
        return frame.fixation_map
    fixated = np.zeros(frame.size, bool)
    fixated[tuple(frame.points.T)] = True
    return fixated


def tied_share(values: np.ndarray, fixated: np.ndarray) -> float:
    """Share of pairs of a fixated and another pixel that have the same value.

    An AUC counts such pairs as half right. Had the map been stored with more levels, each of them
    would have been right or wrong, so half of this share is how far the AUC may be off.

    Args:
        values: (h, w) uint8, the map as stored.
        fixated: (H, W) bool, of any size: its pixels are looked up where they fall.

    Returns:
        In [0, 1]; NaN without fixations.
    """
    index = np.flatnonzero(fixated)
    others = values.size - len(index)
    if len(index) == 0 or others <= 0:
        return np.nan
    rows, columns = np.divmod(index, fixated.shape[1])
    rows = rows * values.shape[0] // fixated.shape[0]
    columns = columns * values.shape[1] // fixated.shape[1]
    found = values[rows, columns]
    # Ten times as fast as bincount.
    counts = cv2.calcHist([values], [0], None, [256], [0, 256]).ravel()
    counts = counts - np.bincount(found, minlength=256)
    return float(counts[found].clip(0).mean() / others)


def _check_shape(stack: MapStack, index: int, found: Size, wanted: Size, final: bool) -> str:
    """'' for the shape of the frame, else the size, which a warning names.

    Raises:
        DataError: rows and columns are exchanged, or a final map is not of the frame's size.
    """
    problem = ''
    if final and found != wanted:
        problem = 'a final map of its size'
    elif found != wanted and found == wanted[::-1]:
        problem = 'a map that is not transposed'
    if problem:
        raise DataError(
            f'{stack.where(index)}: {found[0]} rows and {found[1]} columns, but its frame has '
            f'{wanted[0]} rows and {wanted[1]} columns: expected {problem}'
        )
    ratio = (found[0] / found[1]) / (wanted[0] / wanted[1])
    if abs(ratio - 1) <= OTHER_SHAPE:
        return ''
    return f'{found[0]} x {found[1]} for frames of {wanted[0]} x {wanted[1]}'
