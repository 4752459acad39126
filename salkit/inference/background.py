"""Work that goes on in a thread while its results are used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

Item = TypeVar('Item')
# How long a full queue is waited for before looking whether anybody still wants its items.
_PATIENCE_SECONDS = 0.05


def in_background(items: Iterable[Item], ahead: int) -> Generator[Item, None, None]:
    """Give the items of an iterable that a thread runs ahead of.

    Args:
        items: is iterated, and closed, in the thread.
        ahead: how many items may wait to be used.

    Yields:
        The items in order. An error of the thread is raised where its item would have come;
        closing this generator ends the thread before it returns.
    """
    waiting: queue.Queue[tuple[bool, Any]] = queue.Queue(maxsize=max(1, ahead))
    stopped = threading.Event()

    def put(is_item: bool, content: Any) -> bool:
        while not stopped.is_set():
            try:
                waiting.put((is_item, content), timeout=_PATIENCE_SECONDS)
                return True
            except queue.Full:
                pass
        return False

    def work() -> None:
        iterator = iter(items)
        error = None
        try:
            for item in iterator:
                if not put(True, item):
                    break
        except BaseException as raised:
            error = raised
        try:
            if hasattr(iterator, 'close'):
                iterator.close()
        except BaseException as raised:
            error = error or raised
        put(False, error)

    thread = threading.Thread(target=work, name='salkit-background', daemon=True)
    thread.start()
    try:
        while True:
            is_item, content = waiting.get()
            if is_item:
                yield content
                # Not to be kept while the next one is waited for.
                del content
            elif content is not None:
                raise content
            else:
                return
    finally:
        stopped.set()
        thread.join()
