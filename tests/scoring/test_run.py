import csv
import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from score_data import predicted, write_avimos, write_predictions, write_set, write_video

from salkit.errors import ConfigError, DataError
from salkit.media.map_stacks import FolderStack
from salkit.metrics import Truth, get_protocol
from salkit.registry import PROTOCOLS
from salkit.scoring import plan, score, score_protocols
from salkit.scoring.work import tied_share


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path_factory.mktemp('cache')))


NAMES = ['exact', 'dhf1k-matlab', 'tmfi', 'ntire26']


def by_hand(pred, truth, protocol, metrics):
    """Mean over videos of the mean over frames, read with Pillow alone."""
    protocol = get_protocol(protocol)
    videos = []
    for video in sorted((truth / 'val').iterdir()):
        frames = []
        for path in sorted((video / 'maps').iterdir()):
            density, fixations = (
                np.array(Image.open(video / part / path.name)) for part in ('maps', 'fixation')
            )
            prediction = np.array(Image.open(pred / video.name / path.name))
            prepared = protocol.prepare(prediction, density.shape)
            scores = protocol.score(prepared, Truth(density, fixations > 0), metrics)
            frames.append([scores[metric] for metric in metrics])
        videos.append(np.mean(frames, 0))
    return np.mean(videos, 0)


@pytest.mark.parametrize('protocol', NAMES)
def test_scores_are_those_of_the_protocol(tmp_path, protocol):
    pred, truth = write_set(tmp_path)
    metrics = ['CC', 'KL', 'SIM', 'NSS', 'AUC-J']
    report = score(pred, truth, protocol, metrics=metrics, workers=1)
    expected = by_hand(pred, truth, protocol, metrics)
    np.testing.assert_allclose([report.scores[m] for m in metrics], expected, rtol=1e-12)
    assert (report.videos, report.frames, report.split) == (3, 18, 'val')


def test_all_formats_give_the_same(tmp_path):
    pred, truth = write_set(tmp_path)
    wanted = score(pred, truth, workers=1).scores
    for kind in ('png16', 'npy', 'npz', 'array', 'zip', 'mkv'):
        folder = tmp_path / kind
        folder.mkdir()
        for seed, video in enumerate(('601', '602', '603')):
            maps = predicted(seed=seed)
            if kind == 'array':
                np.save(folder / f'{video}.npy', maps)
            elif kind == 'zip':
                np.savez_compressed(folder / f'{video}.npz', maps)
            elif kind == 'mkv':
                write_video(folder / f'{video}.mkv', maps)
            else:
                write_predictions(folder / video, maps, name='{}', kind=kind)
        found = score(folder, truth, workers=1).scores
        # Only where a protocol divides by 255 in single precision do they differ at all.
        np.testing.assert_allclose(list(found.values()), list(wanted.values()), rtol=1e-6)


def test_workers_do_not_matter(tmp_path):
    pred, truth = write_set(tmp_path)
    one = score_protocols(pred, truth, NAMES, workers=1)
    two = score_protocols(pred, truth, NAMES, workers=2)
    for name in NAMES:
        assert one.reports[name] == two.reports[name]
        assert one.reports[name].scores == score(pred, truth, name, workers=1).scores


@pytest.mark.parametrize('workers', [1, 2])
def test_folders_are_listed_and_frames_paired_once(tmp_path, monkeypatch, workers):
    pred, truth = write_set(tmp_path)
    listed, paired = [], []

    # Forked workers would fail here as well.
    def list_once(stack, path, *suffixes):
        assert os.getpid() == process and path not in listed
        listed.append(path)
        listing(stack, path, *suffixes)

    def pair_once(found, wanted):
        assert os.getpid() == process
        paired.append((found.path, wanted.path))
        return pairing(found, wanted)

    process, listing, pairing = os.getpid(), FolderStack.__init__, plan.match_frames
    monkeypatch.setattr(FolderStack, '__init__', list_once)
    monkeypatch.setattr(plan, 'match_frames', pair_once)
    monkeypatch.setattr('salkit.datasets.truth_video.match_frames', pair_once)
    score_protocols(pred, truth, ['exact', 'dhf1k-matlab'], workers=workers)
    assert len(listed) >= 9 and len(set(paired)) == len(paired) == 6


