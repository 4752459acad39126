"""The work behind the page: who uploaded what, what was made of it, and clearing it away.

Gradio keeps the queue: it calls `Service.look` once at a time, in a thread.
"""

from __future__ import annotations

import logging
import math
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from ..errors import DataError, SalkitError, one_line
from ..inference.outputs import save_maps
from ..inference.overlay import OverlayStyle
from ..inference.predictor import SaliencyPredictor
from ..inference.regions import RecordedGaze, Region, RegionReport, attention_on
from ..utils.input_files import check_input_file
from .examples import EXAMPLES
from .gaze import GazeMaps
from .session import Begin, Item, Session
from .uploads import Limits, Uploads, open_upload
from .views import Maps, View

# What stands for recorded gaze, among the names of models.
GAZE = 'gaze'
# An upload is taken at once; one that nobody took is removed at this age.
SWEEP_SECONDS = 5.0
LITTER_SECONDS = 20.0
# Of a file of gaze, which is read whole.
MOST_GAZE_BYTES = 20_000_000
# Predictions have this time to end with the server.
CLOSING_SECONDS = 3.0


class Service:
    """Predicts what sessions upload.

    All files lie below one empty folder of its own, in the folder of their session, and go with it.
    Every `stride`-th frame is predicted, and others are interpolated.

    Attributes:
        predictors: the models, by name; the first is the one that a page begins with.
        uploads: that wait for their page.
        sessions: where the folders of sessions lie.
        cache: where the reader of videos may keep what it knows of them, which is nowhere for long.
    """

    def __init__(
        self,
        predictors: Mapping[str, SaliencyPredictor],
        folder: Path,
        limits: Limits | None = None,
        stride: int = 1,
    ) -> None:
        self.predictors, self.stride = predictors, stride
        self.limits = limits or Limits()
        self.folder = Path(folder)
        self.sessions, self.cache = self.folder / 'sessions', self.folder / 'cache'
        self.uploads = Uploads(self.folder / 'uploads', self.limits)
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()
        # Held by the prediction that runs.
        self._model = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._sweep_often, name='salkit-sweep', daemon=True).start()

    def session(self, key: str, visitor: str = '') -> Session:
        """The session of a visitor's page, a new one when `key` is new.

        Raises:
            DataError: the page is another visitor's, or too many are open.
        """
        with self._lock:
            session = self._open.get(key)
            if session is None:
                if len(self._open) >= self.limits.sessions:
                    raise DataError('too many pages are open: please try again later')
                session = Session(self.sessions / secrets.token_hex(16), visitor)
                self._open[key] = session
            if session.visitor != visitor:
                raise DataError('this page is open elsewhere')
            session.use()
            return session

    def end(self, key: str) -> None:
        """Remove all of a page that was closed, after the present frame of its prediction."""
        with self._lock:
            session = self._open.pop(key, None)
        if session is not None:
            session.remove()

    # What comes in -----------------------------------------------------------------------------

    def _add(self, session: Session, path: Path) -> Item:
        try:
            item = Item(path.parent, open_upload(path, self.limits))
        finally:
            # What the reader keeps of a video; the stimulus has it in memory.
            shutil.rmtree(self.cache, ignore_errors=True)
        with self._lock:
            if session.closed:
                raise DataError('the page was closed')
            if len(session.items) >= self.limits.files:
                raise DataError(f'a page holds at most {self.limits.files} files: remove some')
            total = item.bytes + sum(one.bytes for one in session.items.values())
            if total > self.limits.page_bytes:
                most = self.limits.page_bytes // 2**20
                raise DataError(f'the files of a page are at most {most} MB: remove some')
            session.items[path.parent.name] = item
        return item

    def take(self, session: Session, token: str) -> Item:
        """Take a file that was received into its session.

        Raises:
            DataError: not received for this session, not to be read, or above a limit.
        """
        taken = self.uploads.taken(session.visitor, token)
        with taken as path, _new_folder(session.folder) as folder:
            os.replace(path, folder / path.name)
            return self._add(session, folder / path.name)

    def take_example(self, session: Session, number: int) -> Item:
        """Make one of the `EXAMPLES` in a session.

        Raises:
            DataError: there is no such example, or see `take`.
        """
        if not 0 <= number < len(EXAMPLES):
            raise DataError(f'there is no example {number}')
        with _new_folder(session.folder) as folder:
            return self._add(session, EXAMPLES[number].write(folder))

    def take_gaze(self, session: Session, token: str) -> list[str]:
        """Read gaze on a session's videos, in place of what it had; gives their names.

        Raises:
            DataError: not received for this session, or no gaze.
        """
        with self.uploads.taken(session.visitor, token) as path:
            check_input_file(path, most_bytes=MOST_GAZE_BYTES)
            session.gaze = RecordedGaze(path)
        return session.gaze.videos

    def remove(self, session: Session, key: str) -> None:
        """Remove one file of a session and all that was made of it."""
        if item := session.items.pop(key, None):
            item.remove()

    # What is made of it ------------------------------------------------------------------------

    def look(
        self, session: Session, key: str, source: str, style: OverlayStyle, begin: Begin
    ) -> View:
        """Predict and draw a file by a source, a model or `GAZE`.

        `begin` begins a step; it and what it gives may raise to end the work.

        Raises:
            DataError: no such file or source, or it cannot be read.
        """
        with _held(session, key) as item:
            view = item.views.get(source)
            # A model's maps are needed only to draw them; gaze may be other gaze by now.
            if (
                view is not None
                and view.style == style
                and (source != GAZE or view.maps is self._maps(session, item, source, begin))
            ):
                return view
            maps = self._maps(session, item, source, begin)
            with _new_folder(item.folder) as folder:
                drawn = View(folder, maps, style)
                drawn.make(begin)
            if view is not None:
                shutil.rmtree(view.folder, ignore_errors=True)
            item.views[source] = drawn
            return drawn

    def _maps(self, session: Session, item: Item, source: str, begin: Begin) -> Maps:
        """The maps of a source, predicted where they are not kept."""
        if source == GAZE:
            if session.gaze is None:
                raise DataError('there is no gaze yet')
            own = item.maps.get(GAZE)
            if not isinstance(own, GazeMaps) or own.gaze is not session.gaze:
                item.maps[GAZE] = GazeMaps(item.stimulus, session.gaze)
        if source not in item.maps:
            if source not in self.predictors:
                raise DataError(f'there is no model {source!r}')
            with self._model:
                maps = self.predictors[source].predict(item.stimulus, stride=self.stride)
                kept = maps.kept(item.folder, begin(f'Predicting with {source}', len(maps)))
                item.maps[source] = item.kept.enter_context(kept)
            self._make_room(session, item)
        return item.maps[source]

    def _make_room(self, session: Session, item: Item) -> None:
        """Forget maps of a session's other files where all take too much."""
        others = [other for other in list(session.items.values()) if other is not item]
        total = item.maps_bytes + sum(other.maps_bytes for other in others)
        for other in others:
            # One that is at work keeps its own.
            if total > self.limits.maps_bytes and other.lock.acquire(blocking=False):
                total -= other.maps_bytes
                other.forget()
                other.lock.release()

    def shares(
        self,
        session: Session,
        key: str,
        sources: Sequence[str],
        regions: Sequence[Region],
        begin: Begin,
    ) -> list[RegionReport]:
        """The share of the attention that each region of a file gets, by each of the sources."""
        reports = []
        for source in sources:
            with _held(session, key) as item:
                maps = self._maps(session, item, source, begin)
                on_frame = begin('Measuring regions', len(maps))
                reports.append(attention_on(maps, regions, maps.times, on_frame))
        return reports

    def save(self, session: Session, key: str, source: str, begin: Begin) -> Path:
        """Write a file's maps as numbers, in place of those that were written last.

        Raises:
            DataError: they would be too large.
        """
        with _held(session, key) as item:
            maps = self._maps(session, item, source, begin)
            if 4 * math.prod(maps.shape) > self.limits.maps_bytes:
                raise DataError('these maps are too large here; `salkit predict` writes them')
            with _new_folder(session.folder) as folder:
                path = folder / f'{item.stimulus.name}_maps.npz'
                save_maps(maps, [(path, None)], begin('Writing the maps', len(maps)))
        # The page is about to fetch these; others may be written at the same time.
        with self._lock:
            last, session.saved = session.saved, folder
        if last is not None:
            shutil.rmtree(last, ignore_errors=True)
        return path

    # What goes out -----------------------------------------------------------------------------

    def url(self, path: Path) -> str:
        """Where a file of a session is given to its page."""
        return f'/files/{quote(path.relative_to(self.sessions).as_posix())}'

    def file(self, name: str, visitor: str) -> Path | None:
        """The file at a URL, None where there is none for this visitor."""
        own = {one.folder.name for one in list(self._open.values()) if one.visitor == visitor}
        try:
            path = (self.sessions / name).resolve()
            inside = path.relative_to(self.sessions).parts
            return path if inside and inside[0] in own and path.is_file() else None
        except (OSError, ValueError, RuntimeError):
            return None

    def reason(self, error: Exception) -> str:
        """An error in one line that names no path of the server."""
        if not isinstance(error, (SalkitError, OSError)):
            # Whatever a file or a model does, the page goes on.
            logging.getLogger('salkit').error('a page got no answer', exc_info=error)
            return 'This failed; the log of the server says why.'
        return re.sub(r"(?<![^\s'\"(:])/[^\s'\":]*/", '', one_line(error))

    # Clearing up -------------------------------------------------------------------------------

    def _sweep_often(self) -> None:
        while not self._closed.wait(SWEEP_SECONDS):
            self.sweep()

    def sweep(self, older_than: float = LITTER_SECONDS) -> None:
        """End the sessions that were left, and remove uploads that nobody took."""
        for key in [key for key, session in list(self._open.items()) if session.is_left]:
            self.end(key)
        self.uploads.sweep(older_than)

    def close(self) -> None:
        """End every prediction, wait a little for them, and remove all files."""
        self._closed.set()
        ending = [
            threading.Thread(target=session.remove, daemon=True)
            for session in list(self._open.values())
        ]
        for thread in ending:
            thread.start()
        until = time.monotonic() + CLOSING_SECONDS
        for thread in ending:
            # A model may take its time for a frame; its process then ends with it.
            thread.join(max(0.0, until - time.monotonic()))
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def _new_folder(parent: Path) -> Iterator[Path]:
    """A new folder, whose name is a secret; where the block fails, it goes."""
    folder = parent / secrets.token_hex(8)
    folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def _held(session: Session, key: str) -> Iterator[Item]:
    """A file of a session, which stays while the block works on it."""
    if item := session.items.get(key):
        with item.lock:
            # Else it was removed while this waited for other work on it.
            if session.items.get(key) is item and not session.closed:
                yield item
                return
    raise DataError('this file was removed: please add it again')
