"""The metric that the Runner evaluates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from ..errors import ConfigError
from ..registry import METRICS
from ..utils.rng import frame_rng
from .averaging import VideoScores
from .frame import Truth
from .gain_baseline import BaselineSource, GainBaseline, check_gain, gains_of
from .nonfixations import (
    NonfixationPool,
    VideoFiles,
    read_nonfixations,
    why_no_nonfixations,
)
from .protocol import FrameScores, Protocol
from .published_protocols import get_protocol
from .report import ScoreReport

# Of the data set, the split, the video and the frame.
Names = tuple[str, str, str, str]


@METRICS.register_module()
class SaliencyMetric(BaseMetric):
    """Scores every frame once under named protocols, whatever the number of processes.

    The values of the first protocol have the plain names of its metrics, in logs and for the choice
    of the best checkpoint; those of each further one `<protocol>/<metric>`.

    Args:
        protocol: its name, or those of several.
        metrics: which of its measures to compute, in this order. None: all that it has by
            default, of which shuffled AUC is left to testing, on data sets that tell where people
            looked in other videos; and information gain where there is a baseline.
        seed: draws the random parts as the reference code does; None for their expectation.
        baseline: what information gain is counted from: 'center' for a Gaussian in the middle,
            'mean' for the mean density of the other videos, a density map for all frames, or a
            folder of maps, matched by name as predictions are. None for no information gain.
        collect_device: where results of several processes are gathered, 'cpu' or 'gpu'.

    Attributes:
        protocols: in the order given.
        metrics: what is computed, by name of the protocol.
        reports: the `ScoreReport`s of the last evaluation by name of the protocol, on the main
            process.
    """

    # Names in logs and checkpoints are the metrics' own.
    default_prefix = ''
    # Of frames, or when processes are gathered, lists of such.
    results: list[Any]

    def __init__(
        self,
        protocol: str | Sequence[str] = 'exact',
        metrics: Sequence[str] | None = None,
        seed: int | None = None,
        baseline: str | None = None,
        collect_device: str = 'cpu',
    ) -> None:
        super().__init__(collect_device=collect_device)
        names = [protocol] if isinstance(protocol, str) else list(protocol)
        if not names or len(set(names)) != len(names):
            raise ConfigError(f'expected one protocol or several different ones, got {protocol}')
        self.protocols = [get_protocol(name) for name in names]
        self.seed = seed
        self._source = None if baseline is None else BaselineSource.of(baseline)
        self._chosen = list(metrics) if metrics else None
        self.metrics = self._wanted(testing=False)
        # What is counted from the other videos is known with the data set.
        self._gain: GainBaseline | None = None
        if self._source is not None:
            check_gain(self.metrics)
            if not self._source.needs_videos:
                self._gain = self._source.open()
        # Those to read nonfixations from, before the first frame is scored, and the rules to.
        self._videos: Sequence[VideoFiles] = ()
        self._rules: set[str] = set()
        self._pools: dict[str, NonfixationPool] = {}
        self.reports: dict[str, ScoreReport] = {}

    @property
    def report(self) -> ScoreReport | None:
        """The report of the first protocol; None before an evaluation."""
        return self.reports.get(self.protocols[0].name)

    @property
    def names(self) -> list[str]:
        """What the scores are called, in logs and for the choice of the best checkpoint."""
        return [_called(p, m, self.protocols) for p in self.protocols for m in self.metrics[p.name]]

    def _wanted(self, testing: bool) -> dict[str, list[str]]:
        """The metrics that are asked for, by name of the protocol."""
        has_baseline = self._source is not None
        return {
            protocol.name: [
                metric
                for metric in protocol.metrics_of_dataset(self._chosen, has_baseline)
                if testing or self._chosen or not _is_shuffled(protocol, metric)
            ]
            for protocol in self.protocols
        }

    def use_dataset(self, dataset: object, testing: bool = False) -> None:
        """Name the data set that is scored, so that fixations of other frames can be read.

        Nothing is read before the first frame is scored, and nothing at all unless a metric needs
        it.

        Args:
            dataset: a `VideoSaliencyDataset`; any other leaves shuffled AUC out.
            testing: compute all metrics of the protocols, unless some were chosen.

        Raises:
            ConfigError: a metric was chosen that this data set has no fixations for.
            DataError: the baseline is to be the mean of the other videos of fewer than 2, or a
                folder without maps of these.
        """
        videos = getattr(dataset, 'videos', ())
        if testing:
            self.metrics = self._wanted(testing=True)
        self._videos, self._rules, self._pools = videos, set(), {}
        for protocol in self.protocols:
            wanted = self.metrics[protocol.name]
            shuffled = [metric for metric in wanted if _is_shuffled(protocol, metric)]
            reason = why_no_nonfixations(videos, protocol.pool) if shuffled else ''
            if reason:
                line = f'{", ".join(shuffled)} of protocol {protocol.name}: {reason}'
                if self._chosen:
                    raise ConfigError(line)
                print_log(f'Left out: {line}', logger='current')
                self.metrics[protocol.name] = [m for m in wanted if m not in shuffled]
            elif shuffled and protocol.pool:
                self._rules.add(protocol.pool)
        if self._source is not None and self._source.needs_videos:
            self._gain = self._source.open(videos)

    def score_frame(
        self,
        saliency_map: Tensor,
        density_map: Tensor | None,
        fixation_map: Tensor | None,
        video: str = '',
        frame: str = '',
    ) -> dict[str, FrameScores]:
        """Score one frame.

        Args:
            saliency_map: (H, W) prediction at the frame's size.
            density_map: (H, W), or None where only fixation metrics are wanted.
            fixation_map: (H, W), or None where only density metrics are wanted.
            video: its name, for what is drawn at random, for shuffled AUC and the baseline.
            frame: its name.

        Returns:
            By name of the protocol.

        Raises:
            DataError: a metric whose ground truth the data set does not have.
        """
        saliency = _as_array(saliency_map)
        density, fixations = (
            None if each is None else _as_array(each) for each in (density_map, fixation_map)
        )
        size = (saliency.shape[0], saliency.shape[1])
        baseline = None if self._gain is None else self._gain.for_frame(video, frame, size)
        truth = Truth(density, fixations, baseline=baseline)
        self._read_nonfixations()
        scored = {}
        for protocol in self.protocols:
            pool = self._pools.get(protocol.pool or '')
            known = truth
            if pool is not None:
                known = replace(truth, nonfixations=pool.for_frame(video, frame, size))
            rng = None if self.seed is None else frame_rng(self.seed, video, frame)
            wanted = self.metrics[protocol.name]
            scored[protocol.name] = protocol.score_frame(saliency, known, wanted, rng, final=True)
        return scored

    def _read_nonfixations(self) -> None:
        """Read the fixations of the data set, where they are needed and have not been read."""
        for rule in self._rules - self._pools.keys():
            print_log('Reading the fixations of all frames for shuffled AUC', logger='current')
            self._pools[rule] = read_nonfixations(self._videos, rule, self.seed or 0)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score a batch of predictions, as `SaliencyModel` gives them in mode 'predict'."""
        for sample in data_samples:
            meta = sample['meta']
            scored = self.score_frame(
                sample['saliency_map'],
                sample['density_map'],
                sample['fixation_map'],
                meta.video,
                meta.frame,
            )
            names = (meta.dataset, meta.split, meta.video, meta.frame)
            self.results.append((names, scored))

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather the frames of all processes and average them.

        Args:
            size: length of the data set. Not needed: samples that a sampler repeats to give every
                process the same number are known by their names.
        """
        # mmengine interleaves the results of processes and cuts at `size`, which is right for its
        # own sampler only. One entry a process comes through whole.
        self.results = [list(self.results)]
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Average the scores of frames, each counted once.

        Args:
            results: names and scores of the frames of each process.

        Returns:
            The score by name, and the numbers of `videos` and `frames`.
        """
        frames: dict[Names, dict[str, FrameScores]] = {}
        for names, scored in itertools.chain(*results):
            frames.setdefault(names, scored)
        self.reports, scores = {}, {}
        for protocol in self.protocols:
            # The same order whoever scored them, so that sums agree to the last bit.
            own = {names: frames[names][protocol.name] for names in sorted(frames)}
            report = self.reports[protocol.name] = self._report(protocol, own)
            for metric, score in report.scores.items():
                scores[_called(protocol, metric, self.protocols)] = score
        assert self.report is not None
        return dict(scores, videos=self.report.videos, frames=self.report.frames)

    def _report(self, protocol: Protocol, frames: dict[Names, FrameScores]) -> ScoreReport:
        metrics = self.metrics[protocol.name]
        for metric in metrics:
            # What the reference code would not have computed is forgotten.
            drawn = protocol.select_frames(metric, [key[2:] for key in frames], self.seed)
            for key, scored in frames.items():
                if drawn is not None and key[2:] not in drawn:
                    scored.scores.pop(metric, None)
        videos: dict[str, VideoScores] = {}
        for names, scored in frames.items():
            videos.setdefault(names[2], VideoScores(names[2])).add(scored)
        meta = self.dataset_meta or {}
        return ScoreReport.from_videos(
            protocol,
            meta.get('dataset', '?'),
            meta.get('split', '?'),
            list(videos.values()),
            ig_baseline=str(self._source) if gains_of(protocol, metrics) else '',
        )


def _is_shuffled(protocol: Protocol, metric: str) -> bool:
    return 'nonfixations' in protocol.needs(metric)


def _called(protocol: Protocol, metric: str, protocols: Sequence[Protocol]) -> str:
    return metric if protocol is protocols[0] else f'{protocol.name}/{metric}'


def _as_array(maps: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(maps, np.ndarray):
        return maps
    if maps.is_floating_point() and maps.dtype.itemsize < 4:
        maps = maps.float()
    return maps.detach().cpu().numpy()
