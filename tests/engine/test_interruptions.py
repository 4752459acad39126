"""Runs that are killed, stopped, starved and broken, and go on as if nothing had happened."""

import itertools
import os
import random
import signal
import time

import pytest
from make_data import write_dataset
from small_models import assert_same

from salkit.checkpoints import read_checkpoint
from salkit.cli import main
from salkit.engine import find_latest_checkpoint

pytestmark = pytest.mark.slow

EPOCHS = 4
BATCHES = 3
OPTIONS = [
    # A model of few parts; random numbers in every step.
    'model.encoder=dict(type="UMTEncoder",arch=dict(embed_dim=24,depth=2,num_heads=2),clip_len=4,'
    'drop_path=0.2)',
    'model.decoder.branches.dfd=None',
    'model.decoder.branches.sfd=None',
    *(f'{part}_dataloader.dataset.clip_len=4' for part in ('train', 'val', 'test')),
    *(
        f'{place}.size=(16,32)'
        for place in (
            'train_dataloader.dataset.pipeline.0',
            'train_dataloader.dataset.pipeline.1',
            'val_dataloader.dataset.pipeline.0',
            'test_dataloader.dataset.pipeline.0',
        )
    ),
    'train_dataloader.batch_size=2',
    '+train_dataloader.dataset.clips_per_video=2',
    f'train_cfg.max_epochs={EPOCHS}',
    'train_cfg.val_interval=2',
    # As the configs of DHF1K have it.
    *(f'{part}_dataloader.num_workers=2' for part in ('train', 'val')),
    *(f'+{part}_dataloader.persistent_workers=True' for part in ('train', 'val')),
    'default_hooks.validation_panel=None',
    # Averaged weights.
    'custom_hooks=[dict(type=EMAHook,momentum=0.1)]',
    # A checkpoint after every step.
    'default_hooks.checkpoint.interval_minutes=1e-6',
]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    splits = dict(train=3, val=2, test=1)
    return write_dataset(tmp_path_factory.mktemp('data') / 'set', splits)


def command(root, work_dir, *options, extra=()):
    head = ['train', 'demo/umt-tiny_cc-kl', '--work-dir', work_dir, *extra]
    return [*head, '--cfg-options', f'data_root={root}', *OPTIONS, *options]


@pytest.fixture(scope='module')
def undisturbed(root, nursery, tmp_path_factory):
    """The work dir of a run that nothing happened to."""
    work_dir = tmp_path_factory.mktemp('undisturbed')
    run = nursery.start(command(root, work_dir), work_dir / 'log')
    assert run.end() == 0, run.printed()[-3000:]
    return work_dir


@pytest.fixture
def go(root, nursery, tmp_path):
    """Start a run in `tmp_path / 'work'`, resumed where it has been."""

    logs = itertools.count()

    def start(*options, planted=''):
        argv = command(root, tmp_path / 'work', *options, extra=['--resume'])
        return nursery.start(argv, tmp_path / f'{next(logs)}.log', planted)

    return start


def checkpoints(work_dir):
    return sorted(path.name for path in work_dir.glob('*.pth'))


def assert_equal_runs(work_dir, undisturbed):
    """Weights, averages, optimizer, schedule, scores and the best checkpoint: bit for bit."""
    assert checkpoints(work_dir) == checkpoints(undisturbed)
    for name in checkpoints(undisturbed):
        found, expected = (read_checkpoint(folder / name) for folder in (work_dir, undisturbed))
        assert_same(found.weights, expected.weights)
        assert found.rest.keys() == expected.rest.keys()
        info = [c.rest['message_hub']['runtime_info'] for c in (found, expected)]
        assert [i['best_score'] for i in info[:1]] == [i['best_score'] for i in info[1:]]
        assert info[0]['best_ckpt'] == info[1]['best_ckpt']
        if not name.startswith('best'):
            assert found.rest['param_schedulers'] == expected.rest['param_schedulers']
            assert_same(found.rest['ema_state_dict'], expected.rest['ema_state_dict'])
            first, second = (c.rest['optimizer']['state'] for c in (found, expected))
            for index, state in second.items():
                assert_same(first[index], state)
    assert not list(work_dir.rglob('*.unfinished'))


def step_of(work_dir):
    """The step of the newest checkpoint."""
    path = find_latest_checkpoint(work_dir)
    if path is None:
        return 0
    parts = path.stem.split('_')
    return int(parts[3]) if len(parts) > 2 else BATCHES * int(parts[1])


def another_step(run, work_dir):
    """Wait until the run has a checkpoint of another step."""
    steps = step_of(work_dir)
    run.until(lambda: step_of(work_dir) > steps)


