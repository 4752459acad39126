import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from make_data import write_dataset, write_video
from PIL import Image

from salkit.cli import main
from salkit.datasets import VideoSaliencyDataset
from salkit.errors import SalkitError
from salkit.functional import cc
from salkit.metrics.baseline_densities import (
    LeaveOneOutMeans,
    center_map,
    mean_density_map,
    resize_density,
    video_density,
)
from salkit.scoring.baselines import write_baseline


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / 'set', splits=dict(test=3), frames=6)


@pytest.fixture
def uneven(tmp_path):
    """Four videos of other lengths and sizes, gaze in other places."""
    folder = tmp_path / 'uneven' / 'test'
    for i, (frames, size) in enumerate(
        [(3, (32, 48)), (7, (32, 48)), (5, (40, 30)), (9, (24, 64))]
    ):
        write_video(folder / f'v{i}', frames=frames, size=size, seed=i)
    return folder.parent


def density(path):
    return np.asarray(Image.open(path)).astype(float)


def hand_made_mean(folder, size):
    """Mean of the frames' sum-normalised maps, all of one size."""
    total = np.zeros(size)
    maps = sorted((folder / 'maps').iterdir())
    for path in maps:
        total += density(path) / density(path).sum()
    return total / len(maps)


def run(*argv):
    return main(['baseline', *map(str, argv)])


def fails(capsys, *argv):
    assert run(*argv) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith('salkit baseline: error: ')
    return line


# Centre ------------------------------------------------------------------------------------------


def test_the_centre_is_a_symmetric_gaussian_stretched_to_the_frame():
    found = center_map((40, 80), 0.2)
    assert found.shape == (40, 80) and 0.99 < found.max() <= 1
    assert np.array_equal(found, found[::-1]) and np.array_equal(found, found[:, ::-1])
    # sigma down is 8 pixels, across 16.
    assert found[20 + 8, 40] / found[20, 40] == pytest.approx(
        np.exp(-(8.5**2 - 0.5**2) / (2 * 8**2))
    )
    assert found[20, 40 + 16] / found[20, 40] == pytest.approx(
        np.exp(-(16.5**2 - 0.5**2) / (2 * 16**2))
    )
    with pytest.raises(SalkitError, match='sigma must be above 0'):
        center_map((4, 4), 0)


@pytest.mark.parametrize('format', ['png16', 'npy', 'png'])
def test_the_centre_is_written_for_every_frame(uneven, tmp_path, format, capsys):
    out = tmp_path / 'out'
    argv = ['center', '--dataset-root', uneven, '--out', out, '--format', format]
    assert run(*argv, '--sigma', 0.3) == 0
    assert f'center: 4 videos written to {out}' in capsys.readouterr().out
    suffix = 'npy' if format == 'npy' else 'png'
    for video, frames, size in (('v0', 3, (32, 48)), ('v3', 9, (24, 64))):
        paths = sorted((out / video).iterdir())
        assert [p.name for p in paths] == [f'{i:04d}.{suffix}' for i in range(1, frames + 1)]
        expected = center_map(size, 0.3) / center_map(size, 0.3).max()
        for path in paths:
            found = np.load(path) if format == 'npy' else density(path)
            scale = dict(npy=1, png16=65535, png=255)[format]
            assert np.abs(found / scale - expected).max() < (
                1e-6 if format == 'npy' else 0.6 / scale
            )


# Mean --------------------------------------------------------------------------------------------


def test_the_mean_is_that_of_the_other_videos(root, tmp_path):
    out = tmp_path / 'out'
    # The videos of this set look alike until one is moved.
    for path in (root / 'test' / 'test001' / 'maps').iterdir():
        Image.fromarray(np.roll(density(path), (6, 20), (0, 1)).astype(np.uint8)).save(path)
    assert run('mean', '--dataset-root', root, '--out', out, '--format', 'npy') == 0
    own = {f.name: hand_made_mean(f, (32, 48)) for f in sorted((root / 'test').iterdir())}
    for name in own:
        expected = sum(mean for other, mean in own.items() if other != name)
        target = density(root / 'test' / name / 'maps' / '0003.png') / 255
        found = np.load(out / name / '0003.npy').astype(float)
        assert found.max() == 1
        assert found == pytest.approx(expected / expected.max(), abs=1e-6)
        assert float(cc(found, target)) == pytest.approx(float(cc(expected, target)), abs=1e-6)


