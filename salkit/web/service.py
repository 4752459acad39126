"""The work behind the page: who uploaded what, what was made of it, and clearing it away.

Gradio keeps the queue: it calls `Service.predict` once at a time, in a thread.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, SalkitError, one_line
from ..inference.overlay import OverlayStyle
from ..inference.predictor import SaliencyPredictor
from ..inference.stimulus import Stimulus
from .results import Results
from .session import Session, ShowProgress
from .uploads import Limits, open_upload

# An upload is taken at once; what Gradio leaves behind besides is removed at this age.
SWEEP_SECONDS = 5.0
LITTER_SECONDS = 20.0
# Predictions have this time to end with the server.
CLOSING_SECONDS = 3.0
_OWN_UPLOADS = 5


@dataclass
class _Upload:
    """A file that comes, or has come and waits for a page of its visitor."""

    visitor: str
    bytes: int
    ready: bool = False


class Service:
    """Predicts what sessions upload.

    All files lie below one empty folder of its own, in the folder of their session, and go with it.
    Every `stride`-th frame is predicted, and others are interpolated.

    Attributes:
        uploads: where uploads wait for their page, and Gradio may write; what is left there is
            removed after a while.
        sessions: where the folders of sessions lie.
        cache: where the reader of videos may keep what it knows of them, which is nowhere for long.
    """

    def __init__(
        self,
        predictor: SaliencyPredictor,
        folder: Path,
        limits: Limits | None = None,
        stride: int = 1,
    ) -> None:
        self.predictor, self.stride = predictor, stride
        self.limits = limits or Limits()
        self.folder = Path(folder)
        self.uploads, self.sessions, self.cache = (
            self.folder / name for name in ('uploads', 'sessions', 'cache')
        )
        self.uploads.mkdir(parents=True, exist_ok=True)
        self._open: dict[str, Session] = {}
        self._uploads: dict[Path, _Upload] = {}
        self._lock = threading.Lock()
        # Held by the prediction that runs. Gradio lets the next one begin when one was cancelled,
        # which then is still at its present frame.
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
            session.cancelled.set()
            with session.lock:
                session.remove_upload()

    @contextmanager
    def receiving(self, visitor: str, size: int) -> Iterator[Path]:
        """Where to make a folder for one file of about `size` bytes that a visitor uploads.

        After the block the visitor's pages may take it.

        Raises:
            DataError: too many uploads, or too large ones, wait for their page.
        """
        upload, folder = _Upload(visitor, size), self.uploads / secrets.token_hex(16)
        with self._lock:
            own = [one for one in self._uploads.values() if one.visitor == visitor]
            if len(own) >= _OWN_UPLOADS or len(self._uploads) >= self.limits.uploads:
                raise DataError('too many uploads at once: please try again later')
            if sum(one.bytes for one in own) + size > self.limits.bytes:
                raise DataError(f'too large: at most {self.limits.megabytes:g} MB at once')
            self._uploads[folder] = upload
        try:
            yield folder
            upload.ready = True
        except BaseException:
            with self._lock:
                self._uploads.pop(folder, None)
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def owns(self, session: Session, path: str | Path) -> bool:
        """Whether a file waits for this session's visitor, who uploaded it."""
        upload = self._uploads.get(Path(path).parent)
        ready = upload is not None and upload.ready and upload.visitor == session.visitor
        return ready and os.path.isfile(path)

    def holds(self, path: str, visitor: str) -> bool:
        """Whether a path is that of a file that was made for a page, of no other visitor."""
        try:
            resolved = Path(path).resolve()
        except (OSError, ValueError, RuntimeError):
            return False
        owners = {session.folder: session.visitor for session in list(self._open.values())}
        owners |= {folder: upload.visitor for folder, upload in list(self._uploads.items())}
        if any(owners.get(folder, visitor) != visitor for folder in resolved.parents):
            return False
        return resolved.is_relative_to(self.folder) and resolved.is_file()

    def upload(self, session: Session, path: str | Path) -> Stimulus:
        """Take a file that was received into its session, in place of what was there.

        A prediction under way is ended.

        Raises:
            DataError: not received for this session, not to be read, or above a limit.
        """
        path = Path(path)
        own = session.folder / path.name
        with self._lock:
            if not self.owns(session, path):
                raise DataError(f'{path.name} is gone: please upload it again')
            del self._uploads[path.parent]
        session.cancelled.set()
        with session.lock:
            session.remove_upload()
            own.parent.mkdir(parents=True)
            try:
                os.replace(path, own)
                session.stimulus = open_upload(own, self.limits)
            except FileNotFoundError:
                raise DataError(f'{path.name} is gone: please upload it again') from None
            finally:
                if session.stimulus is None:
                    session.remove_upload()
                # What the reader keeps of a video; the stimulus has it in memory.
                shutil.rmtree(self.cache, ignore_errors=True)
            return session.stimulus

    def predict(self, session: Session, style: OverlayStyle, show: ShowProgress) -> Results:
        """Predict a session's upload and write what its user may keep.

        Raises:
            DataError: nothing was uploaded, or it cannot be read.
            Stopped: its user gave up.
        """
        with self._model, session.lock:
            session.cancelled.clear()
            if session.results is not None:
                shutil.rmtree(session.results.folder, ignore_errors=True)
                session.results = None
            if session.stimulus is None:
                raise DataError('Please choose a video or a picture first')
            if session.maps is None:
                maps = self.predictor.predict(session.stimulus, stride=self.stride)
                kept = maps.kept(session.folder, session.begin(show, 'Predicting', len(maps)))
                session.maps = session.kept.enter_context(kept)
            maps = session.maps
            results = Results(session.folder / secrets.token_hex(16), maps, style)
            results.folder.mkdir()
            try:
                with_maps = 4 * math.prod(maps.shape) <= self.limits.maps_bytes
                results.make(with_maps, lambda name: session.begin(show, name, len(maps)))
            except BaseException:
                shutil.rmtree(results.folder, ignore_errors=True)
                raise
            session.results = results
            return results

    def reason(self, session: Session, error: Exception) -> str:
        """An error in one line that names no path of the server."""
        if not isinstance(error, (SalkitError, OSError)):
            # Whatever a file or a model does, the page goes on.
            logging.getLogger('salkit').error('a page got no answer', exc_info=error)
            return 'This failed; the log of the server says why.'
        text = one_line(error).replace(f'{session.folder}{os.sep}', '')
        text = text.replace(f'{self.folder}{os.sep}', '')
        return re.sub(r"(?<![^\s'\"(:])/[^\s'\":]*/", '', text)

    def _sweep_often(self) -> None:
        while not self._closed.wait(SWEEP_SECONDS):
            self.sweep()

    def sweep(self, older_than: float = LITTER_SECONDS) -> None:
        """End the sessions that were left, and remove what has lain in `uploads` and `cache` for
        `older_than` seconds, and folders left empty.
        """
        for key in [key for key, session in list(self._open.items()) if session.is_left]:
            self.end(key)
        now = time.time()
        litter = [*self.uploads.rglob('*'), *self.cache.rglob('*')]
        for path in sorted(litter, reverse=True):
            # Gone already, or a folder that something lies in.
            with contextlib.suppress(OSError):
                if now - path.stat().st_ctime >= older_than:
                    path.rmdir() if path.is_dir() else path.unlink()
        with self._lock:
            for folder, upload in list(self._uploads.items()):
                if upload.ready and not folder.exists():
                    del self._uploads[folder]

    def close(self) -> None:
        """End every prediction, wait a little for them, and remove all files."""
        self._closed.set()
        sessions = list(self._open.values())
        for session in sessions:
            session.cancelled.set()
        until = time.monotonic() + CLOSING_SECONDS
        for session in sessions:
            # A model may take its time for a frame; its process then ends with it.
            if session.lock.acquire(timeout=max(0.0, until - time.monotonic())):
                session.remove_upload()
                session.lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)
