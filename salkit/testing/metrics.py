"""The suite of metrics."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import torch
from mmengine.evaluator import BaseMetric

from ..types import ClipMeta
from .samples import density_maps, fixation_maps
from .suite import BuiltSuite

# One frame, as `SaliencyModel` gives it in mode 'predict': its meta and its maps.
Sample = dict[str, Any]
_META = dict(dataset='SuiteDataset', split='test')
_FRAMES = (('a', '0001'), ('a', '0002'), ('a', '0003'), ('b', '0001'), ('b', '0002'))
_SIZES = {'a': (24, 36), 'b': (30, 40)}


class MetricSuite(BuiltSuite):
    """What every metric must do: `process` predictions, then `evaluate` to named numbers.

        class TestMyMetric(MetricSuite):
            part = MyMetric
            lower_is_better = ('MyDivergence',)

    Attributes:
        part: the metric class, an mmengine `BaseMetric`.
        smoke: its arguments; None takes those that it was registered with.
        lower_is_better: names of values that fall as predictions get better, beside those that the
            metric class lists under the same name.
        no_score: names of values that say nothing about how good predictions are.
    """

    registry = 'metric'
    base = BaseMetric
    lower_is_better: ClassVar[Sequence[str]] = ('KL', 'KLDiv')
    no_score: ClassVar[Sequence[str]] = ()

    def samples(self, prediction: str = 'noise') -> list[Sample]:
        """Five frames of two videos; the prediction is 'noise', the 'truth' or its 'negative'."""
        generator = torch.Generator().manual_seed(0)
        samples = []
        for index, (video, frame) in enumerate(_FRAMES):
            size = _SIZES[video]
            density = density_maps((index + 1, *size), sharpness=20.0)[-1]
            noise = torch.rand(size, generator=generator)
            maps = dict(truth=density.clone(), negative=1 - density, noise=noise)
            sample = dict(
                meta=ClipMeta(**_META, video=video, frame=frame, size=size),
                saliency_map=maps[prediction],
                density_map=density,
                fixation_map=fixation_maps(density[None], 6)[0],
            )
            samples.append(sample)
        return samples

    def metric(self) -> BaseMetric:
        """A new instance that knows which data set it scores."""
        metric = self.build()
        metric.dataset_meta = dict(_META)
        return metric

    def evaluated(
        self, samples: list[Sample], batch: int = 2, metric: BaseMetric | None = None
    ) -> dict[str, float]:
        """The metric's values, finite numbers by name, of samples that come in batches."""
        metric = metric or self.metric()
        with self.succeeds('scoring predictions'):
            for start in range(0, len(samples), batch):
                metric.process(None, samples[start : start + batch])
            values = metric.evaluate(len(samples))
        self.check(
            isinstance(values, dict) and values,
            f'evaluate gives {values!r}, expected a dict of numbers by name',
        )
        for name, value in values.items():
            self.check(isinstance(name, str) and name, f'{name!r} is not a name for a value')
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            self.check(
                number and math.isfinite(value), f'{name} is {value!r}, expected a finite number'
            )
        return values

    def _check_same(self, values: dict, expected: dict, what: str) -> None:
        same = values == pytest.approx(expected, rel=1e-9, abs=1e-12)
        self.check(same, f'{what} changes the values from {expected} to {values}')

    def test_one_entry_per_frame(self) -> None:
        """`process` adds one entry to `results` per frame, which survives `pickle`."""
        metric, samples = self.metric(), self.samples()
        for count in (2, 1, 2):
            before = len(metric.results)
            metric.process(None, samples[before : before + count])
            added = len(metric.results) - before
            self.check(
                added == count, f'process adds {added} entries to results for {count} frames'
            )
        with self.succeeds('sending its results between processes'):
            pickle.loads(pickle.dumps(metric.results))

    def test_order_does_not_matter(self) -> None:
        """Frames may come in any order and in batches of any size."""
        samples = self.samples()
        expected = self.evaluated(samples)
        self._check_same(self.evaluated(samples[::-1]), expected, 'another order')
        self._check_same(self.evaluated(samples, batch=5), expected, 'another batch size')

    def test_evaluating_twice(self) -> None:
        """A second evaluation has forgotten the first."""
        metric = self.metric()
        first = self.evaluated(self.samples('truth'), metric=metric)
        self.evaluated(self.samples('noise'), metric=metric)
        again = self.evaluated(self.samples('truth'), metric=metric)
        self._check_same(again, first, 'an evaluation in between')

    def test_better_predictions_score_better(self) -> None:
        """The ground truth itself scores at least as well as noise and as its negative."""
        falling = {*self.lower_is_better, *getattr(self.part, 'lower_is_better', ())}
        best = self.evaluated(self.samples('truth'))
        better = False
        for other in ('noise', 'negative'):
            for name, value in self.evaluated(self.samples(other)).items():
                if name in self.no_score or name not in best:
                    continue
                sign = -1 if name.split('/')[-1] in falling else 1
                self.check(
                    sign * best[name] >= sign * value - 1e-9,
                    f'{name} is {best[name]:.4g} for the ground truth itself, {value:.4g} for '
                    f'{"its " * (other == "negative")}{other}; where lower is better, set '
                    f'lower_is_better = ({name!r},) in the class',
                )
                better |= best[name] != value
        self.check(better, 'gives the ground truth itself, noise and its negative the same values')

    def test_maps_stay_as_they_are(self) -> None:
        """Scoring does not write into predictions or ground truth."""
        samples, fresh = self.samples(), self.samples()
        self.evaluated(samples)
        for one, other in zip(samples, fresh, strict=True):
            for key in ('saliency_map', 'density_map', 'fixation_map'):
                self.check(torch.equal(one[key], other[key]), f'changes the {key} that it scores')

    @pytest.mark.parametrize(('key', 'value'), [('fixation_map', 0.0), ('saliency_map', 0.5)])
    def test_undefined_frames(self, key: str, value: float) -> None:
        """A frame without fixations or a constant prediction does not spoil the others."""
        samples = self.samples()
        samples[1][key].fill_(value)
        self.evaluated(samples)
