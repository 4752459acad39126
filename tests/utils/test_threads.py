"""Work in a thread: order, errors, and an end to it."""

import threading
import time

import pytest

from salkit.utils.threads import in_background


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
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    background = in_background(items(), 4)
    assert next(background) == 0

    def settled():
        before = 0
        while before != len(made):
            before = len(made)
            time.sleep(0.2)
        return before

    # Those taken with the first, four that wait, one that the thread holds.
    assert 1 + 4 + 1 <= settled() <= 4 + 4 + 1
    for number in range(1, 40):
        assert next(background) == number
    assert settled() <= 40 + 4 + 4 + 1
    background.close()
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
