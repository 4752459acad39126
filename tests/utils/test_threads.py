"""Work in a thread: order, errors, and an end to it."""

import signal
import threading

import pytest

from salkit.utils.parallel import Stopped
from salkit.utils.threads import in_background, is_unwanted, run_interruptibly


def threads():
    return [t for t in threading.enumerate() if t.name == 'salkit-background']


def test_items_come_in_order_and_from_a_thread():
    seen = []

    def items():
        for number in range(50):
            seen.append(threading.current_thread().name)
            yield number

    assert list(in_background(items(), 3)) == list(range(50))
    assert set(seen) == {'salkit-background'}
    assert not threads()


def test_it_runs_ahead_and_no_further():
    made, more = [], threading.Semaphore(0)

    def items():
        for number in range(100):
            made.append(number)
            more.release()
            yield number

    def made_at_least(count):
        while len(made) < count:
            assert more.acquire(timeout=60)
        return len(made)

    background = in_background(items(), 4)
    assert next(background) == 0
    # Those taken with the first, four that wait, one that the thread holds.
    assert made_at_least(1 + 4 + 1) <= 4 + 4 + 1
    for number in range(1, 40):
        assert next(background) == number
    assert made_at_least(40 + 4) <= 40 + 4 + 4 + 1
    background.close()
    assert len(made) <= 40 + 4 + 4 + 1
    assert not threads()


def test_an_error_comes_where_its_item_would_have():
    def items():
        yield 1
        raise KeyError('lost')

    background = in_background(items(), 2)
    assert next(background) == 1
    with pytest.raises(KeyError, match='lost'):
        next(background)
    assert not threads()


def test_closing_closes_what_is_iterated():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    background = in_background(in_background(items(), 2), 2)
    next(background)
    background.close()
    assert closed.is_set()
    assert not threads()


def test_a_call_gives_its_result_or_its_error():
    assert run_interruptibly(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        run_interruptibly(lambda: 1 / 0)
    assert not is_unwanted()


@pytest.mark.parametrize('depth', [1, 3])
def test_a_call_ends_when_nobody_waits_for_its_result(depth):
    began, ended, raised = threading.Event(), threading.Event(), []

    def calls():
        yield 'first'

        def call():
            began.set()
            # As a library does that never comes back unless it is told to.
            assert ended.wait(60)

        try:
            run_interruptibly(call, ended.set)
        except Stopped as error:
            raised.append(error)
            raise

    items = calls()
    for _ in range(depth):
        items = in_background(items, 1)
    assert next(items) == 'first' and began.wait(60)
    items.close()
    assert ended.is_set() and raised and not threads()


def test_ctrl_c_reaches_a_call():
    ended = threading.Event()

    def call():
        signal.raise_signal(signal.SIGINT)
        ended.wait(60)

    with pytest.raises(KeyboardInterrupt):
        run_interruptibly(call, ended.set)
    assert ended.is_set()
