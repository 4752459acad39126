"""Steps that are not finite: they change nothing, are counted and named, and many end a run."""

import itertools
import math
import os
import re
from datetime import timedelta
from operator import itemgetter

import pytest
import torch
from make_data import write_dataset
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from ranks import start_ranks
from small_models import assert_same
from torch import nn
from torch.utils.data import DataLoader

from salkit.checkpoints import read_checkpoint, write_checkpoint
from salkit.cli import main
from salkit.engine import (
    BFloat16OptimWrapper,
    FiniteStepsHook,
    SaliencyRunner,
    find_latest_checkpoint,
)
from salkit.errors import CheckpointError, ConfigError, SalkitError
from salkit.models import SaliencyModel
from salkit.registry import LOSSES
from salkit.types import ClipMeta

_NAMES = itertools.count()
FINE, LOSS, LOSS_ALONE, GRADIENT_ALONE = '', 'loss', 'loss alone', 'gradient alone'


class Tiny(BaseModel):
    """A layer with running statistics; what a batch `asks` for goes wrong."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))

    def forward(self, x, asks, meta=None, mode='tensor'):
        found = self.layers(x).float()
        loss = found.square().mean() * (math.inf if asks == LOSS else 1)
        if asks == GRADIENT_ALONE:
            loss = loss + (0 * found).sqrt().sum()
        other = torch.full((2,), math.nan if asks == LOSS_ALONE else 0.5)
        return dict(loss_map=loss, loss_other=[other, other], seen=torch.tensor(math.nan))


def batch(number, asks=FINE):
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(number))
    # What a bad batch shows the running statistics.
    x = x if asks == FINE else x * 1000
    metas = [ClipMeta('Set', 'train', f'v{number}', f'{frame:04d}', (3, 3)) for frame in (1, 2)]
    return dict(x=x, asks=asks, meta=metas)


class ScaledOptimWrapper(OptimWrapper):
    """As AmpOptimWrapper scales losses, which only starts where there is a GPU."""

    def __init__(self, loss_scale=1024.0, **options):
        super().__init__(**options)
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=loss_scale)

    def backward(self, loss, **options):
        self.loss_scaler.scale(loss).backward(**options)
        self._inner_count += 1

    def step(self, **options):
        self.loss_scaler.step(self.optimizer, **options)
        self.loss_scaler.update()


def optimizer_of(model, name, **options):
    return getattr(torch.optim, name)(model.parameters(), lr=0.1, weight_decay=0.1, **options)


def trained(folder, batches, wrap=OptimWrapper, name='Adam', most=10, model=None, **options):
    """A run over `batches`, one an iteration; options are those of the optimizer or its wrapper."""
    model = Tiny() if model is None else model
    own = {key: options.pop(key) for key in ('accumulative_counts', 'clip_grad') if key in options}
    return SaliencyRunner(
        model=model,
        work_dir=str(folder),
        train_dataloader=DataLoader(list(batches), collate_fn=itemgetter(0)),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=wrap(optimizer=optimizer_of(model, name, **options), **own),
        default_hooks=dict(checkpoint=None),
        custom_hooks=[dict(type='FiniteStepsHook', most_in_a_row=most)],
        default_scope='salkit',
        experiment_name=f'finite-steps-{next(_NAMES)}',
        log_level='WARNING',
    )


def train(*args, **options):
    runner = trained(*args, **options)
    runner.train()
    return runner


def assert_same_state(first, second):
    assert_same(first.bare_model.state_dict(), second.bare_model.state_dict())
    one, two = (runner.optim_wrapper.state_dict()['state'] for runner in (first, second))
    assert one.keys() == two.keys()
    for key, state in one.items():
        assert_same(state, two[key])


CASES = [
    dict(name='Adam'),
    dict(name='Adam', fused=True),
    dict(name='AdamW', foreach=True),
    dict(name='SGD', momentum=0.9),
    dict(name='AdamW', clip_grad=dict(max_norm=1.0)),
    dict(wrap=BFloat16OptimWrapper),
    dict(wrap=ScaledOptimWrapper),
]


@pytest.mark.parametrize('asks', [LOSS, LOSS_ALONE, GRADIENT_ALONE])
@pytest.mark.parametrize('case', CASES, ids=str)
def test_a_bad_step_is_as_if_it_had_not_been(tmp_path, case, asks):
    bad = batch(9, asks)
    runner = train(tmp_path, [batch(0), batch(1), bad, batch(2)], **case)
    assert_same_state(runner, train(tmp_path, [batch(0), batch(1), batch(2)], **case))
    assert runner.message_hub.get_scalar('train/skipped_steps').current() == 1
    assert runner.message_hub.get_info('skipped_steps') == 1
    assert runner.message_hub.get_info('skipped_steps_in_a_row') == 0


@pytest.mark.parametrize('wrap', [OptimWrapper, ScaledOptimWrapper])
def test_one_bad_batch_spoils_the_step_that_it_is_part_of(tmp_path, capsys, wrap):
    good = [batch(0), batch(1), batch(2), batch(3)]
    batches = [*good[:2], batch(4), batch(9, LOSS), *good[2:]]
    runner = train(tmp_path, batches, wrap, accumulative_counts=2)
    assert_same_state(runner, train(tmp_path, good, wrap, accumulative_counts=2))
    (line,) = re.findall('Skipped.*', capsys.readouterr().out)
    assert line == (
        'Skipped the step of iteration 4: the loss is not finite on v9/0001, v9/0002 '
        f'(loss_map {line.split()[-3]} loss_other 1)'
    )
    assert line.split()[-3] in ('inf,', 'nan,')


def test_where_no_loss_is_to_blame_all_clips_of_the_step_are_named(tmp_path, capsys):
    train(tmp_path, [batch(8), batch(9, GRADIENT_ALONE)], accumulative_counts=2)
    told = capsys.readouterr().out
    assert 'a gradient is not finite on v8/0001, v8/0002, v9/0001, v9/0002 (loss_map ' in told


def test_large_gradients_are_taken_as_they_are(tmp_path):
    """The sum of their squares overflows."""
    model = Tiny()
    model.layers = nn.Sequential(nn.Linear(3, 1, bias=False))
    scaled = dict(batch(0), x=torch.full((5, 3), 1e13))
    runner = train(tmp_path, [scaled], name='SGD', model=model)
    assert 'skipped_steps' not in runner.message_hub.runtime_info


@pytest.mark.parametrize('wrap', [OptimWrapper, BFloat16OptimWrapper, ScaledOptimWrapper])
def test_many_bad_steps_end_the_run(tmp_path, wrap):
    bad = batch(7, LOSS)
    batches = [bad, bad, batch(0), bad, bad, batch(9, LOSS), batch(1)]
    runner = trained(tmp_path, batches, wrap, most=3)
    before = {key: value.clone() for key, value in runner.bare_model.state_dict().items()}
    with pytest.raises(SalkitError) as error:
        runner.train()
    told = str(error.value)
    for part in (
        'training stops: 3 steps in a row were not finite and were skipped; in the last one, ',
        'the loss is not finite on v9/0001, v9/0002',
        'the learning rate is 0.1',
        'as load_from, a smaller optim_wrapper.optimizer.lr',
        'look at these clips and their maps (salkit check)',
    ):
        assert part in told
    assert '\n' not in told
    assert ('the loss scale ' in told) == (wrap is ScaledOptimWrapper)
    assert ('no --amp' in told) == (wrap is BFloat16OptimWrapper)
    assert runner.message_hub.get_info('skipped_steps') == 5
    after = runner.bare_model.state_dict()
    assert all(value.isfinite().all() for value in after.values())
    assert not all(torch.equal(value, after[key]) for key, value in before.items())


def test_weights_that_are_no_numbers_any_more_are_told(tmp_path):
    model = Tiny()
    nn.init.constant_(model.layers[2].bias, math.nan)
    with pytest.raises(SalkitError, match=r'the model: layers\.2\.bias holds .*: 1 of 1; try'):
        train(tmp_path, [batch(0)] * 2, most=2, model=model)


def test_several_optimizers(tmp_path):
    class Parts(Tiny):
        def train_step(self, data, optim_wrapper):
            losses = self(**data)
            optim_wrapper['first'].update_params(losses['loss_map'])
            return {}

    def wrap(optimizer):
        return OptimWrapperDict(
            first=OptimWrapper(optimizer),
            other=OptimWrapper(torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.1)),
        )

    with pytest.raises(SalkitError, match='2 steps in a row'):
        train(tmp_path, [batch(0), *[batch(1, LOSS)] * 2], wrap, most=2, model=Parts())


@pytest.mark.parametrize('most', [0, -1])
def test_a_limit_that_is_none(most):
    with pytest.raises(ConfigError, match='most_in_a_row must be at least 1, got'):
        FiniteStepsHook(most)


def _skips_with_another(folder):
    """What each of two processes does; gives its exit status."""
    rank = int(os.environ['RANK'])
    torch.distributed.init_process_group(
        'gloo',
        # Processes that disagree about a step wait for each other.
        timeout=timedelta(seconds=60),
    )

    def parallel():
        return MMDistributedDataParallel(Tiny(), find_unused_parameters=False)

    def bad(number):
        return batch(number, LOSS_ALONE if rank == 1 else FINE)

    good = [batch(rank), batch(2 + rank)]
    out = folder / f'{rank}'
    skipped = train(out, [good[0], bad(4 + rank), good[1]], model=parallel())
    assert skipped.message_hub.get_info('skipped_steps') == 1
    assert_same_state(skipped, train(out, good, model=parallel()))
    try:
        train(out, [bad(4 + rank)] * 5, most=2, model=parallel())
    except SalkitError as error:
        print('told:', error)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    return 0


@pytest.mark.slow
def test_processes_skip_a_step_together(tmp_path):
    """Only the second one's loss is not finite; gradients are."""
    for rank in start_ranks(_skips_with_another, tmp_path / 'ranks', tmp_path):
        code, out, err = rank.ended()
        assert code == 0, err[-4000:]
        (told,) = re.findall('told: .*', out)
        assert '2 steps in a row' in told
        assert 'is not finite on v5/0001, v5/0002 (loss_map ' in told


