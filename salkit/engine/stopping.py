"""Ending a run from outside without losing what it has done."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType, TracebackType

import torch
from mmengine.dist import all_reduce, get_world_size, is_main_process

from ..utils.leftovers import remove_own

# Signal -> exit status: one of those that ask for an end is answered by it as shells know it, the
# one by which a cluster takes a machine back (Slurm: --signal=USR1@120) as a run that went well.
_STATUS = {'SIGTERM': 143, 'SIGINT': 130, 'SIGUSR1': 0}

# What ends a run may tell each process twice: itself, and by the launcher.
_ONE_EVENT_SECONDS = 1.0


class TrainingStopped(KeyboardInterrupt):
    """A run was ended by a signal, after the step that it was at.

    Attributes:
        signal: its name.
        status: the exit status to leave with.
        checkpoint: path of the checkpoint to go on from; None before there is one.
    """

    def __init__(self, name: str, checkpoint: str | None) -> None:
        self.signal = name
        self.status = _STATUS[name]
        self.checkpoint = checkpoint
        where = f' after a checkpoint, {checkpoint}' if checkpoint else ''
        super().__init__(f'stopped by {name}{where}')


class StopSignals:
    """Notes the first of SIGTERM, SIGINT and SIGUSR1 that comes; the second ends the process.

    Used as a context, which puts the handlers back. Elsewhere than in the main thread, where Python
    allows no handlers, nothing is noted.
    """

    def __init__(self) -> None:
        self.noted: str | None = None
        self._noted_at = 0.0
        self._earlier: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for name in _STATUS:
                number = getattr(signal, name, None)
                # A shell has Ctrl-C ignored by what it runs in the background.
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._earlier[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        now = time.monotonic()
        if self.noted is not None and now - self._noted_at < _ONE_EVENT_SECONDS:
            return
        if self.noted is not None:
            # Nothing that a handler may wait for: the process may be anywhere.
            remove_own()
            os._exit(_STATUS[name] or 1)
        self.noted, self._noted_at = name, now
        if not is_main_process():
            return
        text = f'{name}: the run ends after this step with a checkpoint; once more ends it now\n'
        # Printing could come into the middle of printing; the terminal may be gone.
        with suppress(OSError):
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())


def agreed(noted: str | None, due: bool) -> tuple[str | None, bool]:
    """What all processes of a run do after a step: what any of them was told.

    Args:
        noted: the signal that came to this process, if one did.
        due: whether it is time for a checkpoint, as the main process sees it.

    Returns:
        The signal and whether it is time.
    """
    if get_world_size() == 1:
        return noted, due
    names = [None, *_STATUS]
    told = torch.tensor([names.index(noted), int(due)])
    all_reduce(told, op='max')
    return names[int(told[0])], bool(told[1])
