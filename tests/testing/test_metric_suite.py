import pytest
from mmengine.evaluator import BaseMetric
from run_suite import failures

from salkit.functional import cc, kl_div
from salkit.metrics import SaliencyMetric
from salkit.testing import MetricSuite


class TestSaliencyMetric(MetricSuite):
    part = SaliencyMetric


class Correlation(BaseMetric):
    """Nothing is wrong with it."""

    def score(self, sample):
        return cc(sample['saliency_map'].double(), sample['density_map'].double(), eps=1e-6).item()

    def process(self, data_batch, data_samples):
        self.results += [self.score(sample) for sample in data_samples]

    def compute_metrics(self, results):
        return dict(CC=sum(sorted(results)) / len(results))


class Divergence(Correlation):
    def score(self, sample):
        return kl_div(sample['saliency_map'].double(), sample['density_map'].double()).item()

    def compute_metrics(self, results):
        return dict(Surprise=sum(sorted(results)) / len(results))


class OneEntryPerBatch(Correlation):
    def process(self, data_batch, data_samples):
        self.results.append(sum(self.score(s) for s in data_samples) / len(data_samples))


class FirstCountsDouble(Correlation):
    def compute_metrics(self, results):
        return dict(CC=(results[0] + sum(results)) / (len(results) + 1))


class NeverForgets(Correlation):
    seen = None

    def compute_metrics(self, results):
        self.seen = (self.seen or []) + results
        return super().compute_metrics(self.seen)


class Undefined(Correlation):
    def score(self, sample):
        return cc(sample['saliency_map'].double(), sample['density_map'].double()).item()


class CountsFixations(Correlation):
    def score(self, sample):
        fixated = sample['fixation_map'] > 0
        return sample['saliency_map'][fixated].sum().item() / fixated.sum().item()


class Normalises(Correlation):
    def score(self, sample):
        sample['saliency_map'].div_(sample['saliency_map'].max())
        return super().score(sample)


class GivesAList(Correlation):
    def compute_metrics(self, results):
        return dict(CC=results)


class KeepsAFunction(Correlation):
    def process(self, data_batch, data_samples):
        self.results += [lambda: 0 for _ in data_samples]


def suite_of(part, **options):
    return type('TestWrong', (MetricSuite,), dict(part=part, smoke={}, **options))


@pytest.mark.parametrize(
    ('part', 'options'), [(Correlation, {}), (Divergence, dict(lower_is_better=('Surprise',)))]
)
def test_sound_metrics_pass(part, options, tmp_path):
    assert failures(suite_of(part, **options), tmp_path) == {}


@pytest.mark.parametrize(
    ('part', 'check', 'message'),
    [
        (Divergence, 'test_better_predictions_score_better', "lower_is_better = ('Surprise',)"),
        (OneEntryPerBatch, 'test_one_entry_per_frame', 'adds 1 entries to results for 2 frames'),
        (FirstCountsDouble, 'test_order_does_not_matter', 'another order changes the values'),
        (NeverForgets, 'test_evaluating_twice', 'an evaluation in between changes'),
        (Undefined, 'test_undefined_frames', 'CC is nan, expected a finite number'),
        (CountsFixations, 'test_undefined_frames', 'ZeroDivisionError'),
        (Normalises, 'test_maps_stay_as_they_are', 'changes the saliency_map'),
        (GivesAList, 'test_order_does_not_matter', 'expected a finite number'),
        (KeepsAFunction, 'test_one_entry_per_frame', 'between processes fails: '),
    ],
)
def test_a_fault_fails_its_check(part, check, message, tmp_path):
    said = failures(suite_of(part), tmp_path, only=[check])
    assert message in said[check] and said[check].startswith(f'{part.__name__}: ')