# The command -------------------------------------------------------------------------------------


class SpoilsLoss(nn.Module):
    """A loss that is NaN when it is computed the first `times`."""

    left = 0

    def forward(self, saliency_map, targets):
        type(self).left -= 1
        return 0 * saliency_map.sum() if self.left < 0 else saliency_map.sum() * math.nan


@pytest.fixture(scope='module', autouse=True)
def _registered():
    LOSSES.register_module(module=SpoilsLoss)
    yield
    del LOSSES.module_dict['SpoilsLoss']


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp('data') / 'set', size=(16, 32))


def run(root, work_dir, *extra, spoilt=0, epochs=2, most=3):
    SpoilsLoss.left = spoilt
    options = [
        f'data_root={root}',
        f'train_cfg.max_epochs={epochs}',
        'model.encoder.clip_len=4',
        '+model.losses.spoilt=dict(type=SpoilsLoss)',
        f'default_hooks.finite_steps.most_in_a_row={most}',
        'default_hooks.logger.interval=1',
        # A loss is computed once a step.
        'train_cfg.cpu_parts=1',
        'train_dataloader.batch_size=2',
    ]
    for part in ('train', 'val', 'test'):
        options.append(f'{part}_dataloader.dataset.clip_len=4')
        options.append(f'{part}_dataloader.dataset.pipeline.0.size=(16,32)')
    options.append('train_dataloader.dataset.pipeline.1.size=(16,32)')
    argv = ['train', 'demo/umt-tiny_cc-kl', '--work-dir', work_dir, '--verbose', *extra]
    return main([str(item) for item in [*argv, '--cfg-options', *options]])


