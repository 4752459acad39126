"""The work behind the page: whose upload, whose job, whose results, and clearing them away."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..inference.overlay import OverlayStyle
from ..inference.stimulus import Stimulus
from .jobs import Job, JobQueue
from .results import Results
from .uploads import Limits, open_upload

# What is uploaded is taken at once; what Gradio leaves behind besides is removed at this age.
SWEEP_SECONDS = 5.0
LITTER_SECONDS = 20.0


@dataclass(frozen=True)
class Options:
    """What a user may choose.

    Attributes:
        style: of the overlay.
        downloads: files to make beside the overlay: 'npz', 'png16'.
    """

    style: OverlayStyle = field(default_factory=OverlayStyle)
    downloads: tuple[str, ...] = ('npz',)


class Session:
    """One open page. Made by `Service.session`.

    Attributes:
        stimulus: what was uploaded last, None before.
        job: the last one, None before.
        results: of the last job that was done, None before.
        ended: whether the page was closed.
        at_work: whether its job runs, so that the files are in use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stimulus: Stimulus | None = None
        self.job: Job | None = None
        self.results: Results | None = None
        self.ended = False
        self.at_work = False
        # The maps of a stimulus outlive its results: other colours need no second prediction.
        self.kept = ExitStack()
        self.kept_maps: Any = None
        self.lock = threading.RLock()

    @property
    def busy(self) -> bool:
        """Whether a job waits or runs."""
        return self.job is not None and not self.job.ended

    def forget_results(self) -> None:
        """Remove what the last job made."""
        with self.lock:
            if self.results is not None:
                shutil.rmtree(self.results.folder, ignore_errors=True)
            self.results = None

    def forget_upload(self) -> None:
        """Remove the upload and all that was made of it."""
        with self.lock:
            self.forget_results()
            self.kept.close()
            self.kept_maps = None
            if self.stimulus is not None and self.stimulus.path is not None:
                self.stimulus.path.unlink(missing_ok=True)
            self.stimulus = None


