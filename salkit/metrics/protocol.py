"""What a protocol is: everything that turns a map and its ground truth into numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import ConfigError, DataError, ShapeError
from ..utils.rng import lowest_draws
from ..utils.text import check_choice
from .frame import NEEDS, Frame, Truth
from .preparation import RESIZE, VALUES, blur, fit_fixations, fit_map, smooth, upper_byte

AVERAGES = ('frames', 'videos', 'weighted')
NANS = ('drop', 'keep', 'zero')


@dataclass(frozen=True)
class Measure:
    """One number of a protocol.

    Attributes:
        definition: how it is computed, in plain words.
        needs: names from `NEEDS`.
        score: function of a `Frame` and a generator, or None for expectations; NaN where undefined.
    """

    definition: str
    needs: frozenset[str]
    score: Callable[[Frame, np.random.Generator | None], float]


@dataclass(frozen=True)
class FrameScores:
    """What one frame gave.

    Attributes:
        scores: by metric; NaN where undefined.
        has_fixations: whether anything was looked at.
        constant: whether the prediction holds a single value.
        nan: whether the prediction holds a NaN.
        missing: metrics without a value because the frame has no fixations.
        surprising: whether the baseline of a metric is 0 where the frame was looked at.
    """

    scores: dict[str, float]
    has_fixations: bool
    constant: bool = False
    nan: bool = False
    missing: Sequence[str] = ()
    surprising: bool = False


@dataclass(frozen=True)
class Protocol:
    """How maps are scored. Two protocols give different numbers for the same maps.

    A protocol is these values; one that needs other steps overrides `prepare`.

    Attributes:
        name: what it is called in configs and reports.
        summary: what it does, in a sentence.
        description: where it comes from and what to know about it, a line each.
        measures: by the name they have in tables, in order.
        extra: those of them that are computed only where they are asked for.
        values: '8-bit' rounds floats to the grey levels 0..255 of a picture, 'unit' divides whole
            numbers by their largest possible one, 'minmax' brings each map to [0, 1], 'as-read'
            does nothing; see `VALUES` of `preparation` for the others.
        smooth_px: sigma in pixels of a Gaussian blur before resizing, as MATLAB's; 0 for none.
        resize: 'bicubic' or 'bilinear' (antialiased, as MATLAB), 'bilinear-plain' (as OpenCV),
            'spline' (as scikit-image).
        blur_kernel: side of the Gaussian blur after resizing; 0 for none.
        letterbox: rows and columns that maps and ground truth are fitted into, black around them,
            instead of resizing; None scores at the resolution of the density map.
        adaptable: whether its code can fit all predictions of a set to the densities first.
        adaptation: that fit, see `Adaptation`: what becomes of each prepared prediction; None
            without.
        average: 'frames' pools all frames, 'videos' averages within each video first.
        more_averages: others that the code prints beside it; 'weighted' is that of the means of
            the videos, each weighing as many frames as it has.
        nan: 'drop' leaves NaN out of a mean, 'keep' lets a single one spoil it, 'zero' counts it
            as 0.
        max_frames: frames that the reference code draws where there are more, by metric; None for
            all. Drawn only where a seed is given, as every other random part.
        half_frames: metrics that the reference code computes on a half of the frames of each
            video, drawn at random: with a seed, as above.
        pool: where the nonfixations of shuffled AUC come from, see `nonfixation_pool`.
        prefers_mat: whether fixations are taken from .mat files where a data set has them both as
            these and as images.
        interval: whether reports give the 95 % bootstrap interval over videos.

    Raises:
        ConfigError: an average, or a rule for NaN, that does not exist.
    """

    name: str
    summary: str
    description: tuple[str, ...]
    measures: Mapping[str, Measure] = field(repr=False)
    extra: tuple[str, ...] = ()
    values: str = 'as-read'
    smooth_px: float = 0.0
    resize: str = 'bilinear'
    blur_kernel: int = 0
    letterbox: tuple[int, int] | None = None
    adaptable: bool = False
    adaptation: Callable[[np.ndarray], np.ndarray] | None = field(default=None, repr=False)
    average: str = 'videos'
    more_averages: tuple[str, ...] = ()
    nan: str = 'drop'
    max_frames: int | None = None
    half_frames: frozenset[str] = frozenset()
    pool: str | None = None
    prefers_mat: bool = False
    interval: bool = False

    def __post_init__(self) -> None:
        owner = f'protocol {self.name}'
        for average in (self.average, *self.more_averages):
            check_choice(owner, 'average', average, AVERAGES)
        check_choice(owner, 'nan', self.nan, NANS)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The measures that are computed unless others are asked for, in order."""
        return tuple(name for name in self.measures if name not in self.extra)

    def check_metrics(self, metrics: Iterable[str] | None = None) -> list[str]:
        """The metrics as a list; None for those that are computed by default.

        Raises:
            ConfigError: one that the protocol does not define.
        """
        metrics = list(self.metrics if metrics is None else metrics)
        for metric in metrics:
            if metric not in self.measures:
                raise ConfigError(
                    f'protocol {self.name} has no metric {metric!r}; it has '
                    + ', '.join(self.measures)
                )
        return metrics

    def metrics_of_dataset(
        self, metrics: Iterable[str] | None = None, baseline: bool = False
    ) -> list[str]:
        """`check_metrics`, for predictions and a data set.

        Args:
            metrics: as there.
            baseline: whether there is a baseline density; by default, what is counted from one is
                then computed too.

        Raises:
            ConfigError: a metric that the protocol does not define, or that needs a baseline.
        """
        chosen = self.check_metrics(metrics)
        gains = [name for name, each in self.measures.items() if 'baseline' in each.needs]
        if baseline:
            return chosen if metrics is not None else list(dict.fromkeys([*chosen, *gains]))
        for metric in chosen:
            if metric in gains:
                raise ConfigError(
                    f'{metric} needs a baseline density, which no data set has: name one as '
                    'baseline, center or mean, a density map or a folder of maps'
                )
        return chosen

    def needs(self, metric: str) -> frozenset[str]:
        """What a metric is computed from beside the prediction, of `NEEDS`.

        Raises:
            ConfigError: a metric that the protocol does not define.
        """
        self.check_metrics([metric])
        return self.measures[metric].needs

    def prepare(
        self, prediction: np.ndarray, size: tuple[int, int], final: bool = False
    ) -> np.ndarray:
        """Bring a map to the ground truth's size, the protocol's way.

        Args:
            prediction: (h, w) as read: uint8, uint16 or float.
            size: rows and columns of the ground truth.
            final: the map has its final size already and was blurred, as `SaliencyModel` does;
                only its values are changed.

        Returns:
            (*size), or `letterbox`; of the input's type where nothing was to be done.

        Raises:
            ShapeError: not a single map, or a final map of another size.
            ConfigError: the protocol names a step that does not exist.
        """
        prediction, size = np.asarray(prediction), (int(size[0]), int(size[1]))
        if prediction.ndim != 2 or prediction.size == 0:
            raise ShapeError(f'expected a prediction of shape (h, w), got {prediction.shape}')
        if final and prediction.shape != size:
            raise ShapeError(
                f'expected a prediction of the size of its frame, {size}, got {prediction.shape}'
            )
        check_choice(f'protocol {self.name}', 'values', self.values, VALUES)
        check_choice(f'protocol {self.name}', 'resize', self.resize, RESIZE)
        # A map with NaN or infinite values is scored as it is, and gives NaN.
        with np.errstate(all='ignore'):
            prediction = VALUES[self.values](prediction)
            if self.smooth_px and not final:
                prediction = smooth(prediction, self.smooth_px)
            if self.letterbox:
                fitted = fit_map(prediction, self.letterbox)
                return self.adaptation(fitted) if self.adaptation else fitted
            if final:
                return prediction
            if prediction.shape != size:
                prediction = RESIZE[self.resize](prediction, size)
            return blur(prediction, self.blur_kernel) if self.blur_kernel else prediction

    def prepare_truth(self, truth: Truth) -> Truth:
        """Bring ground truth to the size that the protocol scores at."""
        if self.letterbox is None:
            return truth
        density = fixations = None
        if truth.density is not None:
            density = fit_map(upper_byte(truth.density) / 255, self.letterbox)
        if truth.holds('fixations'):
            fixated = Frame(np.empty(truth.size), truth).fixations
            fixations = fit_fixations(fixated, self.letterbox)
        return Truth(density, fixations)

    def score(
        self,
        prediction: np.ndarray,
        truth: Truth,
        metrics: Sequence[str] | None = None,
        rng: np.random.Generator | None = None,
    ) -> dict[str, float]:
        """Score a prepared prediction.

        Args:
            prediction: (H, W), what `prepare` gives.
            truth: of the same size, what `prepare_truth` gives.
            metrics: names, in the order of the result; None for `metrics`.
            rng: None for the exact expectation of the random parts, else they are drawn from it
                as in the reference code.

        Returns:
            By metric; NaN where undefined.

        Raises:
            ConfigError: a metric that the protocol does not define.
            DataError: a metric whose ground truth is not there.
            ShapeError: sizes that differ.
        """
        return self._score(Frame(np.asarray(prediction), truth), metrics, rng)

    def _score(
        self, frame: Frame, metrics: Sequence[str] | None, rng: np.random.Generator | None
    ) -> dict[str, float]:
        scores = {}
        for metric in self.check_metrics(metrics):
            measure = self.measures[metric]
            for need in NEEDS:
                if need in measure.needs and not frame.truth.holds(need):
                    raise DataError(f'{metric} needs {NEEDS[need]}, and the data set has none')
            with np.errstate(all='ignore'):
                scores[metric] = float(measure.score(frame, rng))
        return scores

    def score_frame(
        self,
        prediction: np.ndarray,
        truth: Truth,
        metrics: Sequence[str] | None = None,
        rng: np.random.Generator | None = None,
        final: bool = False,
    ) -> FrameScores:
        """Prepare a map and its ground truth, and score it.

        Args:
            prediction: (h, w) as read, see `prepare`.
            truth: of the size of its frame.
            metrics: see `score`.
            rng: the same.
            final: see `prepare`.

        Returns:
            The scores, and what a report has to know about the frame beside.
        """
        prediction = np.asarray(prediction)
        prepared = self.prepare(prediction, truth.size, final)
        frame = Frame(prepared, self.prepare_truth(truth), prediction)
        scores = self._score(frame, metrics, rng)
        has_fixations = truth.has_fixations
        missing = [] if has_fixations else [m for m in scores if 'fixations' in self.needs(m)]
        low, high = np.min(prediction), np.max(prediction)
        return FrameScores(
            scores,
            has_fixations,
            constant=bool(low == high),
            nan=bool(np.isnan(low)),
            missing=missing,
            surprising=any('baseline' in self.needs(m) for m in scores) and truth.is_surprising,
        )

    def select_frames(
        self, metric: str, frames: Sequence[tuple[str, str]], seed: int | None
    ) -> set[tuple[str, str]] | None:
        """Which frames count for a metric, as the reference code draws them.

        Args:
            metric: its name; each metric has a draw of its own.
            frames: (video, frame) of all, in any order.
            seed: of the draw; None for all frames.

        Returns:
            Those that are drawn, or None for all.
        """
        if seed is None:
            return None
        if metric in self.half_frames:
            videos: dict[str, list[tuple[str, str]]] = defaultdict(list)
            for video, frame in frames:
                videos[video].append((video, frame))
            return {
                drawn
                for own in videos.values()
                for drawn in lowest_draws(own, max(1, len(own) // 2), seed, 'half')
            }
        if self.max_frames is None or len(frames) <= self.max_frames:
            return None
        return set(lowest_draws(frames, self.max_frames, seed, metric))
