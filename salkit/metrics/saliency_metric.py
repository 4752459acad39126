"""The metric that the Runner evaluates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
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
from .nonfixations import (
    NonfixationPool,
    VideoFiles,
    read_nonfixations,
    why_no_nonfixations,
)
from .protocol import FrameScores
from .published_protocols import get_protocol
from .report import ScoreReport

# Of the data set, the split, the video and the frame.
Names = tuple[str, str, str, str]


@METRICS.register_module()
class SaliencyMetric(BaseMetric):
    """Scores every frame once under a named protocol, whatever the number of processes.

    Args:
        protocol: its name.
        metrics: which of its measures to compute, in this order. None: all that it has by
            default, of which shuffled AUC is left to testing, on data sets that tell where people
            looked in other videos.
        seed: draws the random parts as the reference code does; None for their expectation.
        collect_device: where results of several processes are gathered, 'cpu' or 'gpu'.

    Attributes:
        report: the `ScoreReport` of the last evaluation, on the main process.
    """

    # Names in logs and checkpoints are the metrics' own.
    default_prefix = ''
    # Of frames, or when processes are gathered, lists of such.
    results: list[Any]

    def __init__(
        self,
        protocol: str = 'exact',
        metrics: Sequence[str] | None = None,
        seed: int | None = None,
        collect_device: str = 'cpu',
    ) -> None:
        super().__init__(collect_device=collect_device)
        self.protocol = get_protocol(protocol)
        self.seed = seed
        self.metrics = self.protocol.metrics_of_dataset(
            metrics or [m for m in self.protocol.metrics if not self._shuffled(m)]
        )
        self._all_metrics = not metrics
        # Those to read nonfixations from, before the first frame is scored.
        self._videos: Sequence[VideoFiles] = ()
        self._nonfixations: NonfixationPool | None = None
        self.report: ScoreReport | None = None

    def _shuffled(self, metric: str) -> bool:
        return 'nonfixations' in self.protocol.needs(metric)

    def use_dataset(self, dataset: object, testing: bool = False) -> None:
        """Name the data set that is scored, so that fixations of other frames can be read.

        Nothing is read before the first frame is scored, and nothing at all unless a metric needs
        it.

        Args:
            dataset: a `VideoSaliencyDataset`; any other leaves shuffled AUC out.
            testing: compute all metrics of the protocol, unless some were chosen.

        Raises:
            ConfigError: a metric was chosen that this data set has no fixations for.
        """
        videos = getattr(dataset, 'videos', ())
        reason = why_no_nonfixations(videos, self.protocol.pool)
        wanted = self.metrics
        if testing and self._all_metrics:
            wanted = list(self.protocol.metrics)
        shuffled = [metric for metric in wanted if self._shuffled(metric)]
        if shuffled and reason:
            line = f'{", ".join(shuffled)} of protocol {self.protocol.name}: {reason}'
            if not self._all_metrics:
                raise ConfigError(line)
            print_log(f'Left out: {line}', logger='current')
            wanted = [metric for metric in wanted if metric not in shuffled]
        self.metrics = wanted
        self._videos = videos if shuffled and not reason else ()
        self._nonfixations = None

    def score_frame(
        self,
        saliency_map: Tensor,
        density_map: Tensor | None,
        fixation_map: Tensor | None,
        video: str = '',
        frame: str = '',
    ) -> FrameScores:
        """Score one frame.

        Args:
            saliency_map: (H, W) prediction at the frame's size.
            density_map: (H, W), or None where only fixation metrics are wanted.
            fixation_map: (H, W), or None where only density metrics are wanted.
            video: its name, for what is drawn at random and for shuffled AUC.
            frame: its name.

        Raises:
            DataError: a metric whose ground truth the data set does not have.
        """
        saliency = _as_array(saliency_map)
        density, fixations = (
            None if each is None else _as_array(each) for each in (density_map, fixation_map)
        )
        nonfixations = None
        if self._videos and self._nonfixations is None:
            print_log('Reading the fixations of all frames for shuffled AUC', logger='current')
            assert self.protocol.pool is not None
            self._nonfixations = read_nonfixations(self._videos, self.protocol.pool, self.seed or 0)
        if self._nonfixations is not None:
            nonfixations = self._nonfixations.for_frame(video, frame, saliency.shape)
        truth = Truth(density, fixations, nonfixations=nonfixations)
        rng = None if self.seed is None else frame_rng(self.seed, video, frame)
        return self.protocol.score_frame(saliency, truth, self.metrics, rng, final=True)

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
            The score by metric, and the numbers of `videos` and `frames`.
        """
        frames: dict[Names, FrameScores] = {}
        for names, scored in itertools.chain(*results):
            frames.setdefault(names, scored)
        self._draw_frames(frames)
        videos: dict[str, VideoScores] = {}
        # The same order whoever scored them, so that sums agree to the last bit.
        for names in sorted(frames):
            videos.setdefault(names[2], VideoScores(names[2])).add(frames[names])
        meta = self.dataset_meta or {}
        self.report = ScoreReport.from_videos(
            self.protocol, meta.get('dataset', '?'), meta.get('split', '?'), list(videos.values())
        )
        return dict(self.report.scores, videos=self.report.videos, frames=self.report.frames)

    def _draw_frames(self, frames: dict[Names, FrameScores]) -> None:
        """Forget the scores that the reference code would not have computed."""
        for metric in self.metrics:
            drawn = self.protocol.select_frames(metric, [key[2:] for key in frames], self.seed)
            for key, scored in frames.items():
                if drawn is not None and key[2:] not in drawn:
                    scored.scores.pop(metric, None)


def _as_array(maps: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(maps, np.ndarray):
        return maps
    if maps.is_floating_point() and maps.dtype.itemsize < 4:
        maps = maps.float()
    return maps.detach().cpu().numpy()