def test_shuffled_auc_takes_the_other_videos(tmp_path):
    pred, truth = write_set(tmp_path, videos=('1', '2'))
    report = score(pred, truth, metrics=['s-AUC'], workers=1)
    protocol = get_protocol('exact')
    for own, other in (('1', '2'), ('2', '1')):
        fixations = {}
        for video in (own, other):
            files = sorted((truth / 'val' / video / 'fixation').iterdir())
            fixations[video] = [np.array(Image.open(path)) > 0 for path in files]
        pool = np.sum(fixations[other], 0)
        values = [
            protocol.score(np.array(Image.open(p)), Truth(None, f, nonfixations=pool), ['s-AUC'])[
                's-AUC'
            ]
            for p, f in zip(sorted((pred / own).iterdir()), fixations[own], strict=True)
        ]
        assert report.per_video[own]['s-AUC'] == pytest.approx(np.mean(values), rel=1e-12)


def test_one_video_has_no_shuffled_auc(tmp_path):
    pred, truth = write_set(tmp_path, videos=('1',))
    scoring = score_protocols(pred, truth, ['exact'], workers=1)
    assert 's-AUC' not in scoring.reports['exact'].scores
    assert 's-AUC of protocol exact left out' in scoring.plans['exact'].warnings[0]
    with pytest.raises(ConfigError, match='there is one video'):
        score(pred, truth, metrics=['s-AUC'], workers=1)


def test_files_that_are_written(tmp_path):
    pred, truth = write_set(tmp_path)
    out, table = tmp_path / 'new' / 'scores.json', tmp_path / 'frames.csv'
    report = score(pred, truth, 'dhf1k-matlab', out=out, csv=table, workers=2)
    content = json.loads(out.read_text())
    assert content['scores'] == report.scores and content['split'] == 'val'
    assert content['frames_per_video'] == {'0601': 6, '0602': 6, '0603': 6}
    assert content['missing'] == dict(videos=[], frames=[], maps=[], not_finite=[])
    assert content['predictions'] == str(pred) and content['versions']['numpy'] == np.__version__
    assert {'command', 'salkit_version', 'warnings', 'ground_truth'} <= content.keys()
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 18 and rows[7]['video'] == '0602' and rows[7]['frame'] == '0002'
    values = [float(row['NSS']) for row in rows if row['video'] == '0602']
    assert math.fsum(values) / 6 == pytest.approx(report.per_video['0602']['NSS'], rel=1e-12)
    assert sorted(p.name for p in out.parent.iterdir()) == ['scores.json']


def test_several_protocols_in_one_file(tmp_path):
    pred, truth = write_set(tmp_path)
    score_protocols(pred, truth, ['tmfi', 'exact'], out=tmp_path / 's.json', workers=1)
    content = json.loads((tmp_path / 's.json').read_text())
    assert [report['protocol'] for report in content['reports']] == ['tmfi', 'exact']


def test_mat_files_are_for_the_matlab_protocol_only(tmp_path):
    from scipy.io import savemat

    pred, truth = write_set(tmp_path)
    before = score_protocols(pred, truth, ['exact', 'dhf1k-matlab'], workers=1).reports
    for video in (truth / 'val').iterdir():
        (video / 'fixation' / 'maps').mkdir()
        for path in (video / 'fixation').glob('*.png'):
            moved = np.roll(np.array(Image.open(path)), 3, axis=1)
            savemat(video / 'fixation' / 'maps' / f'{path.stem}.mat', {'I': moved})
    after = score_protocols(pred, truth, ['exact', 'dhf1k-matlab'], workers=1).reports
    assert after['exact'] == before['exact']
    assert after['dhf1k-matlab'].scores['NSS'] != before['dhf1k-matlab'].scores['NSS']
    assert after['dhf1k-matlab'].scores['CC'] == before['dhf1k-matlab'].scores['CC']


