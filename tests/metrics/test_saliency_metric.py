import json
import math

import pytest
import torch

from salkit.errors import ConfigError, DataError
from salkit.functional import auc_judd, cc, kl_div, nss, sim
from salkit.metrics import PROTOCOLS, SaliencyMetric, ScoreReport
from salkit.metrics.report import format_table, write_json
from salkit.types import ClipMeta

METRICS = ['CC', 'KL', 'SIM', 'NSS', 'AUC-J']


def sample(video, frame, seed=0, fixations=3, saliency=None):
    generator = torch.Generator().manual_seed(seed)
    points = torch.zeros(12, 16)
    points.view(-1)[torch.randperm(192, generator=generator)[:fixations]] = 1
    return dict(
        meta=ClipMeta('D', 'test', video, frame, (12, 16)),
        saliency_map=torch.rand(12, 16, generator=generator) if saliency is None else saliency,
        density_map=torch.rand(12, 16, generator=generator),
        fixation_map=points,
    )


def evaluate(samples, **options):
    metric = SaliencyMetric(**options)
    metric.dataset_meta = dict(dataset='D', split='test')
    metric.process(None, samples)
    return metric.evaluate(len(samples)), metric.report


def test_frames_then_videos_then_mean():
    samples = [sample('a', '1', 1), sample('a', '2', 2), sample('b', '1', 3)]
    scores, report = evaluate(samples)
    assert list(report.scores) == METRICS
    values = [cc(s['saliency_map'].double(), s['density_map'].double()).item() for s in samples]
    assert scores['CC'] == pytest.approx(((values[0] + values[1]) / 2 + values[2]) / 2, abs=1e-12)
    assert (scores['videos'], scores['frames']) == (2, 3)
    assert report.per_video['b']['CC'] == pytest.approx(values[2], abs=1e-12)


def test_measures_of_the_exact_protocol():
    one = sample('a', '1', 5)
    scores, _ = evaluate([one])
    saliency, density = one['saliency_map'].double(), one['density_map'].double()
    fixations = one['fixation_map']
    assert scores['KL'] == pytest.approx(kl_div(saliency, density).item(), abs=1e-12)
    assert scores['SIM'] == pytest.approx(sim(saliency, density).item(), abs=1e-12)
    assert scores['NSS'] == pytest.approx(nss(saliency, fixations).item(), abs=1e-12)
    expected = auc_judd(saliency, fixations, ties='half').item()
    assert scores['AUC-J'] == pytest.approx(expected, abs=1e-12)


def test_order_of_frames_does_not_matter():
    samples = [sample(video, frame, seed=i) for i, (video, frame) in
               enumerate([('a', '1'), ('b', '1'), ('a', '2'), ('c', '1')])]  # fmt: skip
    first, second = evaluate(samples)[0], evaluate(samples[::-1])[0]
    assert first == pytest.approx(second, abs=1e-15)


def test_frames_without_fixations_are_counted_and_left_out_of_their_metrics_only():
    samples = [
        sample('a', '1', 1),
        sample('a', '2', 2, fixations=0),
        sample('b', '1', 3, fixations=0),
    ]
    scores, report = evaluate(samples)
    assert report.frames_without_fixations == 2 and report.undefined == {}
    assert scores['NSS'] == pytest.approx(evaluate(samples[:1])[0]['NSS'])
    assert math.isnan(report.per_video['b']['NSS'])
    assert scores['CC'] != pytest.approx(evaluate(samples[:1])[0]['CC'])
    assert '(2 without fixations)' in report.headline
    assert report.to_json()['per_video']['b']['NSS'] is None


def test_constant_predictions_are_counted_never_scored_as_zero():
    constant = torch.full((12, 16), 0.5)
    scores, report = evaluate([sample('a', '1', 1), sample('a', '2', 2, saliency=constant)])
    assert report.undefined['CC'] == 1 and 'CC undefined on 1 frames' in report.headline
    assert scores['CC'] == pytest.approx(evaluate([sample('a', '1', 1)])[0]['CC'])
    only, _ = evaluate([sample('a', '1', 2, saliency=constant)])
    assert math.isnan(only['CC']) and only['AUC-J'] == 0.5


def test_chosen_metrics_need_only_their_own_ground_truth():
    one = dict(sample('a', '1'), fixation_map=None)
    assert list(evaluate([one], metrics=['SIM', 'CC'])[1].scores) == ['SIM', 'CC']
    with pytest.raises(DataError, match='NSS needs fixation maps'):
        evaluate([one], metrics=['NSS'])


def test_unknown_names():
    with pytest.raises(ConfigError, match=r'unknown protocol .*exact'):
        SaliencyMetric(protocol='mine')
    with pytest.raises(ConfigError, match="no metric 'AUC'; it has CC, KL, SIM, NSS, AUC-J"):
        SaliencyMetric(metrics=['AUC'])
    assert PROTOCOLS['exact'].summary


def test_report_says_what_it_is_of():
    _, report = evaluate([sample('a', '1')])
    assert report.headline == 'protocol exact, D test: 1 videos, 1 frames'
    content = json.loads(json.dumps(report.to_json()))
    assert content['scores'].keys() == set(METRICS)
    assert (content['protocol'], content['split'], content['frames']) == ('exact', 'test', 1)


def test_table_and_json_file(tmp_path):
    rows = dict(model=dict(CC=0.5, NSS=-1.25), bias=dict(CC=0.25, NSS=math.nan))
    lines = format_table(rows).splitlines()
    assert lines[0].split() == ['CC', 'NSS'] and lines[1].split() == ['model', '0.5000', '-1.2500']
    assert len({len(line) for line in lines}) == 1
    write_json(dict(a=1), tmp_path / 'deep' / 'a.json')
    assert json.loads((tmp_path / 'deep' / 'a.json').read_text()) == dict(a=1)
    with pytest.raises(TypeError):
        write_json(dict(a=object()), tmp_path / 'deep' / 'a.json')
    assert [p.name for p in (tmp_path / 'deep').iterdir()] == ['a.json']


def test_an_empty_report():
    report = ScoreReport.from_frames('exact', 'D', 'test', [])
    assert report.scores == {} and report.frames == 0
