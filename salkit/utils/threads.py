"""Work that goes on in a thread while its results are used, and how it ends early."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from .parallel import Stopped

Item = TypeVar('Item')

# Seconds that a call of a library may take to end, once it was told to.
_PATIENCE = 3.0
# In a thread of `in_background`: its `is_unwanted`.
_own = threading.local()


def is_unwanted() -> bool:
    """Whether nobody waits for this thread's results any more: their taker, or its own, is gone."""
    return getattr(_own, 'is_unwanted', bool)()


def run_interruptibly(call: Callable[[], Item], end: Callable[[], object] | None = None) -> Item:
    """Call a library's function that may run long without coming back to Python.

    Ctrl-C ends the waiting at once, and so does that the result `is_unwanted`.

    Args:
        call: runs in a thread of its own.
        end: called then, to have the function return; None where nothing does. One that goes on is
            left to itself.

    Raises:
        Stopped: the result is unwanted.
    """
    results: list[Item] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)
        done.set()

    try:
        threading.Thread(target=work, name='salkit-call', daemon=True).start()
        while not done.wait(0.1):
            if is_unwanted():
                raise Stopped
    except BaseException:
        if end is not None:
            end()
            done.wait(_PATIENCE)
        raise
    if errors:
        raise errors[0]
    return results[0]


def in_background(items: Iterable[Item], ahead: int) -> Generator[Item, None, None]:
    """Give the items of an iterable that a thread runs ahead of.

    Args:
        items: is iterated, and closed, in the thread.
        ahead: how many items may wait to be taken. All that wait are taken at once, as threads
            that hand over every single one spend their time on that where cores are busy.

    Yields:
        The items in order. An error of the thread is raised where its item would have come;
        closing this generator ends the thread before it returns.
    """
    changed = threading.Condition()
    waiting: deque[Item] = deque()
    ended = stopped = False
    error: BaseException | None = None
    is_taker_unwanted = getattr(_own, 'is_unwanted', bool)

    def put(item: Item) -> bool:
        with changed:
            while len(waiting) >= ahead and not stopped:
                changed.wait()
            waiting.append(item)
            if len(waiting) == 1:
                changed.notify()
            return not stopped

    def work() -> None:
        nonlocal ended, error
        raised = None
        _own.is_unwanted = lambda: stopped or is_taker_unwanted()
        try:
            iterator = iter(items)
            try:
                for item in iterator:
                    if not put(item):
                        break
                    # Not to be kept while the next one is made.
                    del item
            finally:
                if hasattr(iterator, 'close'):
                    iterator.close()
        except BaseException as caught:
            raised = caught
        with changed:
            ended, error = True, raised
            changed.notify()

    thread = threading.Thread(target=work, name='salkit-background', daemon=True)
    thread.start()
    try:
        while True:
            with changed:
                while not waiting and not ended:
                    changed.wait()
                taken = list(waiting)
                waiting.clear()
                changed.notify()
                last = ended
            taken.reverse()
            while taken:
                yield taken.pop()
            if last:
                break
        if error is not None:
            raise error
    finally:
        with changed:
            stopped = True
            changed.notify()
        thread.join()
