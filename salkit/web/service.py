"""The work behind the page: who uploaded what, what was made of it, and clearing it away.

Gradio keeps the queue: it calls `Service.predict` once at a time, in a thread.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from ..errors import DataError, one_line
from ..inference.maps import KeptMaps, OnFrame
from ..inference.overlay import OverlayStyle
from ..inference.predictor import SaliencyPredictor
from ..inference.stimulus import Stimulus
from ..utils.parallel import Stopped
from .results import Results
from .uploads import Limits, open_upload

# An upload is taken at once; what Gradio leaves behind besides is removed at this age.
SWEEP_SECONDS = 5.0
LITTER_SECONDS = 20.0
# Is given the share of a step that is done, and what is done now and how long it may take.
ShowProgress = Callable[[float, str], object]


class Session:
    """One open page. Made by `Service.session`.

    Attributes:
        folder: where its upload and what is made of it lie; its name is a secret of its page.
        stimulus: what was uploaded last, None before.
        maps: of the stimulus, once predicted: other colors need no second prediction. They are
            read from a file that is open until `kept` is closed.
        results: of the last prediction, None before.
        cancelled: ends the prediction under way when it is set.
        lock: of the files; held by an upload, a prediction and the end.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stimulus: Stimulus | None = None
        self.maps: KeptMaps | None = None
        self.results: Results | None = None
        self.cancelled = threading.Event()
        self.lock = threading.Lock()
        self.kept = ExitStack()

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


class Service:
    """Predicts what sessions upload.

    All files lie below one empty folder of its own, in the folder of their session, and go with it.

    Attributes:
        uploads: where Gradio may put uploads; what is left there is removed after a while.
        sessions: where the folders of sessions lie.
        cache: where the reader of videos may keep what it knows of them, which is nowhere for long.
    """

    def __init__(
        self, predictor: SaliencyPredictor, folder: Path, limits: Limits | None = None
    ) -> None:
        self.predictor = predictor
        self.limits = limits or Limits()
        self.folder = Path(folder)
        self.uploads, self.sessions, self.cache = (
            self.folder / name for name in ('uploads', 'sessions', 'cache')
        )
        self.uploads.mkdir(parents=True, exist_ok=True)
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()
        # Held by the prediction that runs. Gradio lets the next one begin when one was cancelled,
        # which then is still at its present frame.
        self._model = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._sweep_often, name='salkit-sweep', daemon=True).start()

    def session(self, key: str) -> Session:
        """The session of a page, a new one when `key` is new."""
        with self._lock:
            if key not in self._open:
                self._open[key] = Session(self.sessions / secrets.token_hex(16))
            return self._open[key]

    def end(self, key: str) -> None:
        """Remove all of a page that was closed, after the present frame of its prediction."""
        with self._lock:
            session = self._open.pop(key, None)
        if session is not None:
            session.cancelled.set()
            with session.lock:
                session.remove_upload()

    def upload(self, session: Session, path: str | Path) -> Stimulus:
        """Take a file that Gradio received into its session, in place of what was there.

        A prediction under way is ended.

        Raises:
            DataError: not to be read, or above a limit.
        """
        path = Path(path)
        own = session.folder / path.name
        session.cancelled.set()
        with session.lock:
            session.remove_upload()
            own.parent.mkdir(parents=True)
            try:
                os.replace(path, own)
                session.stimulus = open_upload(own, self.limits)
            except FileNotFoundError:
                # Gradio keeps under one path what two users upload alike at the same moment.
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
                maps = self.predictor.predict(session.stimulus)
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
        text = one_line(error).replace(f'{session.folder}{os.sep}', '')
        return text.replace(f'{self.folder}{os.sep}', '')

    def _sweep_often(self) -> None:
        while not self._closed.wait(SWEEP_SECONDS):
            self.sweep()

    def sweep(self, older_than: float = LITTER_SECONDS) -> None:
        """Remove what has lain in `uploads` for `older_than` seconds, and folders left empty."""
        now = time.time()
        for path in sorted(self.uploads.rglob('*'), reverse=True):
            # Gone already, or a folder that something lies in.
            with contextlib.suppress(OSError):
                if now - path.stat().st_ctime >= older_than:
                    path.rmdir() if path.is_dir() else path.unlink()

    def close(self) -> None:
        """End every prediction and remove all files."""
        self._closed.set()
        for key in list(self._open):
            self.end(key)
        shutil.rmtree(self.folder, ignore_errors=True)
