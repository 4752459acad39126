"""Whose files a run removes that goes on from a checkpoint: its own alone."""

import itertools
import logging
import math
import os
import shutil
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from salkit.engine.hooks import SafeCheckpointHook
from salkit.errors import ConfigError

_HUBS = itertools.count()


def run_in(work_dir, resumed_from=None, save_best='CC', **info):
    """A run in `work_dir`, and what the checkpoint that it goes on from tells."""
    hub = MessageHub(f'safe-checkpoint-{next(_HUBS)}')
    for key, value in info.items():
        hub.update_info(key, value)

    def save_checkpoint(out_dir, filename, *_, **__):
        (work_dir / filename).write_text(f'written to {work_dir}')

    work_dir.mkdir(parents=True, exist_ok=True)
    return SimpleNamespace(
        work_dir=str(work_dir),
        message_hub=hub,
        resumed_from=resumed_from,
        logger=logging.getLogger('test'),
        epoch=9,
        iter=9,
        val_loop=None,
        train_loop=None,
        save_checkpoint=save_checkpoint,
        hook=SafeCheckpointHook(interval=1, save_best=save_best, rule='greater', max_keep_ckpts=2),
    )


def validate(runner, **scores):
    runner.hook.after_val_epoch(runner, scores)


def files(folder):
    return {path.name: path.read_text() for path in folder.glob('*.pth')}


@pytest.fixture
def first(tmp_path):
    """The work dir of a run of three epochs."""
    folder = tmp_path / 'first'
    folder.mkdir()
    for name in ('best_CC_epoch_2.pth', 'best_NSS_epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth'):
        (folder / name).write_text(name)
    return folder


def state_of(folder):
    best = str(folder / 'best_CC_epoch_2.pth')
    return dict(best_ckpt=best, best_score=0.5, keep_ckpt_ids=[2, 3])


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(intervall=3), 'no argument intervall'),
        (dict(interval_minutes=0), 'interval_minutes must be above 0, got 0'),
    ],
)
def test_wrong_arguments_are_refused_before_the_run(wrong, message):
    with pytest.raises(ConfigError, match=message):
        SafeCheckpointHook(interval=1, **wrong)


def test_another_work_dir_keeps_its_best_checkpoint(tmp_path, first):
    before = files(first)
    runner = run_in(tmp_path / 'second', first / 'epoch_3.pth', **state_of(first))
    runner.hook.before_train(runner)
    # The best one so far is this run's, too.
    own = tmp_path / 'second' / 'best_CC_epoch_2.pth'
    assert files(own.parent) == {own.name: own.name}
    assert runner.message_hub.get_info('best_ckpt') == str(own)
    validate(runner, CC=0.4)
    assert own.exists()
    validate(runner, CC=0.6)
    assert list(files(own.parent)) == ['best_CC_epoch_9.pth']
    assert files(first) == before


def test_several_best_checkpoints(tmp_path, first):
    state = {'best_ckpt_CC': str(first / 'best_CC_epoch_2.pth'), 'best_score_CC': 0.5}
    state |= {'best_ckpt_NSS': str(first / 'best_NSS_epoch_1.pth'), 'best_score_NSS': 1.0}
    before = files(first)
    second = tmp_path / 'second'
    runner = run_in(second, first / 'epoch_3.pth', save_best=['CC', 'NSS'], **state)
    runner.hook.before_train(runner)
    validate(runner, CC=0.6, NSS=0.9)
    assert set(files(second)) == {'best_CC_epoch_9.pth', 'best_NSS_epoch_1.pth'}
    assert files(first) == before


def test_a_copied_work_dir_leaves_the_original(tmp_path, first):
    before = files(first)
    copy = shutil.copytree(first, tmp_path / 'copy')
    runner = run_in(copy, copy / 'epoch_3.pth', **state_of(first))
    runner.hook.before_train(runner)
    validate(runner, CC=0.6)
    # The state with the new best one is written, too, and the last two are kept.
    new = {'best_CC_epoch_9.pth', 'epoch_9.pth'}
    assert set(files(copy)) == {*before, *new} - {'best_CC_epoch_2.pth', 'epoch_2.pth'}
    assert files(first) == before


def test_a_moved_work_dir_goes_on_as_if_it_had_not_moved(tmp_path, first):
    moved = first.rename(tmp_path / 'moved')
    runner = run_in(moved, moved / 'epoch_3.pth', **state_of(first))
    runner.hook.before_train(runner)
    assert list(runner.hook.keep_ckpt_ids) == [2, 3]
    validate(runner, CC=0.4)
    assert (moved / 'best_CC_epoch_2.pth').exists()
    validate(runner, CC=0.6)
    assert not (moved / 'best_CC_epoch_2.pth').exists()


