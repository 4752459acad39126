"""One open page: its files, what was made of them, and whether anybody needs it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..inference.outputs import OnFrame
from ..inference.regions import RecordedGaze
from ..inference.stimulus import Stimulus
from ..utils.parallel import Stopped
from .views import Maps, View

# A page is ended that nobody has open, and one that is open and not used.
LOST_SECONDS = 300.0
IDLE_SECONDS = 12 * 3600.0
# Is given the share of a step that is done, and what is done now and how long it may take.
ShowProgress = Callable[[float, str], object]
# Begins a step of the work by its name and number of frames.
Begin = Callable[[str, int], OnFrame]


class Item:
    """One file of a page.

    Attributes:
        folder: where it lies, with all that is made of it.
        stimulus: its frames.
        bytes: of the file as it was uploaded.
        maps: by source, once predicted: other colors need no second prediction. A model's are read
            from a file that is open until `forget`.
        views: by source, as last drawn.
        kept: closes the files of maps.
        lock: of all this; held by the work on it and its end.
    """

    def __init__(self, folder: Path, stimulus: Stimulus) -> None:
        self.folder, self.stimulus = folder, stimulus
        self.bytes = stimulus.path.stat().st_size if stimulus.path else 0
        self.maps: dict[str, Maps] = {}
        self.views: dict[str, View] = {}
        self.kept = ExitStack()
        self.lock = threading.Lock()

    @property
    def maps_bytes(self) -> int:
        """Of the files of maps that are kept."""
        return sum(maps.bytes for maps in self.maps.values())

    def forget(self) -> None:
        """Keep no maps any more: who needs them predicts them anew."""
        self.maps.clear()
        self.kept.close()

    def remove(self) -> None:
        """Remove the file and all that was made of it."""
        with self.lock:
            self.forget()
            self.views.clear()
            shutil.rmtree(self.folder, ignore_errors=True)


class Session:
    """One open page. Made by `Service.session`.

    Attributes:
        visitor: whose page it is.
        folder: where its files lie; its name is a secret of its page.
        items: its files, by what the page calls them.
        gaze: on videos, as last uploaded.
        saved: where maps lie as numbers that were written last.
        stopped: the last turn of work that its user gave up; turns are counted by the page.
        closed: it has ended.
    """

    def __init__(self, folder: Path, visitor: str = '') -> None:
        self.folder, self.visitor = folder, visitor
        self.items: dict[str, Item] = {}
        self.gaze: RecordedGaze | None = None
        self.saved: Path | None = None
        self.stopped, self.closed = 0, False
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
        at_work = any(item.lock.locked() for item in list(self.items.values()))
        return not at_work and unused >= (IDLE_SECONDS if self._connections else LOST_SECONDS)

    def begin(self, show: ShowProgress, turn: int, name: str, frames: int) -> OnFrame:
        """Begin a step: what counts its frames, and ends it where its user gave up the turn."""
        done, began = 0, time.monotonic()

        def on_frame(count: int) -> None:
            nonlocal done
            if self.closed or turn <= self.stopped:
                raise Stopped
            done += count
            text = f'{name}: frame {done} of {frames}'
            if done:
                seconds = (time.monotonic() - began) * (frames / done - 1)
                text += f', about {max(1, round(seconds))} s left'
            show(done / frames, text)

        on_frame(0)
        return on_frame

    def remove(self) -> None:
        """Remove all files, after the present frame of the work on them."""
        self.closed = True
        for item in list(self.items.values()):
            item.remove()
        self.items.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