def test_twenty_kills(go, undisturbed, tmp_path):
    rng = random.Random(6)
    work = tmp_path / 'work'
    kinds = ['main', 'main', 'worker', 'saving', 'saving'] * 4
    rng.shuffle(kinds)
    for kind in kinds:
        run = go()
        if kind == 'saving':
            run.until(lambda: list(work.glob('.*.unfinished')))
        else:
            another_step(run, work)
            time.sleep(rng.uniform(0, 0.1))
        workers = run.children()
        if kind == 'worker' and workers:
            os.kill(rng.choice(workers), signal.SIGKILL)
            # It goes on with others.
            another_step(run, work)
        run.send(signal.SIGKILL)
        run.end()
        assert run.leaves_nobody()
        assert len(list(work.glob('.*.unfinished'))) <= 1
    last = go()
    assert last.end() == 0
    assert 'Traceback' not in last.printed()
    assert_equal_runs(work, undisturbed)


@pytest.mark.parametrize(
    ('number', 'status'), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 0)]
)
def test_a_signal_ends_a_run_after_the_step(go, undisturbed, tmp_path, number, status):
    work = tmp_path / 'work'
    run = go('default_hooks.checkpoint.interval_minutes=None')
    run.until((work / 'epoch_1.pth').exists)
    # As Ctrl-C and clusters do, to all processes of the run.
    os.killpg(run.pid, number)
    assert run.end() == status
    printed = run.printed()
    assert f'stopped by {number.name} after a checkpoint, {find_latest_checkpoint(work)}' in printed
    assert 'Traceback' not in printed and run.leaves_nobody()
    assert BATCHES < step_of(work) <= 2 * BATCHES
    assert go().end() == 0
    assert_equal_runs(work, undisturbed)


HELD = """
import os, time
from mmengine.runner import {loop} as Loop

step = Loop.run_iter

def held(loop, *batch):
    if {held}:
        os.write(1, b'held')
        while True:
            time.sleep(0.01)
    step(loop, *batch)

Loop.run_iter = held
"""


def test_a_second_signal_ends_a_run_at_once(go, tmp_path):
    run = go(planted=HELD.format(loop='EpochBasedTrainLoop', held='loop.iter == 2'))
    run.until(lambda: 'held' in run.printed())
    run.send(signal.SIGTERM)
    run.until(lambda: 'once more ends it now' in run.printed())
    assert run.is_alive()
    # Within a second, it would be the first one once more.
    run.until(lambda: run.send(signal.SIGTERM))
    assert run.end() == 143 and run.leaves_nobody()


def test_a_signal_during_a_validation(go, undisturbed, tmp_path):
    planted = HELD.format(loop='ValLoop', held='loop.runner.iter == 6').replace(
        'while True', 'while loop.runner.stop_signals.noted is None'
    )
    # Without a checkpoint of that epoch.
    slow = 'default_hooks.checkpoint.interval=3'
    run = go(slow, 'default_hooks.checkpoint.interval_minutes=None', planted=planted)
    run.until(lambda: 'held' in run.printed())
    run.send(signal.SIGTERM)
    assert run.end() == 143
    assert checkpoints(tmp_path / 'work') == ['epoch_2_iter_6.pth']
    resumed = go()
    assert resumed.end() == 0
    assert 'Validating the checkpoint of epoch 2 first' in resumed.printed()
    assert_equal_runs(tmp_path / 'work', undisturbed)


def test_a_stopped_worker_is_replaced(go, undisturbed, tmp_path):
    # So long that a batch in preparation is no hanging worker.
    run = go('train_dataloader.worker_timeout=5')
    run.until(lambda: step_of(tmp_path / 'work') > 1 and len(run.children()) >= 2)
    worker = run.children()[0]
    os.kill(worker, signal.SIGSTOP)
    assert run.end() == 0
    told = f'gave nothing for 5 s (worker_timeout): process {worker} is stopped'
    assert told in run.printed() and run.leaves_nobody()
    assert_equal_runs(tmp_path / 'work', undisturbed)


DYING = """
import itertools
import os
from salkit.datasets import VideoSaliencyDataset

read = VideoSaliencyDataset.__getitem__

def dying(dataset, index):
    if dataset.epoch == 1 and index == 3:
        os._exit(7)
    return read(dataset, index)

VideoSaliencyDataset.__getitem__ = dying
"""


def test_a_worker_that_always_dies_ends_the_run_with_a_checkpoint(go, undisturbed, tmp_path):
    run = go('default_hooks.checkpoint.interval_minutes=None', planted=DYING)
    assert run.end() == 2
    lines = run.printed().splitlines()
    assert 'error: worker process' in lines[-1] and '(exit code 7)' in lines[-1]
    assert 'came no further at batch' in lines[-1] and 'Traceback' not in run.printed()
    assert run.leaves_nobody() and BATCHES <= step_of(tmp_path / 'work') < 2 * BATCHES
    assert go().end() == 0
    assert_equal_runs(tmp_path / 'work', undisturbed)


BREAKING = """
from pathlib import Path
from salkit.datasets import VideoSaliencyDataset

read = VideoSaliencyDataset.__getitem__

def breaking(dataset, index):
    if dataset.epoch == 1 and index == 3:
        for frame in dataset.sample_files(index)['frame_paths']:
            Path(frame).write_bytes(b'broken')
    return read(dataset, index)

VideoSaliencyDataset.__getitem__ = breaking
"""


