import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from make_data import write_dataset
from PIL import Image
from score_data import write_video

from salkit.datasets import VideoSaliencyDataset
from salkit.errors import ConfigError, DataError
from salkit.functional import auc_judd, cc, information_gain, kl_div, nss, sim
from salkit.metrics import SaliencyMetric, ScoreReport, Truth, get_protocol
from salkit.metrics.baseline_densities import LeaveOneOutMeans, center_map, resize_density
from salkit.metrics.gain_baseline import BaselineSource
from salkit.metrics.nonfixations import read_nonfixations
from salkit.metrics.report import format_table
from salkit.types import ClipMeta
from salkit.utils.files import write_json

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
    samples = [
        sample(video, frame, seed=i)
        for i, (video, frame) in enumerate([('a', '1'), ('b', '1'), ('a', '2'), ('c', '1')])
    ]
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
    with pytest.raises(ConfigError, match="unknown protocol 'mine'; did you mean vinet or tmfi"):
        SaliencyMetric(protocol='mine')
    with pytest.raises(ConfigError, match="no metric 'AUC'; it has CC, KL, SIM, NSS, AUC-J"):
        SaliencyMetric(metrics=['AUC'])
    assert get_protocol('exact').summary


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
    report = ScoreReport.from_videos('exact', 'D', 'test', [])
    assert report.scores == {} and report.frames == 0


@pytest.mark.parametrize('name', ['exact', 'dhf1k-matlab', 'tmfi', 'ntire26'])
def test_it_scores_as_the_protocol_does(name):
    one = sample('a', '1', 5)
    _, report = evaluate([one], protocol=name)
    protocol = get_protocol(name)
    arrays = [one[key].numpy() for key in ('saliency_map', 'density_map', 'fixation_map')]
    prepared = protocol.prepare(arrays[0], (12, 16), final=True)
    assert report.scores == protocol.score(prepared, Truth(*arrays[1:]), METRICS)
    assert report.protocol == name


def test_sampled_scores_follow_the_seed_and_the_frame():
    samples = [sample('a', str(i), i) for i in range(3)]

    def run(order, seed):
        return evaluate(order, protocol='dhf1k-matlab', seed=seed)[0]

    assert run(samples, 1) == run(samples[::-1], 1) != run(samples, 2)
    assert run(samples, 1)['CC'] == evaluate(samples, protocol='dhf1k-matlab')[0]['CC']


def test_a_seed_draws_the_frames_that_are_scored(monkeypatch):
    protocol = get_protocol('dhf1k-matlab')
    samples = [sample('a', str(i), i) for i in range(9)]
    everything = evaluate(samples, protocol='dhf1k-matlab')[0]
    metric = SaliencyMetric('dhf1k-matlab', ['CC', 'SIM'], seed=3)
    metric.protocols = [type(protocol)(**{**vars(protocol), 'max_frames': 4})]
    metric.process(None, samples)
    scores = metric.evaluate(9)
    drawn = protocol.select_frames('CC', [], 3)
    assert drawn is None and scores['frames'] == 9 and scores['CC'] != everything['CC']
    chosen = metric.protocols[0].select_frames('CC', [('a', str(i)) for i in range(9)], 3)
    expected = [
        cc(s['saliency_map'].mul(255).round(), s['density_map']).item()
        for s in samples
        if ('a', s['meta'].frame) in chosen
    ]
    assert len(expected) == 4 and scores['CC'] == pytest.approx(np.mean(expected), abs=1e-6)


def test_repeated_samples_count_once():
    samples = [sample('a', '1', 1), sample('a', '2', 2), sample('b', '1', 3)]
    assert evaluate([*samples, samples[0]])[0] == evaluate(samples)[0]
    # Videos of two data sets may share their names.
    other = sample('a', '1', 4)
    other['meta'] = ClipMeta('E', 'test', 'a', '1', (12, 16))
    assert evaluate([*samples, other])[0]['frames'] == 4


