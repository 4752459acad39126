"""The metric that the Runner evaluates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from ..errors import ConfigError, DataError
from ..registry import METRICS
from .protocols import NEED_FIXATIONS, get_protocol
from .report import ScoreReport


@METRICS.register_module()
class SaliencyMetric(BaseMetric):
    """Scores every frame under a named protocol; frames -> videos -> mean.

    Args:
        protocol: its name.
        metrics: which of its measures to compute, in this order; None for all.
        collect_device: where results of several processes are gathered, 'cpu' or 'gpu'.

    Attributes:
        report: the `ScoreReport` of the last evaluation, on the main process.
    """

    # Names in logs and checkpoints are the metrics' own.
    default_prefix = ''

    def __init__(
        self,
        protocol: str = 'exact',
        metrics: Sequence[str] | None = None,
        collect_device: str = 'cpu',
    ) -> None:
        super().__init__(collect_device=collect_device)
        self.protocol = get_protocol(protocol)
        self.metrics = list(metrics or self.protocol.measures)
        for metric in self.metrics:
            if metric not in self.protocol.measures:
                known = ', '.join(self.protocol.measures)
                raise ConfigError(f'protocol {protocol} has no metric {metric!r}; it has {known}')
        self.report: ScoreReport | None = None

    def score_frame(
        self, saliency_map: Tensor, density_map: Tensor | None, fixation_map: Tensor | None
    ) -> dict[str, Any]:
        """Score one frame.

        Args:
            saliency_map: (H, W) prediction at the frame's size.
            density_map: (H, W), or None where only fixation metrics are wanted.
            fixation_map: (H, W), or None where only density metrics are wanted.

        Returns:
            `scores` by metric, NaN where undefined; `has_fixations`; `missing`, by metric whether
            there was nothing to score against.

        Raises:
            DataError: a metric whose ground truth the data set does not have.
        """
        saliency = saliency_map.double()
        has_fixations = fixation_map is not None and bool((fixation_map > 0).any())
        scores, missing = {}, {}
        for metric in self.metrics:
            on_fixations = metric in NEED_FIXATIONS
            target = fixation_map if on_fixations else density_map
            if target is None:
                kind = 'fixation maps' if on_fixations else 'density maps'
                raise DataError(f'{metric} needs {kind}, and the data set has none')
            missing[metric] = on_fixations and not has_fixations
            density = None if density_map is None else density_map.double()
            value = (
                torch.nan
                if missing[metric]
                else self.protocol.measures[metric](saliency, density, fixation_map)
            )
            scores[metric] = float(value)
        return dict(scores=scores, has_fixations=has_fixations, missing=missing)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score a batch of predictions, as `SaliencyModel` gives them in mode 'predict'."""
        for sample in data_samples:
            scored = self.score_frame(
                sample['saliency_map'], sample['density_map'], sample['fixation_map']
            )
            meta = sample['meta']
            self.results.append(dict(scored, video=meta.video, frame=meta.frame))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average the frames' scores.

        Returns:
            The mean by metric, and the numbers of `videos` and `frames`.
        """
        meta = self.dataset_meta or {}
        self.report = ScoreReport.from_frames(
            self.protocol.name, meta.get('dataset', '?'), meta.get('split', '?'), results
        )
        return dict(self.report.scores, videos=self.report.videos, frames=self.report.frames)
