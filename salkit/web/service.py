"""The work behind the page: who uploaded what, what was made of it, and clearing it away.

Gradio keeps the queue: it calls `Service.predict` once at a time, in a thread.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from ..errors import DataError, one_line
from ..inference.maps import KeptMaps, OnFrame
from ..inference.predictor import SaliencyPredictor
from ..inference.stimulus import Stimulus
from ..utils.parallel import Stopped
from .results import Options, Results
from .uploads import Limits, open_upload

# What is uploaded is taken at once; what Gradio leaves behind besides is removed at this age.
SWEEP_SECONDS = 5.0
LITTER_SECONDS = 20.0
# Is given the share of a step that is done, and what is done now and how long it may take.
ShowProgress = Callable[[float, str], object]


class Session:
    """One open page. Made by `Service.session`.

    Attributes:
        folder: where its upload and what is made of it lie.
        stimulus: what was uploaded last, None before.
        results: of the last prediction, None before.
        cancelled: ends the prediction under way when it is set.
        ended: whether its page was closed.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.stimulus: Stimulus | None = None
        self.results: Results | None = None
        self.cancelled = threading.Event()
        self.ended = False
        # The maps of a stimulus outlive its results: other colors need no second prediction.
        self.kept_maps: KeptMaps | None = None
        self._kept = ExitStack()
        self._files = threading.Lock()

    @contextmanager
    def using_files(self) -> Iterator[None]:
        """Keep the session's files to this block, waiting for a prediction that was cancelled.

        Raises:
            DataError: another block uses them.
        """
        if not self._files.acquire(blocking=self.cancelled.is_set()):
            raise DataError('Please wait for the present prediction, or cancel it')
        try:
            yield
        finally:
            self._files.release()

    def keep_maps(
        self, predictor: SaliencyPredictor, begin: Callable[[str, int], OnFrame]
    ) -> KeptMaps:
        """The maps of the upload; the model runs the first time."""
        if self.stimulus is None:
            raise DataError('Please choose a video or a picture first')
        if self.kept_maps is None:
            maps = predictor.predict(self.stimulus)
            kept = maps.kept(self.folder, begin('Predicting', len(maps)))
            self.kept_maps = self._kept.enter_context(kept)
        return self.kept_maps

    def remove_results(self) -> None:
        """Remove what the last prediction made."""
        if self.results is not None:
            shutil.rmtree(self.results.folder, ignore_errors=True)
        self.results = None

    def remove_upload(self) -> None:
        """Remove the upload and all that was made of it."""
        self.remove_results()
        self._kept.close()
        if self.stimulus is not None and self.stimulus.path is not None:
            self.stimulus.path.unlink(missing_ok=True)
        self.stimulus = self.kept_maps = None

    def end(self) -> None:
        """Remove everything, after the present frame of a prediction."""
        self.ended = True
        self.cancelled.set()
        with self._files:
            self.remove_upload()
            shutil.rmtree(self.folder, ignore_errors=True)


class _Step:
    """Counts the frames of a step, and ends it where its session is cancelled."""

    def __init__(self, session: Session, show: ShowProgress, name: str, frames: int) -> None:
        self.session, self.show, self.name, self.frames = session, show, name, frames
        self.done, self.began = 0, time.monotonic()
        self(0)

    def __call__(self, count: int) -> None:
        if self.session.cancelled.is_set():
            raise Stopped
        self.done += count
        text = f'{self.name}: frame {self.done} of {self.frames}'
        if self.done:
            seconds = (time.monotonic() - self.began) * (self.frames / self.done - 1)
            text += f', about {max(1, round(seconds))} s left'
        self.show(self.done / self.frames, text)


