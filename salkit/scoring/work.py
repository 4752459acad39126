"""What a worker does with a video: read, prepare and score its frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from ..datasets.truth_video import TruthFrame, TruthVideo
from ..errors import DataError
from ..media.map_stacks import MapStack
from ..media.maps import check_no_logarithm
from ..metrics import NonfixationPool, Protocol, Truth, frame_rng, get_protocol, rescale_points
from ..metrics.baseline_densities import MeanOfVideos, mean_density, without_video
from ..metrics.codes.msu_adaptation import Adaptation, AdaptationSums
from ..metrics.gain_baseline import FixedDensity, GainBaseline, StackDensity
from ..utils.parallel import check_stopped
from .finished import VideoResult
from .plan import MatchedVideo, Metrics

Size = tuple[int, int]
# From here on a map of another shape was not just rounded to whole pixels.
OTHER_SHAPE = 0.05


def gather_fixations(
    truth: TruthVideo, shared: None = None
) -> tuple[str, list[str], list[np.ndarray], Size]:
    """Read the fixations of a video, whose frames may be predicted or not.

    Returns:
        The arguments of `NonfixationPool.add`.
    """
    found: list[np.ndarray] = []
    size: Size = (0, 0)
    for points, own_size in truth.read_points(truth.with_fixations):
        check_stopped()
        # Frames of one video mostly have one size; where not, all are brought to the first.
        size = size if found else own_size
        found.append(rescale_points(points, own_size, size))
    return truth.name, [truth.frames.names[i] for i in truth.with_fixations], found, size


def gather_density(truth: TruthVideo, shared: None = None) -> np.ndarray | None:
    """Read the mean density of a video, what `MeanOfVideos.add` takes."""
    return mean_density(_densities(truth))


def first_size(truth: TruthVideo) -> Size:
    """Rows and columns of the first density map of a video."""
    return next(truth.read([0], ('density',))).size


def _densities(truth: TruthVideo) -> Iterator[np.ndarray]:
    for frame in truth.read(range(len(truth.frames)), ('density',)):
        check_stopped()
        if frame.density is None:
            raise DataError(f'{truth.name}: has no density maps to take the mean of')
        yield frame.density


def gather_levels(video: MatchedVideo, prior: tuple[str, np.ndarray]) -> AdaptationSums:
    """Read what a fit to the densities needs to know of the predictions of a video.

    Args:
        video: whose frames are paired.
        prior: name of the protocol, and the center prior as it prepares it.
    """
    protocol, center = get_protocol(prior[0]), prior[1]
    sums = AdaptationSums()
    predictions = video.predictions.read([at for at, _ in video.pairs])
    truths = video.truth.read([at for _, at in video.pairs], ('density',))
    for prediction, frame in zip(predictions, truths, strict=True):
        check_stopped()
        density = protocol.prepare_truth(Truth(frame.density)).density
        if np.isfinite(prediction).all() and density is not None:
            sums.add(protocol.prepare(prediction, frame.size), density, center)
    return sums


@dataclass
class Job:
    """What all videos of a plan share; workers get it once.

    Attributes:
        metrics: names of metrics by name of the protocol.
        seed: of the random parts; None for exact expectations.
        final: whether maps are post-processed already, see `Protocol.prepare`.
        pools: fixations of the whole set by rule, where a metric needs them.
        baseline: what information gain is counted from, where it is the same for all videos.
        means: what is left of it for each video, where that is the mean of the others.
        adaptation: what becomes of the predictions, where they were fitted.
    """

    metrics: Metrics
    seed: int | None
    final: bool
    pools: dict[str, NonfixationPool]
    baseline: GainBaseline | None = None
    means: MeanOfVideos | None = None
    adaptation: Adaptation | None = None

    @cached_property
    def protocols(self) -> list[tuple[Protocol, list[str], NonfixationPool | None]]:
        """Each protocol with its metrics, and the pool that one of them takes."""
        found = []
        for name, metrics in self.metrics.items():
            protocol, pool = get_protocol(name), None
            if self.adaptation is not None:
                protocol = replace(protocol, adaptation=self.adaptation)
            if protocol.pool and any('nonfixations' in protocol.needs(each) for each in metrics):
                pool = self.pools[protocol.pool]
            found.append((protocol, metrics, pool))
        return found


def score_video(video: MatchedVideo, job: Job) -> tuple[MatchedVideo, VideoResult]:
    """Score the frames of a video.

    Raises:
        DataError: a file that cannot be read, or a map that is not of its frame's shape.
    """
    names = video.truth.frames.names
    result = VideoResult(rows={name: [] for name in job.metrics})
    predictions = video.predictions.read([at for at, _ in video.pairs])
    truths = video.truth.read([at for _, at in video.pairs], video.needs)
    gain = _gain_baseline_of(video, job)
    for (at, index), prediction, frame in zip(video.pairs, predictions, truths, strict=True):
        check_stopped()
        where = (video.name, names[index])
        baseline = None if gain is None else gain.for_frame(*where, frame.size)
        if shape := _check_shape(video.predictions, at, prediction.shape, frame.size, job.final):
            result.shapes[shape] = result.shapes.get(shape, 0) + 1
        check_no_logarithm(prediction, video.predictions.where(at))
        if prediction.dtype.kind == 'f' and not np.isfinite(prediction).all():
            result.not_finite.append(names[index])
            continue
        result.frames.append(names[index])
        _score_frame(prediction, frame, baseline, where, job, result)
    result.note = video.truth.note
    return video, result


def _gain_baseline_of(video: MatchedVideo, job: Job) -> GainBaseline | None:
    """What information gain is counted from in a video."""
    if video.baseline is not None:
        return StackDensity(*video.baseline)
    if job.means is None:
        return job.baseline
    own = gather_density(video.truth)
    others = without_video(job.means, video.name, own, first_size(video.truth))
    return FixedDensity(others)


def _score_frame(
    prediction: np.ndarray,
    frame: TruthFrame,
    baseline: np.ndarray | None,
    where: tuple[str, str],
    job: Job,
    result: VideoResult,
) -> None:
    for protocol, metrics, pool in job.protocols:
        nonfixations = None if pool is None else pool.for_frame(*where, frame.size)
        truth = Truth(frame.density, frame.fixation_map, frame.points, nonfixations, baseline)
        rng = None if job.seed is None else frame_rng(job.seed, *where)
        scored = protocol.score_frame(prediction, truth, metrics, rng, job.final)
        result.rows[protocol.name].append(scored)
    fixated = frame.fixation_map
    if frame.points is not None:
        fixated = np.zeros(frame.size, bool)
        fixated[tuple(frame.points.T)] = True
    if prediction.dtype == np.uint8 and fixated is not None and fixated.any():
        result.tied_shares.append(tied_share(prediction, fixated))


def tied_share(values: np.ndarray, fixated: np.ndarray) -> float:
    """Share of pairs of a fixated and another pixel that have the same value.

    An AUC counts such pairs as half right. Had the map been stored with more levels, each of them
    would have been right or wrong, so half of this share is how far the AUC may be off.

    Args:
        values: (h, w) uint8, the map as stored.
        fixated: (H, W) bool, of any size: its pixels are looked up where they fall.

    Returns:
        In [0, 1]; NaN without pairs.
    """
    index = np.flatnonzero(fixated)
    others = values.size - len(index)
    if len(index) == 0 or others <= 0:
        return np.nan
    found = values[tuple(rescale_points(np.argwhere(fixated), fixated.shape, values.shape).T)]
    # Ten times as fast as bincount.
    counts = cv2.calcHist([values], [0], None, [256], [0, 256]).ravel()
    counts = counts - np.bincount(found, minlength=256)
    return float(counts[found].clip(0).mean() / others)


def _check_shape(stack: MapStack, index: int, found: Size, wanted: Size, final: bool) -> str:
    """'' for the shape of the frame, else the size, which a warning names.

    Raises:
        DataError: rows and columns are exchanged, or a final map is not of the frame's size.
    """
    if found != wanted and (final or found == wanted[::-1]):
        raise DataError(
            f'{stack.where(index)}: expected {wanted[0]} rows and {wanted[1]} columns as its frame '
            f'has, got {found[0]} rows and {found[1]} columns'
        )
    ratio = (found[0] / found[1]) / (wanted[0] / wanted[1])
    if abs(ratio - 1) <= OTHER_SHAPE:
        return ''
    return f'{found[0]} x {found[1]} for frames of {wanted[0]} x {wanted[1]}'
