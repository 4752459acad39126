import numpy as np
import pytest
from make_data import write_dataset

from salkit.cli import main
from salkit.datasets import VideoSaliencyDataset
from salkit.datasets.clip_cache import HIDDEN

CONFIG = 'demo/umt-tiny_cc-kl'


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'own'))


@pytest.fixture
def root(tmp_path):
    return write_dataset(tmp_path / 'data', frames=4, size=(20, 28))


def cache(*argv):
    return main(['cache', *map(str, argv), '--workers', '1'])


def cached(folder):
    return sorted(str(p.relative_to(folder).with_suffix('')) for p in folder.rglob('*.npy'))


def test_a_data_root(root, capsys):
    assert cache(root) == 0
    printed = capsys.readouterr()
    assert (
        '7 videos cached at 224 x 224' in printed.out
        and 'to cache: 7 videos of 28 frames' in printed.err
    )
    assert cached(root) == sorted(
        f'{split}/{HIDDEN}/224x224/{split}{i:03d}'
        for split, count in dict(train=4, val=1, test=2).items()
        for i in range(count)
    )
    assert cache(root, '--splits', 'train', 'test') == 0
    assert '0 videos cached at 224 x 224, 0 bytes (6 were there already)' in capsys.readouterr().out


def test_one_split_one_size_one_folder(root, tmp_path):
    place = tmp_path / 'fast'
    assert cache(root, '--splits', 'val', '--size', '16x8', '--dir', place) == 0
    (found,) = cached(place)
    assert found.startswith('val-') and found.endswith('/8x16/val000')
    assert not cached(root)


def test_a_root_of_videos(root):
    assert cache(root / 'test', '--size', '16x8') == 0
    assert cached(root) == [f'test/{HIDDEN}/8x16/test{i:03d}' for i in range(2)]


def test_the_data_sets_and_sizes_of_a_config(root, capsys):
    options = [
        '--cfg-options',
        f'data_root={root}',
        'train_dataloader.dataset.pipeline.0.size=(8,8)',
    ]
    assert cache(CONFIG, *options) == 0
    assert {path.split('/')[0]: path.split('/')[2] for path in cached(root)} == {
        'train': '8x8',
        'val': '64x96',
        'test': '64x96',
    }
    assert cache(CONFIG, *options, '--splits', 'train', '--size', '4x4') == 0
    assert sum('4x4' in path for path in cached(root)) == 4


def test_a_config_names_its_cache(root, tmp_path):
    place = tmp_path / 'fast'
    options = [
        '--cfg-options',
        f'data_root={root}',
        f'+train_dataloader.dataset.pipeline.0.cache={place}',
        '+val_dataloader.dataset.pipeline.0.cache=None',
    ]
    assert cache(CONFIG, *options) == 0
    assert len(cached(place)) == 4
    assert {path.split('/')[0] for path in cached(root)} == {'test'}
    pipeline = [dict(type='LoadClip', size=(64, 96), cache=str(place)), dict(type='PackClip')]
    dataset = VideoSaliencyDataset(str(root), pipeline=pipeline, clip_len=2)
    found = dataset.pipeline.transforms[0]._stored.clip(dataset.sample_files(0))
    assert found is not None and np.array_equal(found[0].transpose(3, 0, 1, 2), dataset[0]['clip'])


def fails(capsys, *argv):
    assert cache(*argv) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith('salkit cache: error: ')
    return line


def test_mistakes_get_a_line(root, tmp_path, capsys):
    assert 'no/such' in fails(capsys, 'no/such')
    assert 'no split night' in fails(capsys, root, '--splits', 'night')
    assert 'holds no videos' in fails(capsys, tmp_path / 'data' / 'train' / 'train000')
    assert 'go with a config' in fails(capsys, root, '--cfg-options', 'a=1')
    assert '--splits night' in fails(
        capsys, CONFIG, '--splits', 'night', '--cfg-options', f'data_root={root}'
    )
    assert main(['cache', str(root), '--workers', '0']) == 2


def test_videos_that_cannot_be_cached_are_listed(root, capsys):
    broken = root / 'test' / 'test001' / 'images' / '0002.png'
    broken.write_bytes(b'no image')
    assert cache(root, '--size', '8x8') == 1
    printed = capsys.readouterr().out
    assert '6 videos cached' in printed and '1 videos could not be cached' in printed
    assert str(broken) in printed


def test_a_size_is_width_x_height(root, capsys):
    for wrong in (['16', '8'], ['16'], ['0x8'], ['16x8x3']):
        with pytest.raises(SystemExit) as caught:
            cache(root, '--size', *wrong)
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert caught.value.code == 2
        assert f'two whole numbers above 0, WIDTHxHEIGHT such as 1440x900, got {wrong[0]!r}' in line
    assert not cached(root)
