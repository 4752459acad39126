import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from make_data import write_dataset
from torch.utils.data import TensorDataset

from salkit.builder import build
from salkit.config.load import load_config
from salkit.datasets import ConcatDataset, UCFSportsDataset, WeightedSampler
from salkit.engine import build_runner
from salkit.errors import ConfigError
from salkit.registry import DATASETS

PIPELINE = [
    dict(type='LoadClip', size=(16, 32)),
    dict(type='LoadTargets', size=(16, 32)),
    dict(type='PackClip'),
]


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp('sets')
    write_dataset(folder / 'large', dict(train=6, val=1, test=1))
    write_dataset(folder / 'small', dict(training=3, testing=1), size=(24, 40))
    return folder


def configs(roots, **options):
    options = dict(dict(clip_len=2, pipeline=PIPELINE), **options)
    return [
        dict(type='VideoSaliencyDataset', data_root=str(roots / 'large'), **options),
        dict(type='UCFSportsDataset', data_root=str(roots / 'small'), **options),
    ]


def sizes(*lengths):
    """A `ConcatDataset` of sets with these numbers of samples."""
    return ConcatDataset([TensorDataset(torch.arange(length)) for length in lengths])


def test_data_sets_one_after_the_other(roots):
    dataset = build(DATASETS, dict(type='ConcatDataset', datasets=configs(roots)))
    assert type(dataset) is ConcatDataset and len(dataset) == 6 + 2
    metas = [dataset[i]['meta'] for i in range(len(dataset))]
    assert [meta.dataset for meta in metas] == ['large'] * 6 + ['UCFSportsDataset'] * 2
    assert dataset.clip_len == 2
    assert dataset.metainfo == dict(dataset='large+UCFSportsDataset', split='train')
    assert len(dataset.videos) == 8


def test_every_part_sees_the_epoch(roots):
    dataset = ConcatDataset([build(DATASETS, cfg) for cfg in configs(roots)])
    assert isinstance(dataset.datasets[1], UCFSportsDataset)
    drawn = []
    for epoch in range(8):
        dataset.set_epoch(epoch)
        drawn.append([dataset[i]['meta'].frame for i in (0, 7)])
    for part in (0, 1):
        assert len({frames[part] for frames in drawn}) > 1


def test_clips_of_one_length(roots):
    first, second = configs(roots)
    with pytest.raises(ConfigError, match='VideoSaliencyDataset 2, UCFSportsDataset 3'):
        ConcatDataset([first, dict(second, clip_len=3)])
    with pytest.raises(ConfigError, match='at least one data set'):
        ConcatDataset([])


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.data(),
    st.integers(1, 60),
    st.integers(0, 5),
)
def test_shares_are_those_of_the_weights(lengths, data, num_samples, epoch):
    weights = data.draw(
        st.lists(st.floats(0, 10), min_size=len(lengths), max_size=len(lengths)).filter(any)
    )
    sampler = WeightedSampler(sizes(*lengths), weights, num_samples)
    sampler.set_epoch(epoch)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == num_samples and drawn == list(sampler)
    start = 0
    for length, weight in zip(lengths, weights, strict=True):
        own = [index for index in drawn if start <= index < start + length]
        assert abs(len(own) - num_samples * weight / sum(weights)) < 1
        # None comes again before all have come.
        counts = [own.count(index) for index in range(start, start + length)]
        assert max(counts) - min(counts) <= 1
        start += length


def test_epochs_and_seeds_differ():
    sampler = WeightedSampler(sizes(40, 4), [1, 1], seed=1)
    first = list(sampler)
    assert sum(index < 40 for index in first) == 22
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(WeightedSampler(sizes(40, 4), [1, 1], seed=2)) != first


def test_processes_share_an_epoch():
    whole = list(WeightedSampler(sizes(10, 3), [2, 1], num_samples=9))
    shared = []
    for rank in range(2):
        sampler = WeightedSampler(sizes(10, 3), [2, 1], num_samples=9)
        sampler.rank, sampler.world_size = rank, 2
        shared.append(list(sampler))
        assert len(shared[-1]) == len(sampler) == 5
    joined = [index for pair in zip(*shared, strict=True) for index in pair]
    # Every process has as many; one sample comes twice for that.
    assert joined == [*whole, whole[0]]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(weights=[1]), 'expected 2 weights'),
        (dict(weights=[0, 0]), 'one above 0'),
        (dict(weights=[1, -1]), 'at least 0'),
        (dict(weights=[1, float('nan')]), 'finite'),
        (dict(weights=[1, 1], num_samples=0), 'num_samples must be at least 1'),
    ],
)
def test_weights_that_do_not_fit(options, message):
    with pytest.raises(ConfigError, match=message):
        WeightedSampler(sizes(3, 2), **options)


def test_other_data_sets_have_no_weights():
    with pytest.raises(ConfigError, match='expected a ConcatDataset, got TensorDataset'):
        WeightedSampler(TensorDataset(torch.arange(3)), [1])
    with pytest.raises(ConfigError, match='TensorDataset holds no samples'):
        WeightedSampler(sizes(3, 0), [1, 1])


@pytest.mark.slow
def test_training_on_several_data_sets(roots, tmp_path):
    config = tmp_path / 'both.py'
    loader = dict(
        _delete_=True,
        batch_size=2,
        num_workers=0,
        collate_fn=dict(type='pseudo_collate'),
        sampler=dict(type='WeightedSampler', weights=[1, 3]),
        dataset=dict(type='ConcatDataset', datasets=configs(roots)),
    )
    config.write_text(
        f"_base_ = 'salkit::demo/umt-tiny_cc-kl'\ntrain_dataloader = {loader!r}\n"
        'val_dataloader = None\nmodel = dict(encoder=dict(clip_len=2))\n'
        'train_cfg = dict(max_epochs=1)\n'
    )
    runner = build_runner(load_config(config), tmp_path / 'run', ('train',))
    runner.train()
    assert runner.iter == 4 and runner.epoch == 1
    sampler = runner.train_dataloader.sampler.inner
    assert isinstance(sampler, WeightedSampler) and sampler.shares == [2, 6]