@pytest.mark.parametrize('name', ['best_CC_epoch_2.pth', 'thesis.pth'])
def test_a_best_checkpoint_that_is_gone_or_is_none_counts_for_nothing(tmp_path, first, name):
    (first / 'best_CC_epoch_2.pth').unlink()
    (first / 'thesis.pth').write_text('precious')
    state = dict(state_of(first), best_ckpt=str(first / name))
    runner = run_in(tmp_path / 'second', first / 'epoch_3.pth', **state)
    runner.hook.before_train(runner)
    validate(runner, CC=0.1)
    assert list(files(tmp_path / 'second')) == ['best_CC_epoch_9.pth']
    assert (first / 'thesis.pth').read_text() == 'precious'


@pytest.mark.parametrize('kept', [[1, 2, 3], ['../x', 'y', 'z'], 'abc', 7])
def test_a_third_run_keeps_what_the_first_one_counts_as_its_own(tmp_path, first, kept):
    third = shutil.copytree(first, tmp_path / 'third')
    (third / 'epoch_1.pth').write_text('third')
    before = files(third)
    state = dict(state_of(first), keep_ckpt_ids=kept)
    runner = run_in(third, first / 'epoch_3.pth', **state)
    runner.hook.before_train(runner)
    assert files(third) == before and not runner.hook.keep_ckpt_ids


def test_the_best_of_an_older_run_is_not_taken_for_that_of_the_resumed_one(tmp_path, first):
    used = tmp_path / 'used'
    runner = run_in(used, first / 'epoch_3.pth', **state_of(first))
    (used / 'best_CC_epoch_2.pth').write_text('of an older run')
    runner.hook.before_train(runner)
    assert files(used) == {'best_CC_epoch_2.pth': 'best_CC_epoch_2.pth'}


@pytest.mark.parametrize('resumed', [False, True])
def test_what_another_run_left_within_an_epoch_is_kept(tmp_path, resumed):
    work = tmp_path / 'work'
    work.mkdir()
    left = work / 'epoch_12_iter_5120.pth'
    left.write_text('left')
    runner = run_in(work, left if resumed else None)
    runner.hook.before_train(runner)
    assert runner.hook.last_ckpt == (str(left) if resumed else None)
    runner.hook.write_now(runner, 9, 10)
    assert left.exists() != resumed
    runner.hook.write_now(runner, 9, 20)
    runner.hook.write_now(runner, 9, 20)
    assert {path.name for path in work.glob('epoch_9_*')} == {'epoch_9_iter_20.pth'}
    runner.hook._save_checkpoint_with_step(runner, 10, dict(epoch=10, iter=30))
    names = {'epoch_10.pth'} if resumed else {'epoch_10.pth', left.name}
    assert set(files(work)) == names


def test_a_checkpoint_that_cannot_be_written_is_none_to_go_on_from(tmp_path):
    runner = run_in(tmp_path / 'work')
    runner.hook.before_train(runner)
    runner.hook.write_now(runner, 8, 80)
    last = runner.hook.last_ckpt

    def full(*_, **__):
        raise OSError

    runner.save_checkpoint = full
    for write in (
        lambda: runner.hook.write_now(runner, 8, 81),
        lambda: runner.hook._save_checkpoint_with_step(runner, 9, dict(epoch=9, iter=90)),
    ):
        with pytest.raises(OSError):
            write()
        assert runner.hook.last_ckpt == last and os.path.exists(last)


def test_epochs_of_a_third_run_are_kept(tmp_path, first):
    third = shutil.copytree(first, tmp_path / 'third')
    runner = run_in(third, first / 'epoch_3.pth', **state_of(first))
    runner.hook.before_train(runner)
    for runner.epoch in (3, 4, 5):
        runner.hook._save_checkpoint(runner)
    # Of its own, the last two.
    assert {'epoch_2.pth', 'epoch_3.pth', 'epoch_5.pth', 'epoch_6.pth'} <= set(files(third))
    assert 'epoch_4.pth' not in files(third)


@pytest.mark.parametrize('score', [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_never_the_best(tmp_path, score, caplog):
    runner = run_in(tmp_path)
    runner.hook.before_train(runner)
    validate(runner, CC=score, NSS=1.0)
    assert files(tmp_path) == {} and 'best_score' not in runner.message_hub.runtime_info
    assert caplog.messages == [f'CC is {score}: this checkpoint is not the best']
    validate(runner, CC=0.25)
    assert list(files(tmp_path)) == ['best_CC_epoch_9.pth']
