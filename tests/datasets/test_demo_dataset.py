import functools

import pytest
from make_data import write_dataset

from salkit.datasets import DemoDataset
from salkit.datasets.demo import generator as demo_generator
from salkit.errors import ConfigError, DataError


def test_the_set_is_made_on_first_use_and_read_afterwards(tmp_path, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    small = functools.partial(
        demo_generator.generate_demo_data,
        videos=dict(train=2, val=1, test=1),
        frames=32,
        size=(48, 64),
        progress=False,
    )
    monkeypatch.setattr(demo_generator, 'generate_demo_data', small)
    sets = {s: DemoDataset(split=s, sampling='all', clip_len=8) for s in ('train', 'val', 'test')}
    assert {split: len(dataset) for split, dataset in sets.items()} == dict(
        train=64, val=32, test=32
    )
    (made,) = (tmp_path / 'cache').iterdir()
    stamp = (made / 'demo.json').stat().st_mtime_ns
    DemoDataset(split='test')
    assert (made / 'demo.json').stat().st_mtime_ns == stamp


def test_another_folder_is_read_and_never_written_to(tmp_path, monkeypatch):
    monkeypatch.setenv('SALKIT_CACHE', str(tmp_path / 'cache'))
    root = write_dataset(tmp_path / 'own', dict(testing=1))
    before = sorted(root.rglob('*'))
    dataset = DemoDataset(str(root), split='train')
    # Its scores are not those of the demo.
    assert len(dataset) == 1 and dataset.metainfo == dict(dataset='own', split='testing')
    assert sorted(root.rglob('*')) == before and not (tmp_path / 'cache').exists()
    with pytest.raises(DataError, match='does not exist'):
        DemoDataset(str(tmp_path / 'nowhere'))
    assert not (tmp_path / 'nowhere').exists()
    with pytest.raises(ConfigError, match='head must be one of'):
        DemoDataset(str(root), head='x')