def test_avimos_with_videos(tmp_path):
    write_avimos(tmp_path / 'data')
    (tmp_path / 'pred').mkdir()
    for seed, name in enumerate('ab'):
        write_video(
            tmp_path / 'pred' / f'{name}.mp4', predicted(5, seed=seed), 'libx264', 'yuv420p', qp='0'
        )
    report = score(tmp_path / 'pred', tmp_path / 'data', 'ntire26', workers=2)
    assert (report.dataset, report.split, report.frames) == ('AViMoS', 'test', 10)
    assert 0.5 < report.scores['CC'] < 1 and report.scores['AUC-J'] > 0.6


def test_a_seed_draws_frames_and_splits(tmp_path, monkeypatch):
    pred, truth = write_set(tmp_path)
    protocol = get_protocol('dhf1k-matlab')
    monkeypatch.setitem(PROTOCOLS.module_dict, protocol.name, replace(protocol, max_frames=5))
    rows = {}
    for seed in (None, 1, 1, 2):
        path = tmp_path / 'f.csv'
        score(pred, truth, 'dhf1k-matlab', seed=seed, csv=path, workers=1)
        lines = list(csv.DictReader(path.open()))
        chosen = [(line['video'], line['frame']) for line in lines if line['CC']]
        assert len(chosen) == (18 if seed is None else 5)
        assert rows.setdefault(seed, lines) == lines
    assert rows[1] != rows[2]


def test_final_maps_are_not_blurred_again(tmp_path, monkeypatch):
    pred, truth = write_set(tmp_path)
    unblurred = replace(get_protocol('tmfi'), name='unblurred', blur_kernel=0)
    monkeypatch.setitem(PROTOCOLS.module_dict, 'unblurred', unblurred)
    expected = score(pred, truth, 'unblurred', workers=1).scores
    assert score(pred, truth, 'tmfi', workers=1, final=True).scores == expected
    assert score(pred, truth, 'tmfi', workers=1).scores['CC'] != expected['CC']
    small = [values[::2, ::2] for values in predicted()]
    write_predictions(pred / '0602', small)
    with pytest.raises(
        DataError, match=r'expected 24 rows and 32 columns .* got 12 rows and 16 columns'
    ):
        score(pred, truth, 'tmfi', workers=1, final=True)


def test_ties_of_8_bits_are_told(tmp_path):
    pred, truth = write_set(tmp_path)
    assert not any(
        '8-bit' in w for w in score_protocols(pred, truth, ['exact']).plans['exact'].warnings
    )
    for path in pred.glob('*/*.png'):
        Image.fromarray(np.array(Image.open(path)) // 64 * 64).save(path)
    scoring = score_protocols(pred, truth, ['exact'])
    (line,) = scoring.plans['exact'].warnings
    assert '8-bit maps' in line and 'AUC-J' in line
    assert scoring.to_json()['eight_bit_tied_share'] > 0.05


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_tied_share_counts_pairs(data):
    size = data.draw(st.tuples(st.integers(2, 9), st.integers(2, 9)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = rng.integers(0, 4, size).astype(np.uint8)
    fixated = rng.random(size) < 0.3
    others = values[~fixated]
    pairs = [(others == value).mean() for value in values[fixated]]
    expected = np.mean(pairs) if pairs and others.size else math.nan
    np.testing.assert_allclose(tied_share(values, fixated), expected, atol=1e-12)


@settings(
    deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(frames=st.integers(1, 9), size=st.tuples(st.integers(16, 40), st.integers(16, 40)))
def test_any_number_and_size_of_frames(tmp_path, frames, size):
    root = tmp_path / f'{frames}_{size[0]}_{size[1]}'
    shutil.rmtree(root, ignore_errors=True)
    pred, truth = write_set(root, videos=('1', '2'), frames=frames, size=size)
    report = score(pred, truth, workers=1)
    assert report.frames == 2 * frames and report.scores['CC'] > 0


@pytest.mark.skipif('SALKIT_SAMPLE_DATA' not in os.environ, reason='no real sequence')
def test_real_maps_scored_against_themselves(tmp_path):
    video = Path(os.environ['SALKIT_SAMPLE_DATA'], 'ucf_sports', 'testing', 'Diving-Side-001')
    report = score(video / 'maps', video.parents[1], workers=2)
    assert (report.videos, report.frames, report.split) == (1, 54, 'test')
    assert report.scores['CC'] == pytest.approx(1)
    assert report.scores['KL'] == pytest.approx(0, abs=1e-9)