def test_a_video_never_predicts_itself(root, tmp_path):
    """Another video's density moved, one's own prediction stays as it was; and the reverse."""
    dataset = VideoSaliencyDataset(str(root), 'test')
    before = [LeaveOneOutMeans(dataset.videos).without(video) for video in dataset.videos]
    for path in dataset.videos[0].densities:
        Image.fromarray(np.roll(density(path), 20, 1).astype(np.uint8)).save(path)
    after = [LeaveOneOutMeans(dataset.videos).without(video) for video in dataset.videos]
    assert after[0] == pytest.approx(before[0], abs=1e-15)
    assert np.abs(after[1] - before[1]).max() > 1e-4


def test_videos_weigh_the_same_whatever_their_length_and_size(uneven):
    dataset = VideoSaliencyDataset(str(uneven), 'test')
    means = LeaveOneOutMeans(dataset.videos)
    for video in dataset.videos:
        size = density(video.densities[0]).shape
        expected = np.mean(
            [
                resize_density(video_density(other), size)
                for other in dataset.videos
                if other is not video
            ],
            axis=0,
        )
        found = means.without(video)
        assert found.shape == size and found.sum() == pytest.approx(1)
        assert found == pytest.approx(expected, abs=1e-12) and found.min() >= 0
    assert mean_density_map(dataset.videos).shape == (32, 48)
    assert mean_density_map(dataset.videos, (16, 16)).sum() == pytest.approx(1)


def test_frames_and_videos_without_density(root):
    dataset = VideoSaliencyDataset(str(root), 'test')
    videos = dataset.videos
    whole = video_density(videos[1])
    Image.fromarray(np.zeros((32, 48), np.uint8)).save(videos[1].densities[0])
    part = video_density(videos[1])
    assert part.sum() == pytest.approx(1) and np.abs(part - whole).max() > 1e-6
    for path in videos[0].densities:
        Image.fromarray(np.zeros((32, 48), np.uint8)).save(path)
    assert video_density(videos[0]) is None
    means = LeaveOneOutMeans(videos)
    assert means.without(videos[1]) == pytest.approx(video_density(videos[2]), abs=1e-12)
    expected = (video_density(videos[1]) + video_density(videos[2])) / 2
    assert means.without(videos[0]) == pytest.approx(expected, abs=1e-12)
    for path in videos[1].densities:
        Image.fromarray(np.zeros((32, 48), np.uint8)).save(path)
    with pytest.raises(SalkitError, match='test002: no other video has a density map'):
        LeaveOneOutMeans(videos).without(videos[2])
    with pytest.raises(SalkitError, match='no video has a density map'):
        mean_density_map(videos[:2])


def test_one_video_has_no_others(tmp_path, capsys):
    root = write_dataset(tmp_path / 'one', splits=dict(test=1), frames=3)
    line = fails(capsys, 'mean', '--dataset-root', root, '--out', tmp_path / 'out')
    assert 'needs at least 2 videos, got 1' in line and not (tmp_path / 'out').exists()


# Writing -----------------------------------------------------------------------------------------


def test_finished_videos_are_not_written_again(root, tmp_path, capsys):
    out = tmp_path / 'out'
    argv = ['mean', '--dataset-root', root, '--out', out]
    assert run(*argv) == 0
    first = {path: path.stat().st_mtime_ns for path in out.rglob('*.png')}
    shutil.rmtree(out / 'test001')
    capsys.readouterr()
    assert run(*argv) == 0
    assert '1 videos written' in (printed := capsys.readouterr().out)
    assert '2 were there already' in printed
    now = {path: path.stat().st_mtime_ns for path in out.rglob('*.png')}
    assert now.keys() == first.keys()
    assert {p.parent.name for p in now if now[p] != first[p]} == {'test001'}
    assert not list(out.rglob('*.tmp*'))
    # Other settings would leave a mix behind.
    assert 'holds another baseline (other baseline, sigma)' in fails(
        capsys, 'center', '--dataset-root', root, '--out', out
    )
    other = shutil.copytree(root, tmp_path / 'other')
    assert 'other data_root' in fails(capsys, 'mean', '--dataset-root', other, '--out', out)
    write_video(root / 'test' / 'test009', frames=2)
    assert 'other frames_per_video' in fails(capsys, *argv)


