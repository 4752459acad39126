"""Work that goes on in a thread while its results are used."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar('Item')


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