class Service:
    """Predicts what sessions upload.

    All files lie below one folder, in the folder of their session, and go with it.

    Args:
        predictor: the model.
        folder: an empty folder of its own.
        limits: of uploads.

    Attributes:
        uploads: where Gradio may put uploads; what is left there is removed after a while.
        cache: where the reader of videos may keep what it knows of them, which is nowhere for long.
    """

    def __init__(
        self, predictor: SaliencyPredictor, folder: Path, limits: Limits | None = None
    ) -> None:
        self.predictor = predictor
        self.limits = limits or Limits()
        self.folder = Path(folder)
        self.uploads, self.cache = self.folder / 'uploads', self.folder / 'cache'
        self.uploads.mkdir(parents=True, exist_ok=True)
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        # Held by the prediction that runs. Gradio lets the next one begin when one was cancelled,
        # which then is still at its present frame.
        self._model = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._sweep_often, name='salkit-sweep', daemon=True).start()

    def session(self, key: str) -> Session:
        """The session of a page, a new one when `key` is new."""
        with self._lock:
            if key not in self._sessions:
                folder = self.folder / f'session-{secrets.token_hex(16)}'
                self._sessions[key] = Session(folder)
            return self._sessions[key]

    def end(self, key: str) -> None:
        """Forget a page that was closed: its prediction, upload and results."""
        with self._lock:
            session = self._sessions.pop(key, None)
        if session is not None:
            session.end()

    def upload(self, session: Session, path: str | Path) -> Stimulus:
        """Take an uploaded file into its session, in place of what was there.

        Args:
            session: whose it is.
            path: where Gradio put it, under a name that its user chose.

        Raises:
            DataError: not to be read, above a limit, or a prediction is at work on the last one.
        """
        path = Path(path)
        with session.using_files():
            session.remove_upload()
            own = session.folder / f'{secrets.token_hex(8)}{path.suffix.lower()}'
            try:
                os.replace(path, own)
                session.stimulus = open_upload(own, path.name, self.limits)
            except FileNotFoundError:
                # Gradio keeps under one path what two users upload alike at the same moment.
                raise DataError(f'{path.name} is gone: please upload it again') from None
            finally:
                if session.stimulus is None:
                    own.unlink(missing_ok=True)
                # What the reader keeps of a video; the stimulus has it in memory.
                shutil.rmtree(self.cache, ignore_errors=True)
            return session.stimulus

    def predict(self, session: Session, options: Options, show: ShowProgress) -> Results:
        """Predict a session's upload and write what its user wants to have.

        Args:
            session: whose upload it is.
            options: what is wanted.
            show: is called after every frame.

        Raises:
            DataError: nothing was uploaded, it cannot be read, or its files are in use.
            Stopped: its user gave up.
        """
        begin = partial(_Step, session, show)
        with self._model, session.using_files():
            session.cancelled.clear()
            if session.ended:
                raise Stopped
            session.remove_results()
            maps = session.keep_maps(self.predictor, begin)
            results = Results(session.folder / secrets.token_hex(16), maps, options.style)
            results.folder.mkdir()
            downloads, size = options.downloads, 4 * maps.shape[0] * maps.shape[1] * maps.shape[2]
            if size > self.limits.maps_bytes:
                downloads = ()
                results.note = (
                    f'The maps are left out: they would take {size / 2**30:.1f} GB. '
                    'The command `salkit predict` writes them.'
                )
            try:
                results.make(downloads, lambda name: begin(name, len(maps)))
            except BaseException:
                shutil.rmtree(results.folder, ignore_errors=True)
                raise
            session.results = results
            return results

    def reason(self, session: Session, error: Exception) -> str:
        """An error in one line that names no path of the server."""
        text = one_line(error)
        if session.stimulus is not None:
            text = text.replace(str(session.stimulus.path), session.stimulus.name)
        return text.replace(f'{self.folder}{os.sep}', '')

    def result_file(self, token: str, kind: str) -> Path | None:
        """A file of somebody's results; None where there is no such file.

        Args:
            token: name of the results' folder, which only their owner knows.
            kind: key of `Results.files`.
        """
        with self._lock:
            results = [s.results for s in self._sessions.values() if s.results is not None]
        for each in results:
            if secrets.compare_digest(each.folder.name.encode(), token.encode()):
                return each.files.get(kind)
        return None

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
        for key in list(self._sessions):
            self.end(key)
        shutil.rmtree(self.folder, ignore_errors=True)