def test_without_links_the_maps_are_copies(root, tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError('no links here')

    dataset = VideoSaliencyDataset(str(root), 'test')
    write_baseline('center', dataset, tmp_path / 'links')
    monkeypatch.setattr('os.link', no_links)
    write_baseline('center', dataset, tmp_path / 'copies')
    for path in (tmp_path / 'links').rglob('*.png'):
        copy = tmp_path / 'copies' / path.relative_to(tmp_path / 'links')
        assert copy.read_bytes() == path.read_bytes() and copy.stat().st_nlink == 1


def test_a_config_names_the_data_set_too(root, tmp_path, capsys):
    config = 'demo/umt-tiny_cc-kl'
    out = tmp_path / 'out'
    assert run('center', config, '--out', out, '--cfg-options', f'data_root={root}') == 0
    assert len(list(out.rglob('*.png'))) == 18
    settings = json.loads((out / 'baseline.json').read_text())
    assert (settings['dataset'], settings['split']) == (root.name, 'test')
    for argv, reason in (
        (['center', '--out', out], 'one of the two'),
        (['center', config, '--dataset-root', root, '--out', out], 'one of the two'),
        (['center', config, '--split', 'val', '--out', out], 'go with --dataset-root'),
        (
            ['mean', '--dataset-root', root, '--out', out, '--sigma', 1],
            'mean baseline has no sigma',
        ),
        (['mean', '--dataset-root', root, '--out', out, '--observers', 'x'], 'goes with inter-obs'),
        (['center', '--dataset-root', root, '--out', out, '--sigma', -1], 'above 0, got -1.0'),
        (['center', '--dataset-root', tmp_path / 'no', '--out', out], 'does not exist'),
        (['center', '--dataset-root', root, '--dataset', 'DHF1K', '--out', out], 'DHF1KDataset'),
        (['center', '--dataset-root', root, '--dataset', 'LoadClip', '--out', out], 'LoadClip'),
    ):
        assert reason in fails(capsys, *argv)


def test_a_real_sequence(sample_sequence, tmp_path):
    root = sample_sequence.parents[1]
    out = tmp_path / 'out'
    assert run('center', '--dataset-root', root, '--dataset', 'UCFSportsDataset', '--out', out) == 0
    frames = sorted(p.stem for p in (sample_sequence / 'maps').glob('*.png'))
    written = sorted((out / sample_sequence.name).glob('*.png'))
    assert len(frames) == len(written) > 10
    assert density(written[0]).shape == density(next((sample_sequence / 'maps').iterdir())).shape


# From the maps to a comparison -------------------------------------------------------------------


def test_baselines_are_scored_and_compared(uneven, tmp_path, capsys):
    files = []
    for kind in ('center', 'mean'):
        files.append(str(tmp_path / f'{kind}.json'))
        out = str(tmp_path / kind)
        assert run(kind, '--dataset-root', uneven, '--out', out) == 0
        score = ['score', out, str(uneven / 'test'), '--out', files[-1], '--workers', '1']
        assert main(score) == 0
    content = json.loads(Path(files[-1]).read_text())
    (scores,) = content.get('reports', [content])
    dataset = VideoSaliencyDataset(str(uneven), 'test')
    means = [video_density(video) for video in dataset.videos]
    for number, video in enumerate(dataset.videos):
        size = means[number].shape
        others = [resize_density(m, size) for i, m in enumerate(means) if i != number]
        # Pearson's coefficient by NumPy, of the mean over the others and each frame.
        values = [
            np.corrcoef(np.mean(others, axis=0).ravel(), density(path).ravel())[0, 1]
            for path in video.densities
        ]
        # 16 bits leave the fifth digit.
        assert scores['per_video'][video.name]['CC'] == pytest.approx(np.mean(values), abs=2e-5)
    capsys.readouterr()
    assert main(['compare', *files]) == 0
    captured = capsys.readouterr()
    assert 'mean - center' in captured.out and 'warning: only 4 videos' in captured.err
