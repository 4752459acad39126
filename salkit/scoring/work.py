"""What a worker does with a piece: read, prepare and score its frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..datasets.truth_video import TruthFrame, TruthVideo
from ..errors import DataError
from ..media.map_stacks import MapStack
from ..metrics import (
    DatasetFixations,
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


def gather_fixations(
    piece: Piece, videos: list[TruthVideo]
) -> tuple[str, list[str], list[np.ndarray], Size]:
    """Read the fixations of some frames of a video.

    Args:
        piece: counts the frames that have fixation maps, predicted or not.
        videos: the ground truth.

    Returns:
        The arguments of `DatasetFixations.add`.
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
    return truth.name, [names[i] for i in indices], found, size


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
    fixations: DatasetFixations


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
            row = _score(protocol, metrics, prediction, frame, where, job)
            scores.rows[protocol.name].append(row)
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
) -> Row:
    nonfixations = None
    if protocol.pool and any('nonfixations' in protocol.needs(metric) for metric in metrics):
        nonfixations = job.fixations.for_frame(protocol.pool, *where, frame.size)
    truth = Truth(frame.density, frame.fixation_map, frame.points, nonfixations)
    rng = None if job.seed is None else frame_rng(job.seed, *where)
    prepared = protocol.prepare(prediction, frame.size, job.final)
    scored = protocol.score_frame(prepared, truth, metrics, rng)
    return list(scored.scores.values()), scored.has_fixations, scored.constant, scored.nan


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
