"""Tasks on all cores: results, errors, and an end to them."""

import os
import signal
import weakref

import pytest

from salkit.errors import ConfigError, DataError, SalkitError
from salkit.utils.parallel import (
    Stopped,
    check_stopped,
    check_workers,
    run_tasks,
    share_cores,
    usable_cores,
)


def square(task, shared):
    return task * task + shared, os.getpid()


def fail_at_three(task, barrier):
    if task == 3:
        raise DataError('three')
    return task


def die(task, shared):
    os.kill(os.getpid(), signal.SIGKILL)


def stop_itself(task, shared):
    if task % 2:
        raise Stopped
    return task


class Result:
    pass


def make_result(task, shared):
    return Result()


def until_stopped(task, marks):
    if task == 0:
        # Not before the other one is at work, or it would never begin.
        while not (marks / '1').exists():
            check_stopped()
        raise DataError('the first')
    (marks / '1').touch()
    while True:
        try:
            check_stopped()
        except Stopped:
            (marks / 'stopped').touch()
            raise


@pytest.mark.parametrize('workers', [1, 3])
def test_every_task_gives_its_result(workers):
    results = []
    run_tasks(square, range(20), 100, workers, results.append)
    assert sorted(value for value, _ in results) == [number**2 + 100 for number in range(20)]
    processes = {process for _, process in results}
    assert len(processes) <= workers and (os.getpid() in processes) == (workers == 1)


def test_results_are_forgotten_once_they_were_taken():
    taken, alive = [], []

    def take(result):
        taken.append(weakref.ref(result))
        alive.append(sum(each() is not None for each in taken))

    run_tasks(make_result, range(50), None, 2, take)
    assert len(taken) == 50 and max(alive) < 5


def test_no_tasks():
    run_tasks(square, [], 0, 3, None)


@pytest.mark.parametrize('workers', [1, 2])
def test_an_error_of_a_task_ends_the_run(workers):
    with pytest.raises(DataError, match='three'):
        run_tasks(fail_at_three, range(10), None, workers, [].append)


def test_after_an_error_the_other_tasks_are_stopped(tmp_path):
    with pytest.raises(DataError, match='the first'):
        run_tasks(until_stopped, [0, 1, 2, 3], tmp_path, 2, [].append)
    assert (tmp_path / 'stopped').exists()


def test_tasks_that_stop_themselves_give_nothing():
    results = []
    run_tasks(stop_itself, range(6), None, 2, results.append)
    assert sorted(results) == [0, 2, 4]


def test_an_error_of_the_caller_ends_the_run():
    def done(result):
        raise ValueError(result)

    with pytest.raises(ValueError, match=r'^\(\d+, \d+\)$'):
        run_tasks(square, range(6), 0, 2, done)


def test_a_worker_that_dies_is_named():
    with pytest.raises(SalkitError, match='ended from outside'):
        run_tasks(die, range(4), None, 2, None)


def test_numbers_of_workers():
    assert check_workers(None) == usable_cores() >= 1
    assert check_workers(3) == 3
    with pytest.raises(ConfigError, match='workers must be at least 1, got 0'):
        check_workers(0)


@pytest.mark.parametrize(
    ('files', 'most'),
    [
        ({}, None),
        ({'cpu.max': 'max 100000\n'}, None),
        ({'cpu.max': '150000 100000\n'}, 1),
        ({'cpu.max': '20000 100000\n'}, 1),
        ({'cpu/cpu.cfs_quota_us': '-1\n', 'cpu/cpu.cfs_period_us': '100000\n'}, None),
        ({'cpu/cpu.cfs_quota_us': '100000\n', 'cpu/cpu.cfs_period_us': '100000\n'}, 1),
        ({'cpu.max': 'nonsense'}, None),
    ],
)
def test_usable_cores_are_those_of_the_container(tmp_path, files, most):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert usable_cores(tmp_path) == (most or usable_cores(tmp_path / 'none'))


@pytest.mark.parametrize(
    ('environment', 'threads'),
    [({}, 8), (dict(LOCAL_WORLD_SIZE='3'), 2), (dict(LOCAL_WORLD_SIZE='20'), 1)],
)
def test_pytorch_gets_its_share_of_the_cores(monkeypatch, environment, threads):
    set_to = []
    monkeypatch.setattr('torch.set_num_threads', set_to.append)
    monkeypatch.setattr('salkit.utils.parallel.usable_cores', lambda: 8)
    for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'LOCAL_WORLD_SIZE'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    share_cores()
    monkeypatch.setenv('OMP_NUM_THREADS', '5')
    share_cores()
    assert set_to == [threads]
