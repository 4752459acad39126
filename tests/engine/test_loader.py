"""Loaders give the same from any place on, with any number of workers, whatever befalls these."""

import os
import random
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.hooks import DistSamplerSeedHook
from torch.utils.data import BatchSampler, DataLoader, Dataset

from salkit.engine import loader as loader_module
from salkit.engine.loader import PositionedSampler, WatchedDataLoader, WorkerError, seed_all
from salkit.engine.runner import SaliencyRunner


class Drawing(Dataset):
    """Draws from all global generators, as a transform of somebody else's may."""

    metainfo = dict(dataset='Drawing')

    def __init__(self, size=11, fatal=None):
        self.size = size
        self.epoch = 0
        self.fatal = fatal

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        drawn = (torch.rand(()).item(), np.random.rand(), random.random())
        return [index, self.epoch, *drawn, os.getpid()]


def loader(workers=0, persistent=False, seeded=True, **options):
    dataset = options.pop('dataset', None) or Drawing()
    plain = DataLoader(
        dataset,
        options.pop('batch_size', 2),
        sampler=DefaultSampler(dataset, seed=5),
        num_workers=workers,
        persistent_workers=persistent,
        collate_fn=list,
        **options,
    )
    return WatchedDataLoader(plain, 3, seeded)


def epoch(of, number, first=0):
    of.position.set_epoch(number)
    of.first_batch = first
    return [[sample[:-1] for sample in batch] for batch in of]


@pytest.fixture(scope='module')
def expected():
    alone = loader()
    return [epoch(alone, number) for number in range(3)]


def test_samples_follow_from_seed_epoch_and_place(expected):
    flat = [sample for batch in expected[1] for sample in batch]
    assert sorted(sample[0] for sample in flat) == list(range(11))
    assert {sample[1] for sample in flat} == {1}
    assert len({sample[2] for sample in flat}) == 11
    assert expected[0] != expected[1]


@pytest.mark.parametrize('workers', [1, 2])
@pytest.mark.parametrize('persistent', [True, False])
def test_workers_change_nothing(expected, workers, persistent):
    # What the main process draws meanwhile does not, either.
    torch.manual_seed(workers)
    several = loader(workers, persistent)
    assert [epoch(several, number) for number in range(3)] == expected
    other = loader(workers, persistent)
    assert epoch(other, 2) == expected[2]
    assert epoch(other, 0, first=4) == expected[0][4:]
    assert epoch(other, 0, first=6) == [] and len(other) == 6
    # It was for once.
    other.position.set_epoch(1)
    assert len(list(other)) == 6


def test_the_main_process_keeps_its_own_random_numbers():
    seed_all((1,))
    before = torch.rand(1)
    seed_all((1,))
    list(loader(2))
    assert torch.equal(torch.rand(1), before)


def test_without_seeds_samples_are_as_the_data_set_gives_them():
    for of in (loader(seeded=False), loader(2, seeded=False)):
        assert [sample[0] for batch in of for sample in batch] == list(
            DefaultSampler(Drawing(), seed=5)
        )


def test_batches_of_somebody_elses_making():
    def make():
        dataset = Drawing()
        batches = BatchSampler(DefaultSampler(dataset, seed=5), 3, drop_last=True)
        plain = DataLoader(dataset, batch_sampler=batches, collate_fn=list)
        return WatchedDataLoader(plain, 3, True)

    whole = epoch(make(), 1)
    assert [len(batch) for batch in whole] == [3, 3, 3]
    # mmengine's hook finds its way to the sampler inside.
    told = make()
    loop = SimpleNamespace(dataloader=told)
    DistSamplerSeedHook().before_train_epoch(SimpleNamespace(train_loop=loop, epoch=1))
    assert [[sample[:-1] for sample in batch] for batch in told] == whole
    assert epoch(make(), 1, first=2) == whole[2:]