def test_a_corrupt_frame_ends_the_run_with_a_checkpoint(go, root, undisturbed, tmp_path):
    whole = {frame: frame.read_bytes() for frame in root.glob('train/*/images/*')}
    run = go('default_hooks.checkpoint.interval_minutes=None', planted=BREAKING)
    status = run.end()
    broken = [frame for frame, content in whole.items() if frame.read_bytes() != content]
    for frame in broken:
        frame.write_bytes(whole[frame])
    assert status == 2 and broken
    last = run.printed().splitlines()[-1]
    assert any(f'error: {frame}: cannot be read' in last for frame in broken)
    assert BATCHES <= step_of(tmp_path / 'work') < 2 * BATCHES
    assert go().end() == 0
    assert_equal_runs(tmp_path / 'work', undisturbed)


# From then on, the system lets no file grow any further.
FULL = """
import resource, signal

def fill():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
"""


def test_a_full_disk_ends_the_run_and_keeps_the_last_checkpoint(go, undisturbed, tmp_path):
    work = tmp_path / 'work'
    planted = HELD.format(loop='EpochBasedTrainLoop', held='loop.iter == 2 and fill()')
    run = go(planted=FULL + planted)
    assert run.end() == 2
    assert 'cannot be written (' in run.printed().splitlines()[-1]
    assert step_of(work) == 2 and not list(work.rglob('*.unfinished'))
    assert go().end() == 0
    assert_equal_runs(work, undisturbed)


def test_one_run_at_a_time_in_a_work_dir(go, root, tmp_path, capsys):
    run = go(planted=HELD.format(loop='EpochBasedTrainLoop', held='loop.iter == 2'))
    run.until(lambda: 'held' in run.printed())
    before = checkpoints(tmp_path / 'work')
    assert main([str(part) for part in command(root, tmp_path / 'work')]) == 2
    error = capsys.readouterr().err
    assert f'another run of salkit train is at work there (process {run.pid} on ' in error
    assert checkpoints(tmp_path / 'work') == before and run.is_alive()
    run.send(signal.SIGKILL)
    run.end()


def test_checkpoints_within_an_epoch_by_their_number_of_steps(go, undisturbed, tmp_path):
    """`by_epoch=False`: other names, the same run."""
    counted = ('+default_hooks.checkpoint.by_epoch=False', 'default_hooks.checkpoint.interval=2')
    counted += ('default_hooks.checkpoint.interval_minutes=None',)
    planted = HELD.format(loop='EpochBasedTrainLoop', held='loop.iter == 5')
    run = go(*counted, planted=planted)
    run.until(lambda: 'held' in run.printed())
    run.send(signal.SIGKILL)
    run.end()
    assert checkpoints(tmp_path / 'work') == ['iter_2.pth', 'iter_4.pth']
    assert go(*counted).end() == 0
    found = read_checkpoint(tmp_path / 'work' / 'iter_12.pth')
    assert_same(found.weights, read_checkpoint(undisturbed / 'epoch_4.pth').weights)


def test_a_loop_of_iterations(go, root, nursery, tmp_path):
    """It goes round the same clips, so that it ends with the same weights."""
    loop = (
        'train_cfg=dict(by_epoch=False,max_iters=12,val_interval=6)',
        '+default_hooks.checkpoint.by_epoch=False',
        'default_hooks.checkpoint.interval=4',
        'param_scheduler=None',
    )
    whole, work = tmp_path / 'whole', tmp_path / 'work'
    assert nursery.start(command(root, whole, *loop), tmp_path / 'whole.log').end() == 0
    run = go(*loop, planted=HELD.format(loop='IterBasedTrainLoop', held='loop.iter == 7'))
    run.until(lambda: 'held' in run.printed())
    run.send(signal.SIGKILL)
    run.end()
    assert go(*loop).end() == 0
    assert_same(*(read_checkpoint(folder / 'iter_12.pth').weights for folder in (work, whole)))
    assert checkpoints(work) == checkpoints(whole)


def test_accumulated_gradients_are_kept(go, root, nursery, tmp_path):
    """The third step of an epoch is the first of two whose gradients are added."""
    accumulating = '+optim_wrapper.accumulative_counts=2'
    whole, work = tmp_path / 'whole', tmp_path / 'work'
    assert nursery.start(command(root, whole, accumulating), tmp_path / 'whole.log').end() == 0
    for held in ('loop.iter == 3', 'loop.iter == 5'):
        run = go(accumulating, planted=HELD.format(loop='EpochBasedTrainLoop', held=held))
        run.until(lambda: 'held' in run.printed())  # noqa: B023
        run.send(signal.SIGKILL)
        run.end()
    assert checkpoints(work)[-1] == 'epoch_1_iter_5.pth'
    assert go(accumulating).end() == 0
    assert_equal_runs(work, whole)
