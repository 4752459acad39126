"""Information gain of anybody's maps, over each kind of baseline."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from score_data import SIZE, blob, predicted, write_predictions, write_set, write_truth

from salkit.cli import main
from salkit.datasets.predictions import find_predictions
from salkit.errors import ConfigError, DataError
from salkit.metrics.baseline_densities import center_map
from salkit.metrics.gain_baseline import BaselineSource
from salkit.scoring import ScoreOptions, compare, leaderboard, score, score_protocols
from salkit.scoring.plan import make_plans

GOLDEN = Path(__file__).parents[1] / 'data' / 'metrics_golden.npz'
# pysaliency's `information_gain` of the maps `pred_d` + 1 on the frames of the real sequence over a
# Gaussian in the middle, both as its `SaliencyMapNormalizingModel`.
PYSALIENCY = {
    1: 0.06950286379588463,
    4: 0.782556482555664,
    7: 0.1217102326964953,
    10: 0.6610089244466888,
    13: 0.40128518431578125,
    16: 1.022239827033427,
    19: 0.8866769904661409,
    22: 1.7088763870830224,
    25: 0.5858709985498559,
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path_factory.mktemp('cache')))


@pytest.fixture
def uneven(tmp_path):
    """Three videos of other lengths, sizes and places of gaze."""
    for seed, (frames, size, first) in enumerate(
        [(2, SIZE, 1), (4, SIZE, 7), (3, (32, 24), 20)], start=1
    ):
        folder = write_truth(tmp_path / 'truth' / f'v{seed}', frames, size)
        for i, path in enumerate(sorted((folder / 'maps').iterdir())):
            density = blob(first + i, 12, size) + 0.05
            Image.fromarray(np.rint(230 * density).astype(np.uint8)).save(path)
        write_predictions(tmp_path / 'pred' / f'v{seed}', predicted(frames, size, seed) // 2 + 9)
    return tmp_path / 'pred', tmp_path / 'truth'


def pixels(path):
    return np.asarray(Image.open(path)).astype(np.float64)


def gain_by_hand(prediction, fixated, baseline):
    values = [m / m.sum() for m in (prediction, baseline)]
    return np.log2(values[0][fixated] / values[1][fixated]).mean()


def score_by_hand(pred, truth, baseline_of):
    """Mean over videos of the mean over frames; `baseline_of` takes the video and the size."""
    videos = []
    for video in sorted(truth.iterdir()):
        gains = []
        for path in sorted((video / 'fixation').iterdir()):
            fixated = pixels(path) > 0
            baseline = baseline_of(video.name, fixated.shape)
            gains.append(gain_by_hand(pixels(pred / video.name / path.name), fixated, baseline))
        videos.append(np.mean(gains))
    return np.mean(videos)


def gain(pred, truth, baseline, **options):
    options = dict(metrics=['IG'], workers=1) | options
    return score(pred, truth, baseline=baseline, **options).scores['IG']


def test_real_frames_gain_what_pysaliency_says(tmp_path, sample_sequence):
    with np.load(GOLDEN) as stored:
        maps = stored['pred_d'].astype(np.float32) + 1
    for part in ('maps', 'fixation'):
        (tmp_path / 'truth' / 'v' / part).mkdir(parents=True)
        files = sorted((sample_sequence / part).glob('*.png'))
        for frame in PYSALIENCY:
            (tmp_path / 'truth' / 'v' / part / f'{frame:04d}.png').symlink_to(files[frame - 1])
    np.save(tmp_path / 'v.npy', maps)
    table = tmp_path / 'frames.csv'
    gain(tmp_path / 'v.npy', tmp_path / 'truth', 'center', csv=table)
    found = [float(line.split(',')[-1]) for line in table.read_text().splitlines()[1:]]
    # The protocol adds 2^-52 to each probability, and they are down to 1e-7.
    np.testing.assert_allclose(found, list(PYSALIENCY.values()), rtol=0, atol=1e-8)


def test_over_the_middle_whatever_the_size(uneven):
    expected = score_by_hand(*uneven, lambda video, size: center_map(size))
    assert gain(*uneven, 'center') == pytest.approx(expected, abs=1e-9)


def test_over_the_other_videos_whatever_the_workers(uneven, tmp_path):
    pred, truth = uneven

    def resized(density, size):
        import cv2

        grown = size[0] * size[1] >= density.size
        how = cv2.INTER_LINEAR if grown else cv2.INTER_AREA
        density = cv2.resize(density, size[::-1], interpolation=how)
        return density / density.sum()

    def others(name, size):
        total = np.zeros(size)
        for video in truth.iterdir():
            if video.name != name:
                maps = [pixels(path) for path in sorted((video / 'maps').iterdir())]
                total += resized(np.mean([m / m.sum() for m in maps], axis=0), size)
        return total

    found = gain(pred, truth, 'mean')
    assert found == pytest.approx(score_by_hand(pred, truth, others), abs=1e-9)
    assert gain(pred, truth, 'mean', workers=2) == found
    # A run that is left with one video to score takes the others into account all the same.
    (tmp_path / 'one').mkdir()
    (tmp_path / 'one' / 'v3').symlink_to(pred / 'v3')
    alone = score(tmp_path / 'one', truth, baseline='mean', allow_missing=True, workers=1)
    both = score(pred, truth, baseline='mean', workers=1)
    assert alone.per_video['v3'] == both.per_video['v3']


@pytest.mark.parametrize('kind', ['mean', 'center'])
def test_maps_that_salkit_baseline_writes_are_the_same_baseline(uneven, tmp_path, kind):
    for video in uneven[1].iterdir():
        # It names its maps after the frames.
        (video / 'images').symlink_to(video / 'maps')
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set' / 'test').symlink_to(uneven[1])
    argv = ['baseline', kind, '--dataset-root', tmp_path / 'set', '--out', tmp_path / 'maps']
    assert main([str(item) for item in [*argv, '--format', 'npy']]) == 0
    expected = gain(*uneven, kind)
    assert gain(*uneven, str(tmp_path / 'maps')) == pytest.approx(expected, abs=1e-5)


def test_over_the_density_of_another_set(uneven, tmp_path, capsys):
    for video in uneven[1].iterdir():
        (video / 'images').symlink_to(video / 'maps')
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set' / 'test').symlink_to(uneven[1])
    out = tmp_path / 'density.npy'
    argv = ['baseline', 'mean', '--dataset-root', tmp_path / 'set']
    assert main([str(item) for item in [*argv, '--out', out]]) == 0
    assert f'the density of 3 videos written to {out}' in capsys.readouterr().out
    density = np.load(out)
    assert density.shape == SIZE and density.sum() == pytest.approx(1)
    pred, truth = write_set(tmp_path / 'other', videos=('a', 'b'))
    expected = score_by_hand(pred, truth / 'val', lambda video, size: density.astype(np.float64))
    assert gain(pred, truth, out) == pytest.approx(expected, abs=1e-6)


def test_in_the_table_of_each_protocol_that_has_it(tmp_path, capsys):
    pred, truth = write_set(tmp_path)
    out = tmp_path / 'scores.json'
    argv = ['score', pred, truth, '--protocol', 'exact,tmfi,dhf1k-matlab', '--baseline', 'center']
    assert main([str(item) for item in [*argv, '--out', out, '--workers', '1']]) == 0
    printed = capsys.readouterr().out
    assert printed.count('IG [bit/fixation]') == 2
    assert printed.count('IG over center: a Gaussian, sigma 0.2 of height and width') == 2
    reports = {each['protocol']: each for each in json.loads(out.read_text())['reports']}
    assert list(reports['exact']['scores'])[-1] == 'IG' and 'IG' not in reports['tmfi']['scores']
    assert (
        reports['exact']['ig_baseline'].startswith('center') and not reports['tmfi']['ig_baseline']
    )
    # Without one, nothing has changed.
    assert 'IG' not in score(pred, truth, workers=1).scores


def test_values_below_0_have_no_gain_and_are_counted(tmp_path):
    pred, truth = write_set(tmp_path, videos=('a', 'b'))
    maps = predicted() / 255
    maps[2, 0, 0] = -0.1
    np.save(tmp_path / 'pred' / 'a.npy', maps)
    for path in (pred / 'a').iterdir():
        path.unlink()
    (pred / 'a').rmdir()
    report = score(pred, truth, baseline='center', workers=1)
    assert report.undefined['IG'] == 1 and 'IG undefined on 1 frames' in report.headline


def test_a_baseline_that_is_0_where_people_look_is_told(tmp_path):
    pred, truth = write_set(tmp_path, videos=('a', 'b'))
    density = np.ones(SIZE)
    # The two fixations of the first frame, see `score_data.place`.
    density[11:13, 4:6] = 0
    np.save(tmp_path / 'density.npy', density)
    report = score(pred, truth, baseline=tmp_path / 'density.npy', metrics=['IG'], workers=1)
    assert report.surprising_frames == 4 and report.scores['IG'] > 5
    assert 'the baseline is 0 where 4 frames were looked at' in report.headline


def keys(pred, truth, baseline):
    options = ScoreOptions(baseline=baseline)
    plans = make_plans(dict(exact=['IG']), find_predictions(pred), truth, options)
    return {video.name: video.key for video in plans[0].videos}


def test_another_baseline_is_another_score(uneven, tmp_path):
    pred, truth = uneven
    density = tmp_path / 'density.npy'
    np.save(density, np.ones(SIZE))
    sources = ['center', 'mean', density, pred]
    found = [keys(pred, truth, source) for source in sources]
    assert len({each['v1'] for each in found}) == 4
    assert [keys(pred, truth, source) for source in sources] == found
    # One file has changed: the density, a map of one video, and what the other videos' mean is of.
    np.save(density, np.ones((5, 5)))
    assert keys(pred, truth, density)['v1'] != found[2]['v1']
    other = tmp_path / 'copy'
    for video in pred.iterdir():
        write_predictions(other / video.name, [pixels(p).astype(np.uint8) for p in video.iterdir()])
    before = keys(pred, truth, other)
    os.utime(other / 'v2' / '0001.png', (1, 1))
    after = keys(pred, truth, other)
    assert [name for name in before if before[name] != after[name]] == ['v2']
    os.utime(truth / 'v2' / 'maps' / '0001.png', (1, 1))
    after = keys(pred, truth, 'mean')
    assert all(after[name] != found[1][name] for name in after)


def test_what_is_no_baseline(uneven, tmp_path):
    pred, truth = uneven
    with pytest.raises(ConfigError, match='expected center, mean, a density map or a folder'):
        score(pred, truth, baseline='middle')
    with pytest.raises(ConfigError, match=r'not among the metrics \(tmfi: CC, KL'):
        score(pred, truth, 'tmfi', baseline='center')
    with pytest.raises(ConfigError, match='IG needs a baseline density'):
        score(pred, truth, metrics=['IG'])
    for values, told in ((np.zeros(SIZE), 'got zeros'), (-np.ones(SIZE), 'if it is a logarithm')):
        np.save(tmp_path / 'density.npy', values)
        with pytest.raises(DataError, match=told):
            score(pred, truth, baseline=tmp_path / 'density.npy')
    write_predictions(tmp_path / 'few' / 'v1', predicted(1))
    with pytest.raises(DataError, match=r'no map for 1 of the 2 frame\(s\) to score of v1: 0002'):
        score(pred, truth, baseline=tmp_path / 'few')
    with pytest.raises(DataError, match='at least 2 videos, got 1'):
        score(pred / 'v1', truth / 'v1', baseline='mean')


def test_gains_over_different_baselines_are_not_compared(uneven):
    reports = [
        score_protocols(*uneven, ['exact'], baseline=baseline, workers=1)
        for baseline in ('center', 'mean')
    ]
    with pytest.raises(DataError, match='IG of scores 1 is counted from center: a Gaussian'):
        compare(*reports)
    with pytest.raises(DataError, match=r'scores 1: center: a Gaussian.*scores 2: mean: the mean'):
        leaderboard(*reports)
    assert leaderboard(*reports, metrics=['NSS']).boards
    own = reports[0].reports['exact']
    for text in (compare(own, own).format(), leaderboard(own, own).format()):
        assert 'IG [bit/fixation]  ' in text or 'IG [bit/fixation] ↑' in text


@pytest.mark.parametrize('name', ['base.npy', 'base/v/1.npy'])
def test_a_baseline_is_known_by_its_content(tmp_path, monkeypatch, name):
    source = name.partition('/')[0]
    for folder, level in (('here', 1), ('copy', 1), ('other', 2)):
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True)
        np.save(path, np.full(SIZE, level))
    monkeypatch.chdir(tmp_path / 'here')
    words = str(BaselineSource.of(source))
    assert f'{source} (sha256 ' in words and '/' not in words
    assert str(BaselineSource.of(Path(source).absolute())) == words
    assert str(BaselineSource.of(tmp_path / 'copy' / source)) == words
    assert str(BaselineSource.of(tmp_path / 'other' / source)) != words