@pytest.mark.slow
def test_a_run_goes_on_after_a_bad_step_and_stops_after_many(root, tmp_path, capsys):
    assert run(root, tmp_path, spoilt=2) == 0
    log = capsys.readouterr().out
    (first, second) = re.findall(r'Skipped the step of iteration (\d) *: .*', log)
    assert (first, second) == ('1', '2')
    assert re.search(r'the loss is not finite on train00\d/00\d\d, train00\d/00\d\d \(', log)
    assert log.count('skipped_steps: 1') == 1 and log.count('skipped_steps: 2') == 3
    saved = read_checkpoint(tmp_path / 'epoch_2.pth')
    assert all(value.isfinite().all() for value in saved.weights.values())
    assert saved.rest['message_hub']['runtime_info']['skipped_steps'] == 2
    (events,) = tmp_path.rglob('events.out.tfevents*')
    assert b'skipped_steps' in events.read_bytes()
    # The count goes on where the checkpoint left it.
    assert run(root, tmp_path, '--resume', spoilt=9, epochs=5) == 2
    told = capsys.readouterr()
    assert 'skipped_steps: 3' in told.out and 'skipped_steps: 4' in told.out
    line = told.err.strip().splitlines()[-1]
    assert '3 steps in a row' in line
    assert line.endswith(f'--resume goes on from {find_latest_checkpoint(tmp_path)}')
    assert_same(read_checkpoint(tmp_path / 'epoch_3.pth').weights, saved.weights)


@pytest.mark.slow
def test_maps_that_are_no_numbers_are_never_the_best_and_are_not_scored(
    root, tmp_path, capsys, monkeypatch
):
    trained_map = SaliencyModel._map_of

    def overflowing(model, clip):
        return trained_map(model, clip) * (1 if model.training else math.inf)

    monkeypatch.setattr(SaliencyModel, '_map_of', overflowing)
    assert run(root, tmp_path, '--test', epochs=1) == 2
    told = capsys.readouterr()
    assert 'CC is nan: this checkpoint is not the best' in told.out
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_1.pth']
    line = told.err.strip().splitlines()[-1]
    assert 'predicts values that are no numbers (NaN or infinite) for frame 0001 of test000' in line
    assert 'in float32; try an earlier checkpoint' in line
    assert not (tmp_path / 'scores.json').exists()


@pytest.mark.slow
def test_a_checkpoint_with_nan_is_neither_written_nor_resumed(root, tmp_path, capsys):
    assert run(root, tmp_path, epochs=1) == 0
    path = tmp_path / 'epoch_1.pth'
    content = torch.load(path, weights_only=True)
    number, moments = next(iter(content['optimizer']['state'].items()))
    moments['exp_avg'].view(-1)[0] = math.nan
    with pytest.raises(CheckpointError, match=r'epoch_9\.pth: not written: optimizer\.state'):
        write_checkpoint(content, tmp_path / 'epoch_9.pth')
    torch.save(content, path)
    capsys.readouterr()
    assert run(root, tmp_path, '--resume') == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    said = 'exp_avg holds values that are no numbers (NaN or infinite): 1 of'
    assert f'{path}: the optimizer: state.{number}.{said}' in line
    name = next(iter(content['state_dict']))
    content['state_dict'][name].view(-1)[:2] = math.inf
    torch.save(content, path)
    for extra in (['--resume'], ['--resume', path]):
        assert run(root, tmp_path, *extra) == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert f'{name} holds values that are no numbers (NaN or infinite): 2 of' in line
