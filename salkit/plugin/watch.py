"""A limit to the time that a plugin may take while it is loaded."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import PluginError

# Importing the largest libraries takes seconds, from a slow network disk half a minute.
LIMIT_SECONDS = 60.0
VARIABLE = 'SALKIT_PLUGIN_SECONDS'


class Interrupted(BaseException):
    """The user pressed Ctrl-C; a KeyboardInterrupt may also come from the plugin itself."""


class TooLong(BaseException):
    """The time is over; no Exception, which code that never returns may well catch."""


@contextmanager
def watched(name: str) -> Iterator[None]:
    """Run a block that other people's code may never return from.

    Signals end it, which only the main thread gets, and on Windows no thread: elsewhere there is no
    limit. $SALKIT_PLUGIN_SECONDS changes it, 0 takes it away.

    Args:
        name: of the plugin.

    Raises:
        PluginError: the time was over.
        Interrupted: Ctrl-C came.
    """
    limit = _limit()
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, 'SIGALRM'):
        yield
        return

    def over(*_: object) -> None:
        raise TooLong

    def interrupted(*_: object) -> None:
        raise Interrupted

    ends_on_interrupt = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    handlers = {signal.SIGALRM: over, **({signal.SIGINT: interrupted} if ends_on_interrupt else {})}
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    # Again every second, as code that goes on after the first would after none.
    timer = signal.setitimer(signal.ITIMER_REAL, limit, 1.0 if limit else 0)
    try:
        yield
    except TooLong:
        raise PluginError(
            f'took more than {limit:g} s to load ({VARIABLE} changes the limit; '
            f'SALKIT_PLUGINS chooses plugins without it)'
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        for number, handler in previous.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _limit() -> float:
    try:
        return max(0.0, float(os.environ.get(VARIABLE, LIMIT_SECONDS)))
    except ValueError:
        return LIMIT_SECONDS