def test_a_resumed_run_takes_the_seed_of_its_checkpoint(expected):
    dataset = Drawing()
    plain = DataLoader(dataset, 2, sampler=DefaultSampler(dataset, seed=8), collate_fn=list)
    other = WatchedDataLoader(plain, 8, True)
    assert epoch(other, 0) != expected[0]
    other.position.reseed(5)
    again = WatchedDataLoader(plain, 5, True)
    again.position.inner.seed = 5
    assert epoch(other, 0) == epoch(again, 0)
    assert [s[0] for b in epoch(other, 0) for s in b] == [s[0] for b in expected[0] for s in b]


def test_an_endless_sampler_has_an_end():
    sampler = PositionedSampler(InfiniteSampler(Drawing(), shuffle=True, seed=4), 0)
    assert sorted(sampler) == list(range(11)) and len(sampler) == 11


@pytest.mark.parametrize('persistent', [True, False])
def test_a_killed_worker_is_replaced_where_it_was(expected, persistent):
    of = loader(2, persistent)
    found = []
    of.position.set_epoch(1)
    for number, batch in enumerate(of):
        found.append([sample[:-1] for sample in batch])
        if number == 2:
            os.kill(batch[0][-1], signal.SIGKILL)
    assert found == expected[1]
    assert epoch(of, 2) == expected[2]
    of.end_workers()


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_dies_or_stops_between_two_epochs_is_replaced(expected, number):
    of = loader(2, persistent=True, timeout=5)
    assert epoch(of, 0) == expected[0]
    child = of._children[0]
    os.kill(child.pid, number)
    if number == signal.SIGKILL:
        child.join()
    assert epoch(of, 1) == expected[1]
    of.end_workers()


def test_the_end_of_workers_that_are_ended_is_no_error(monkeypatch):
    watched = loader(workers=2)
    batches = iter(watched)
    next(batches)
    # As a worker leaves it that ends just when the loader begins to wait.
    monkeypatch.setattr(loader_module, '_waiting', watched)
    watched.end_workers()
    assert loader_module._waiting is None
    batches.close()
    # Who waits now is another loader.
    monkeypatch.setattr(loader_module, '_waiting', other := loader())
    batches = iter(watched)
    next(batches)
    monkeypatch.setattr(loader_module, '_waiting', other)
    batches.close()
    assert loader_module._waiting is other
    watched.end_workers()


def test_a_sample_that_kills_each_worker_is_told():
    of = loader(2, dataset=Drawing(fatal=7))
    with pytest.raises(WorkerError, match=r'worker process \d+ \(killed by SIGKILL\).* came no'):
        list(of)
    assert not of._children


def test_errors_of_the_data_set_are_none_of_workers():
    class Broken(Drawing):
        def __getitem__(self, index):
            raise RuntimeError('DataLoader worker is a word in this message')

    with pytest.raises(RuntimeError, match='is a word'):
        list(loader(1, dataset=Broken()))


def test_the_runner_watches_loaders_that_it_is_handed():
    plain = DataLoader(Drawing(), 2, collate_fn=list)
    handed = SaliencyRunner.build_dataloader(plain, seed=1)
    assert [s[0] for b in epoch(handed, 0, first=2) for s in b] == list(range(4, 11))
    assert SaliencyRunner.build_dataloader(handed, seed=1) is handed


def test_the_runner_builds_them():
    config = dict(
        dataset=Drawing(),
        sampler=dict(type='DefaultSampler', shuffle=False),
        batch_size=4,
        num_workers=2,
        worker_timeout=7,
        persistent_workers=True,
        seeded=True,
    )
    built = SaliencyRunner.build_dataloader(dict(config), seed=1)
    assert isinstance(built, WatchedDataLoader) and built.worker_timeout == 7
    assert built.dataset.metainfo == Drawing.metainfo
    config |= dict(num_workers=0, seeded=False)
    built = SaliencyRunner.build_dataloader(dict(config), seed=1)
    assert built.worker_timeout == 0 and not built.persistent_workers
    assert isinstance(built.dataset, Drawing)
    del config['worker_timeout']
    built = SaliencyRunner.build_dataloader(dict(config, num_workers=1), seed=1)
    assert built.worker_timeout == 300
