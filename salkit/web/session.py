"""One open page: what was uploaded to it, what was made of that, and whether anybody needs it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..inference.maps import KeptMaps, OnFrame
from ..inference.stimulus import Stimulus
from ..utils.parallel import Stopped
from .results import Results

# A page is ended that nobody has open, and one that is open and not used.
LOST_SECONDS = 300.0
IDLE_SECONDS = 12 * 3600.0
# Is given the share of a step that is done, and what is done now and how long it may take.
ShowProgress = Callable[[float, str], object]


class Session:
    """One open page. Made by `Service.session`.

    Attributes:
        visitor: whose page it is.
        folder: where its upload and what is made of it lie; its name is a secret of its page.
        stimulus: what was uploaded last, None before.
        maps: of the stimulus, once predicted: other colors need no second prediction. They are
            read from a file that is open until `kept` is closed.
        results: of the last prediction, None before.
        cancelled: ends the prediction under way when it is set.
        lock: of the files; held by an upload, a prediction and the end.
    """

    def __init__(self, folder: Path, visitor: str = '') -> None:
        self.folder = folder
        self.visitor = visitor
        self.stimulus: Stimulus | None = None
        self.maps: KeptMaps | None = None
        self.results: Results | None = None
        self.cancelled = threading.Event()
        self.lock = threading.Lock()
        self.kept = ExitStack()
        self._used = time.monotonic()
        self._connections = 0

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Be looked at: the page has a connection open."""
        self._connections += 1
        try:
            yield
        finally:
            self._connections -= 1
            self.use()

    def use(self) -> None:
        """Be of use to somebody."""
        self._used = time.monotonic()

    @property
    def is_left(self) -> bool:
        """Whether nobody needs it any more, though it was never closed."""
        unused = time.monotonic() - self._used
        at_work = self.lock.locked()
        return not at_work and unused >= (IDLE_SECONDS if self._connections else LOST_SECONDS)

    def begin(self, show: ShowProgress, name: str, frames: int) -> OnFrame:
        """Begin a step: what counts its frames, and ends it where the session is cancelled."""
        done, began = 0, time.monotonic()

        def on_frame(count: int) -> None:
            nonlocal done
            if self.cancelled.is_set():
                raise Stopped
            done += count
            text = f'{name}: frame {done} of {frames}'
            if done:
                seconds = (time.monotonic() - began) * (frames / done - 1)
                text += f', about {max(1, round(seconds))} s left'
            show(done / frames, text)

        on_frame(0)
        return on_frame

    def remove_upload(self) -> None:
        """Remove the upload and all that was made of it."""
        self.kept.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.stimulus = self.maps = self.results = None
