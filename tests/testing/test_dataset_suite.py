from dataclasses import replace

import numpy as np
import pytest
import torch
from run_suite import failures

from salkit.datasets import DemoDataset, VideoSaliencyDataset
from salkit.testing import DatasetSuite
from salkit.testing.samples import write_dataset


class TestDemoDataset(DatasetSuite):
    part = DemoDataset


class Changes(VideoSaliencyDataset):
    def __getitem__(self, index):
        return self.change(super().__getitem__(index), index)


class OneFrameTooMany(Changes):
    def change(self, item, index):
        return dict(item, clip=item['clip'][:, [0, *range(self.clip_len)]])


class FloatClips(Changes):
    def change(self, item, index):
        return dict(item, clip=item['clip'].float())


class TimeFirst(Changes):
    def change(self, item, index):
        return dict(item, clip=item['clip'].movedim(0, -1))


class SmallMaps(Changes):
    def change(self, item, index):
        return dict(item, density_map=item['density_map'][::2])


class ScaledMaps(Changes):
    def change(self, item, index):
        return dict(item, density_map=item['density_map'] * 255)


class NoMeta(Changes):
    def change(self, item, index):
        return {k: v for k, v in item.items() if k != 'meta'}


class SameNames(Changes):
    def change(self, item, index):
        return dict(item, meta=replace(item['meta'], frame='0001'))


class WrongSize(Changes):
    def change(self, item, index):
        return dict(item, meta=replace(item['meta'], size=item['meta'].size[::-1]))


class Random(Changes):
    def change(self, item, index):
        return dict(item, clip=item['clip'] + np.random.randint(1, 100))


class NeverEnds(VideoSaliencyDataset):
    def __getitem__(self, index):
        return super().__getitem__(index % len(self))


class CountsItsCalls(VideoSaliencyDataset):
    calls = 0

    def __getitem__(self, index):
        item = super().__getitem__(index)
        self.calls += 1
        return dict(item, clip=item['clip'] + (self.calls if self.sampling == 'random' else 0))


class FailsInWorkers(VideoSaliencyDataset):
    def __getitem__(self, index):
        if torch.utils.data.get_worker_info():
            raise RuntimeError('not in a worker')
        return super().__getitem__(index)


class NoMetainfo(VideoSaliencyDataset):
    def __getattribute__(self, name):
        if name == 'metainfo' and 'read' in vars(self):
            return None
        return super().__getattribute__(name)

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.read = True


class OneSplitForAll(VideoSaliencyDataset):
    folder_of_split = {'train': 'train', 'val': 'val', 'test': 'train'}


class Lambdas(VideoSaliencyDataset):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.function = lambda: 0


class MakesItsRoot(VideoSaliencyDataset):
    def __init__(self, data_root, **options):
        super().__init__(str(write_dataset_once(data_root)), **options)


class RaisesKeyError(VideoSaliencyDataset):
    def __init__(self, data_root, **options):
        {}[data_root] if 'nowhere' in data_root else super().__init__(data_root, **options)


def write_dataset_once(root):
    from pathlib import Path

    return root if Path(root).exists() else write_dataset(Path(root))


def suite_of(part, **smoke):
    return type('TestWrong', (DatasetSuite,), dict(part=part, smoke=dict(clip_len=4, **smoke)))


def test_a_plugin_may_register_how_its_files_are_written(tmp_path):
    def write(folder):
        return write_dataset(folder / 'elsewhere')

    suite = suite_of(VideoSaliencyDataset, data_root=write)
    assert failures(suite, tmp_path, only=['test_items', 'test_a_missing_root_is_an_error']) == {}


@pytest.mark.parametrize(
    ('part', 'check', 'message'),
    [
        (OneFrameTooMany, 'test_items', 'item 0: clip has 5 frames, clip_len is 4'),
        (FloatClips, 'test_items', 'item 0: clip is torch.float32, expected uint8'),
        (TimeFirst, 'test_items', 'item 0: clip is (4, 16, 24, 3), expected (3, T, H, W)'),
        (SmallMaps, 'test_items', 'density_map is (16, 48), its frame (32, 48)'),
        (ScaledMaps, 'test_items', 'item 0: density_map has values from 0 to 255'),
        (NoMeta, 'test_items', "item 0 is {'clip'"),
        (SameNames, 'test_metas', "6 items are called ('001', '0001')"),
        (WrongSize, 'test_items', 'meta.size is (48, 32), the frames are stored as (32, 48)'),
        (Random, 'test_items_are_deterministic', 'is not the same the second time'),
        (NeverEnds, 'test_an_index_too_high_is_an_error', 'takes item 12 of 12 without an'),
        (CountsItsCalls, 'test_random_clips_follow_the_epoch', 'when its epoch comes again'),
        (FailsInWorkers, 'test_data_loader_workers', 'a DataLoader with two workers fails'),
        (NoMetainfo, 'test_metas', 'metainfo is None, expected a dict'),
        (OneSplitForAll, 'test_every_split', "'train' and 'test' share the video ['001']"),
        (Lambdas, 'test_data_loader_workers', 'pickle fails'),
        (MakesItsRoot, 'test_a_missing_root_is_an_error', 'expected DataError'),
        (RaisesKeyError, 'test_a_missing_root_is_an_error', 'nowhere raises KeyError: '),
    ],
)
def test_a_fault_fails_its_check(part, check, message, tmp_path):
    said = failures(suite_of(part), tmp_path, only=[check])
    assert message in said[check] and said[check].startswith(f'{part.__name__}: ')


def test_a_class_of_another_kind(tmp_path):
    said = failures(suite_of(set), tmp_path, only=['test_inherits_the_contract'])
    assert said == {'test_inherits_the_contract': 'set: has no __getitem__'}