# Shuffled AUC -----------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    root = write_dataset(tmp_path_factory.mktemp('data') / 'set', dict(test=3), frames=5)
    # One of the videos has another size.
    for part in ('images', 'maps', 'fixation'):
        for path in (root / 'test' / 'test002' / part).iterdir():
            image = Image.open(path)
            image.resize((24, 20), Image.NEAREST if part == 'fixation' else None).save(path)
    return VideoSaliencyDataset(str(root), 'test', clip_len=2, sampling='all')


def samples_of(dataset):
    samples = []
    for index in range(len(dataset)):
        files = dataset.sample_files(index)
        density, fixations = (
            torch.from_numpy(np.array(Image.open(files[key]), np.float32) / 255)
            for key in ('density_path', 'fixation_path')
        )
        generator = torch.Generator().manual_seed(index)
        meta = ClipMeta('D', 'test', files['video'], files['frame'], tuple(density.shape))
        saliency = density + 0.5 * torch.rand(density.shape, generator=generator)
        samples.append(
            dict(meta=meta, saliency_map=saliency, density_map=density, fixation_map=fixations)
        )
    return samples


def run_on(dataset, samples, testing=True, **options):
    metric = SaliencyMetric(**options)
    metric.use_dataset(dataset, testing=testing)
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_shuffled_auc_in_testing_against_the_other_videos(dataset):
    samples = samples_of(dataset)
    scores = run_on(dataset, samples)
    assert list(scores) == [*METRICS, 's-AUC', 'videos', 'frames']
    # The same by hand: every fixation of the other videos is a negative of its own.
    by_video = {}
    for one in samples:
        height, width = one['meta'].size
        fixated = one['saliency_map'][one['fixation_map'] > 0][:, None]
        points = [
            torch.tensor([y * height // other['meta'].size[0], x * width // other['meta'].size[1]])
            for other in samples
            if other['meta'].video != one['meta'].video
            for y, x in other['fixation_map'].nonzero()
        ]
        others = one['saliency_map'][tuple(torch.stack(points).T)]
        share = ((fixated > others).double() + (fixated == others).double() / 2).mean()
        by_video.setdefault(one['meta'].video, []).append(share.item())
    expected = np.mean([np.mean(values) for values in by_video.values()])
    assert scores['s-AUC'] == pytest.approx(expected, abs=1e-12)
    assert run_on(dataset, samples[::-1]) == scores


def test_shuffled_auc_against_ten_frames(dataset):
    samples = samples_of(dataset)
    scores = run_on(dataset, samples, protocol='dhf1k-matlab')
    assert 0.5 < scores['s-AUC'] <= 1
    assert run_on(dataset, samples[::-1], protocol='dhf1k-matlab') == scores
    other = run_on(dataset, samples, protocol='dhf1k-matlab', seed=5)
    assert other['s-AUC'] != scores['s-AUC']
    assert other['s-AUC'] == pytest.approx(scores['s-AUC'], abs=0.1)


def test_validation_leaves_shuffled_auc_out_unless_it_is_asked_for(dataset, monkeypatch):
    samples = samples_of(dataset)
    monkeypatch.setattr('salkit.metrics.saliency_metric.read_nonfixations', None)
    assert list(run_on(dataset, samples, testing=False)) == [*METRICS, 'videos', 'frames']
    assert list(run_on(dataset, samples, protocol='tmfi')) == [*METRICS, 'videos', 'frames']
    monkeypatch.undo()
    asked = run_on(dataset, samples, testing=False, metrics=['s-AUC'])
    assert asked['s-AUC'] == run_on(dataset, samples)['s-AUC']


def test_data_sets_that_cannot_tell(dataset, capsys):
    single = SimpleNamespace(videos=dataset.videos[:1])
    for other, why in ((single, 'has one video'), (object(), 'does not list the files')):
        assert 's-AUC' not in run_on(other, samples_of(dataset)[:2])
        with pytest.raises(ConfigError, match=why):
            SaliencyMetric(metrics=['s-AUC']).use_dataset(other)
    with pytest.raises(DataError, match='s-AUC needs fixations of other frames'):
        evaluate([sample('a', '1')], metrics=['s-AUC'])


# Several protocols, and a baseline ---------------------------------------------------------------


def test_several_protocols_score_what_each_does_alone(dataset, monkeypatch):
    samples = samples_of(dataset)
    names = ['tmfi', 'exact', 'dhf1k-matlab']
    read = []
    monkeypatch.setattr(
        'salkit.metrics.saliency_metric.read_nonfixations',
        lambda videos, rule, seed: read.append(rule) or read_nonfixations(videos, rule, seed),
    )
    metric = SaliencyMetric(names)
    metric.use_dataset(dataset, testing=True)
    metric.process(None, samples)
    scores = metric.evaluate(len(samples))
    # Each rule of nonfixations once, and none for a protocol without.
    assert sorted(read) == ['other-videos', 'ten-frames']
    for name in names:
        alone = SaliencyMetric(name)
        alone.use_dataset(dataset, testing=True)
        alone.process(None, samples)
        alone.evaluate(len(samples))
        assert metric.reports[name] == alone.report
        prefix = '' if name == 'tmfi' else f'{name}/'
        found = {metric: scores[prefix + metric] for metric in alone.report.scores}
        assert found == alone.report.scores
    assert list(metric.reports) == names and metric.report is metric.reports['tmfi']
    assert set(metric.names) == scores.keys() - {'videos', 'frames'}


def test_no_protocol_or_one_twice():
    for protocol in ([], ['exact', 'exact']):
        with pytest.raises(ConfigError, match='one protocol or several different ones'):
            SaliencyMetric(protocol)


@pytest.mark.parametrize('kind', ['center', 'mean', 'file', 'folder'])
def test_information_gain_over_each_baseline(dataset, tmp_path, kind):
    samples = samples_of(dataset)
    density = np.random.default_rng(0).random((9, 11)) + 0.1
    others = LeaveOneOutMeans(dataset.videos)
    videos = {video.name: video for video in dataset.videos}
    baselines = {
        'center': lambda meta: center_map(meta.size),
        'mean': lambda meta: others.without(videos[meta.video]),
        'file': lambda meta: resize_density(density, meta.size),
        'folder': lambda meta: resize_density(density * (meta.frame == '0002') + 0.1, meta.size),
    }
    source = kind
    if kind == 'file':
        source = tmp_path / 'density.npy'
        np.save(source, density)
    if kind == 'folder':
        source = tmp_path / 'maps'
        for one in samples:
            (source / one['meta'].video).mkdir(parents=True, exist_ok=True)
            values = density * (one['meta'].frame == '0002') + 0.1
            np.save(source / one['meta'].video / f'{one["meta"].frame}.npy', values)
    metric = SaliencyMetric(['exact', 'tmfi'], baseline=str(source))
    metric.use_dataset(dataset, testing=True)
    metric.process(None, samples)
    assert 'IG' in metric.names and 'tmfi/IG' not in metric.names
    scores = metric.evaluate(len(samples))
    by_video = {}
    for one in samples:
        arrays = [one[key].double().numpy() for key in ('saliency_map', 'fixation_map')]
        gain = information_gain(*arrays, baselines[kind](one['meta']))
        by_video.setdefault(one['meta'].video, []).append(gain)
    expected = np.mean([np.mean(gains) for gains in by_video.values()])
    assert scores['IG'] == pytest.approx(expected, abs=1e-9)
    told = {'file': 'the density map density.npy (sha256 ', 'folder': 'the maps of maps (sha256 '}
    words = told.get(kind, f'{kind}: ')
    assert words in metric.reports['exact'].ig_baseline
    assert not metric.reports['tmfi'].ig_baseline


def test_maps_of_a_baseline_are_matched_as_predictions_are(dataset, tmp_path):
    """Files of videos, names without zeros, and frames that are asked for in any order."""
    maps = np.random.default_rng(0).integers(1, 255, (5, 16, 24), np.uint8)
    np.savez_compressed(tmp_path / 'test0.npz', maps=maps)
    (tmp_path / 'test001').mkdir()
    for number in range(1, 6):
        np.save(tmp_path / 'test001' / f'{number}.npy', maps[number - 1])
    write_video(tmp_path / 'test002.mkv', maps)
    gain = BaselineSource.of(tmp_path).open(dataset.videos)
    for video in ('test000', 'test001', 'test002'):
        for number in (2, 4, 4, 1, 5, 3):
            found = gain.for_frame(video, f'{number:04d}', (12, 8))
            expected = resize_density(maps[number - 1].astype(float), (12, 8))
            np.testing.assert_array_equal(found, expected)


def test_a_baseline_that_does_not_fit_the_data_set(dataset, tmp_path):
    with pytest.raises(ConfigError, match='not among the metrics'):
        SaliencyMetric('tmfi', baseline='center')
    with pytest.raises(ConfigError, match='which does not exist'):
        SaliencyMetric(baseline=str(tmp_path / 'none'))
    with pytest.raises(DataError, match='at least 2 videos, got 0'):
        SaliencyMetric(baseline='mean').use_dataset(object())
    metric = SaliencyMetric(baseline=str(tmp_path))
    with pytest.raises(DataError, match='and the data set lists none'):
        metric.use_dataset(object())
    for video, frame in (('test000', '0002'), ('test002', '0001')):
        (tmp_path / video).mkdir()
        np.save(tmp_path / video / f'{frame}.npy', np.ones((4, 4)))
    metric.use_dataset(dataset)
    for lacking, video in (('frame 0001', 'test000'), ('video test001', 'test001')):
        with pytest.raises(DataError, match=f'the baseline has no maps? of {lacking}'):
            metric.process(None, [s for s in samples_of(dataset) if s['meta'].video == video])


# Several processes ------------------------------------------------------------------------------

PROCESS = """
import json, sys
import torch
from mmengine.dataset import DefaultSampler
from salkit.datasets import VideoSaliencyDataset
from salkit.metrics import SaliencyMetric
from test_saliency_metric import samples_of

root, out, meeting, rank = *sys.argv[1:4], int(sys.argv[4])
torch.distributed.init_process_group(
    'gloo', init_method='file://' + meeting, rank=rank, world_size=2
)
dataset = VideoSaliencyDataset(root, 'test', clip_len=2, sampling='all')
samples = samples_of(dataset)
found = []
for options in OPTIONS:
    for count in COUNTS:
        for share in SHARES:
            metric = SaliencyMetric(**options)
            metric.use_dataset(dataset, testing=True)
            chosen = samples[:count]
            if share == 'blocks':
                # A sampler of somebody else's: halves that overlap in the middle.
                half = count // 2 + 1
                sampler = range(half) if rank == 0 else range(max(0, count - half), count)
            else:
                sampler = DefaultSampler(chosen, shuffle=False, round_up=share == 'rounded up')
            metric.process(None, [chosen[i] for i in sampler])
            scores = metric.evaluate(count)
            if rank == 0:
                found.append([scores, metric.report.to_json()])
if found:
    open(out, 'w').write(json.dumps(found))
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""
OPTIONS = [dict(protocol='exact'), dict(protocol='dhf1k-matlab', seed=2), dict(protocol='tmfi')]
COUNTS = [15, 7, 1]
SHARES = ['rounded up', 'uneven', 'blocks']


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(dataset, tmp_path):
    script = tmp_path / 'process.py'
    text = PROCESS
    for name in ('OPTIONS', 'COUNTS', 'SHARES'):
        text = text.replace(name, repr(globals()[name]))
    script.write_text(text)
    folder = Path(__file__).parent
    environment = {
        **os.environ,
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
        'PYTHONPATH': os.pathsep.join([str(folder), str(folder.parent)]),
    }
    out = tmp_path / 'out.json'
    # They meet by a file: a free port may be somebody else's by the time it is used.
    command = [sys.executable, script, dataset.data_root, out, tmp_path / 'meeting']
    processes = [
        subprocess.Popen([*map(str, command), str(rank)], cwd=tmp_path, env=environment)
        for rank in range(2)
    ]
    try:
        assert [process.wait(timeout=300) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    found = iter(json.loads(out.read_text()))
    samples = samples_of(dataset)
    for options in OPTIONS:
        for count in COUNTS:
            metric = SaliencyMetric(**options)
            metric.use_dataset(dataset, testing=True)
            metric.process(None, samples[:count])
            scores = metric.evaluate(count)
            assert scores['frames'] == count
            for _ in SHARES:
                assert next(found) == json.loads(json.dumps([scores, metric.report.to_json()]))