class Service:
    """Predicts what sessions upload, one job at a time.

    All files lie below one folder, in the folder of their session, and go with it.

    Args:
        predictor: a `SaliencyPredictor`.
        folder: an empty folder of its own.
        limits: of uploads.

    Attributes:
        uploads: where Gradio may put uploads; what is left there is removed after a while.
        cache: where the reader of videos may keep what it knows of them, which is nowhere for long.
    """

    def __init__(self, predictor: Any, folder: Path, limits: Limits | None = None) -> None:
        self.predictor = predictor
        self.limits = limits or Limits()
        self.folder = Path(folder)
        self.uploads, self.cache = self.folder / 'uploads', self.folder / 'cache'
        self._results = self.folder / 'results'
        for made in (self.uploads, self._results):
            made.mkdir(parents=True, exist_ok=True)
        self.queue = JobQueue(self.limits.waiting)
        self._sessions: dict[str, Session] = {}
        # Where Gradio had put an upload -> where it lies now.
        self._taken: dict[Path, Path] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._sweep_often, name='salkit-sweep', daemon=True).start()

    # Sessions ----------------------------------------------------------------------------------

    def session(self, key: str) -> Session:
        """The session of a page, a new one when `key` is new."""
        with self._lock:
            if key not in self._sessions:
                folder = self.folder / f'session-{secrets.token_hex(16)}'
                folder.mkdir()
                self._sessions[key] = Session(folder)
            return self._sessions[key]

    def end(self, key: str) -> None:
        """Forget a page that was closed: its job, upload and results."""
        with self._lock:
            session = self._sessions.pop(key, None)
        if session is not None:
            self._clear(session)

    def _clear(self, session: Session) -> None:
        with session.lock:
            session.ended = True
            if session.busy:
                self.queue.cancel(session.job)
            # Else its job clears up when it has let go of the files.
            if not session.at_work:
                self._remove(session)

    def _remove(self, session: Session) -> None:
        self._forget_upload(session)
        shutil.rmtree(session.folder, ignore_errors=True)

    def _forget_upload(self, session: Session) -> None:
        if session.stimulus is not None:
            with self._lock:
                self._taken = {
                    path: own for path, own in self._taken.items() if own != session.stimulus.path
                }
        session.forget_upload()

    # Work --------------------------------------------------------------------------------------

    def upload(self, session: Session, path: str | Path) -> Stimulus:
        """Take an uploaded file into its session, in place of what was there.

        Args:
            session: whose it is.
            path: where Gradio put it, under a name that its user chose.

        Raises:
            DataError: not to be read, above a limit, or a job is at work on the last one.
        """
        path = Path(path)
        name = path.name
        with session.lock:
            if session.busy:
                raise DataError('Please wait for the present job, or cancel it')
            self._forget_upload(session)
            own = session.folder / f'{secrets.token_hex(8)}{path.suffix.lower()}'
            self._take(path, own)
            try:
                session.stimulus = open_upload(own, name, self.limits)
            except BaseException:
                own.unlink(missing_ok=True)
                raise
            finally:
                # What the reader keeps of a video; the stimulus has it in memory.
                shutil.rmtree(self.cache, ignore_errors=True)
            return session.stimulus

    def _take(self, path: Path, own: Path) -> None:
        """Move an upload. Gradio keeps under one path what two users upload alike."""
        with self._lock:
            for source in (path, self._taken.get(path)):
                if source is None or not source.is_file():
                    continue
                try:
                    os.link(source, own)
                except OSError:
                    # A disk without links.
                    shutil.copyfile(source, own)
                path.unlink(missing_ok=True)
                self._taken[path] = own
                return
        raise DataError(f'{path.name} is gone: please upload it again')

    def submit(self, session: Session, options: Options) -> Job:
        """Queue the prediction of a session's upload.

        Raises:
            DataError: nothing was uploaded, or a job of the session is under way.
            BusyError: too many wait.
        """
        with session.lock:
            if session.busy:
                raise DataError('Please wait for the present job, or cancel it')
            if session.stimulus is None:
                raise DataError('Please choose a video or a picture first')
            session.forget_results()
            job = self.queue.submit(lambda job: self._predict(job, session, options))
            session.job = job
            return job

    def cancel(self, session: Session) -> None:
        """End a session's job, if there is one."""
        if session.job is not None:
            self.queue.cancel(session.job)

    def _predict(self, job: Job, session: Session, options: Options) -> Results:
        results = None
        with session.lock:
            job.check()
            session.at_work = True
        try:
            if session.kept_maps is None:
                maps = self.predictor.predict(session.stimulus)
                job.begin('Predicting', len(maps))
                session.kept_maps = session.kept.enter_context(
                    maps.kept(session.folder, on_frame=job.advance)
                )
            maps = session.kept_maps
            folder = self._results / secrets.token_hex(16)
            folder.mkdir()
            results = Results(folder, session.stimulus.name, maps, options.style)
            downloads, size = options.downloads, 4 * maps.shape[0] * maps.shape[1] * maps.shape[2]
            if size > self.limits.maps_bytes:
                downloads = ()
                results.notes.append(
                    f'The maps are left out: they would take {size / 2**30:.1f} GB. '
                    'The command `salkit predict` writes them.'
                )
            results.make(job, downloads)
            with session.lock:
                job.check()
                session.results = results
            return results
        except BaseException:
            if results is not None:
                shutil.rmtree(results.folder, ignore_errors=True)
            raise
        finally:
            with session.lock:
                session.at_work = False
                if session.ended:
                    self._remove(session)

    def result_file(self, token: str, kind: str) -> tuple[Path, str] | None:
        """A file of somebody's results, and what it is called when kept; None for no such.

        Args:
            token: name of the results' folder, which only their owner knows.
            kind: key of `Results.files`.
        """
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            results = session.results
            if results is None or kind not in results.files:
                continue
            if secrets.compare_digest(results.folder.name.encode(), token.encode()):
                return results.files[kind], results.download_name(kind)
        return None

    # Clearing up -------------------------------------------------------------------------------

    def _sweep_often(self) -> None:
        while not self._closed.wait(SWEEP_SECONDS):
            self.sweep()

    def sweep(self, older_than: float = LITTER_SECONDS) -> None:
        """Remove what has lain in `uploads` for `older_than` seconds, and folders left empty."""
        now = time.time()
        for folder, folders, names in os.walk(self.uploads, topdown=False):
            for path in (Path(folder, name) for name in (*names, *folders)):
                # Gone already, or a folder that something lies in.
                with contextlib.suppress(OSError):
                    if now - path.stat().st_ctime >= older_than:
                        path.rmdir() if path.is_dir() else path.unlink()

    def close(self) -> None:
        """End every job and remove all files."""
        self._closed.set()
        self.queue.close()
        with self._lock:
            sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            self._clear(session)
        shutil.rmtree(self.folder, ignore_errors=True)
