"""Rates of a run that is resumed with more epochs: those of a run that had them from the start."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.optim.scheduler import CosineAnnealingLR, LinearLR, MultiStepLR

from salkit.engine.schedules import follow_new_end, schedulers_of

TYPES = dict(LinearLR=LinearLR, CosineAnnealingLR=CosineAnnealingLR, MultiStepLR=MultiStepLR)
BATCHES = 5
WARM_UP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=7)
COSINE = dict(type='CosineAnnealingLR', by_epoch=True, begin=0, convert_to_iter_based=True)


class Run:
    """The parts of a Runner that schedules concern."""

    def __init__(self, max_epochs, *schedulers):
        self.cfg = Config(
            dict(param_scheduler=list(schedulers), train_cfg=dict(max_epochs=max_epochs))
        )
        self.max_epochs = max_epochs
        weight = torch.nn.Parameter(torch.zeros(1))
        self.optim_wrapper = OptimWrapper(torch.optim.SGD([weight], lr=0.5))
        self.train_loop = SimpleNamespace(dataloader=range(BATCHES), iter=0, epoch=0)
        self.param_schedulers = self.build_param_scheduler(schedulers_of(self.cfg))

    def build_param_scheduler(self, configs):
        built = []
        for config in configs:
            config = dict(config)
            make = TYPES[config.pop('type')]
            if config.pop('convert_to_iter_based', False):
                make, config = make.build_iter_from_epoch, dict(config, epoch_length=BATCHES)
            built.append(make(self.optim_wrapper, **config))
        return built

    def train(self, epochs):
        """The rates of so many epochs more."""
        rates = []
        for _ in range(epochs):
            for _ in range(BATCHES):
                rates.append(self.optim_wrapper.param_groups[0]['lr'])
                self.train_loop.iter += 1
                for scheduler in self.param_schedulers:
                    if not scheduler.by_epoch:
                        scheduler.step()
            self.train_loop.epoch += 1
            for scheduler in self.param_schedulers:
                if scheduler.by_epoch:
                    scheduler.step()
        return rates

    def resumed(self, max_epochs):
        """A run of so many epochs that goes on from here, and what it says."""
        other = Run(max_epochs, *self.cfg.param_scheduler)
        other.optim_wrapper.load_state_dict(self.optim_wrapper.state_dict())
        vars(other.train_loop).update(iter=self.train_loop.iter, epoch=self.train_loop.epoch)
        for scheduler, earlier in zip(other.param_schedulers, self.param_schedulers, strict=True):
            scheduler.load_state_dict(earlier.state_dict())
        return other, list(follow_new_end(other, self.max_epochs))


@pytest.mark.parametrize('done', [1, 3, 4])
@pytest.mark.parametrize(
    'schedulers',
    [
        [WARM_UP, dict(COSINE, end='max_epochs', eta_min=1e-3)],
        [dict(type='LinearLR', start_factor=1.0, end_factor=0.0, begin=0, end='max_epochs')],
        [dict(type='MultiStepLR', milestones=[2, 5], gamma=0.1, end='max_epochs')],
    ],
)
def test_a_schedule_that_ends_with_the_epochs_is_stretched(schedulers, done):
    expected = Run(7, *schedulers).train(7)
    first = Run(4, *schedulers)
    first.train(done)
    other, (told,) = first.resumed(7)
    assert other.train(7 - done) == pytest.approx(expected[done * BATCHES :], rel=1e-9)
    assert 'max_epochs is 7, was 4' in told and 'is stretched' in told


def test_with_a_fixed_end_the_rate_stays_and_the_run_says_so():
    first = Run(4, WARM_UP, dict(COSINE, end=4, eta_min=0.01))
    first.train(4)
    other, (told,) = first.resumed(6)
    (rate,) = set(other.train(2))
    assert rate < 0.02 and f'ends at epoch 4: the rate stays at {rate:.3g}' in told


@pytest.mark.parametrize(
    ('schedulers', 'max_epochs'),
    [([WARM_UP, dict(COSINE, end='max_epochs')], 4), ([], 9), ([dict(COSINE, end=9)], 9)],
)
def test_nothing_is_said_where_nothing_changes(schedulers, max_epochs):
    first = Run(4, *schedulers)
    before = first.train(2)
    other, told = first.resumed(max_epochs)
    assert not told
    if schedulers:
        assert before + other.train(2) == pytest.approx(Run(4, *schedulers).train(4))
