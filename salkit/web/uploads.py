"""What may be uploaded, and opening it."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, printable, reason_of
from ..inference.stimulus import Stimulus, open_stimulus
from ..media.images import IMAGE_SUFFIXES, image_size
from ..media.video import VIDEO_SUFFIXES
from ..media.video.source import open_file
from ..utils.input_files import check_input_file

MEGABYTE = 2**20
# Of a name, in bytes: that of a download is longer.
_LONGEST_STEM = 150
_LONGEST_SUFFIX = 10
_OWN_UPLOADS = 5


@dataclass(frozen=True)
class Limits:
    """What an upload may hold at most.

    Attributes:
        megabytes: of the file, in units of 2**20 bytes, and of all that a visitor uploads until
            a page takes it; the files of a page may be twice that.
        seconds: of a video.
        frames: of a video.
        pixels: of a frame.
        maps_bytes: of all maps of a video at its own size as float32, or they cannot be
            downloaded; and of the maps that a page keeps at the model's size.
        files: of a page.
        waiting: questions of all pages that wait; Stop is one, so that there is to be room for it
            where every page waits for a prediction.
        sessions: pages that are open.
        uploads: that come or wait for a page to take them; a visitor's own are at most 5.
    """

    megabytes: float = 200.0
    seconds: float = 60.0
    frames: int = 3600
    pixels: int = 4096 * 2304
    maps_bytes: int = 2 * 2**30
    files: int = 20
    waiting: int = 100
    sessions: int = 50
    uploads: int = 20

    @property
    def bytes(self) -> int:
        """`megabytes` in bytes."""
        return int(self.megabytes * MEGABYTE)

    @property
    def page_bytes(self) -> int:
        """Of the files of a page."""
        return 2 * self.bytes

    def check(self, name: str, frames: int, seconds: float, size: tuple[int, int]) -> None:
        """Raise DataError for more frames, seconds or pixels (rows, columns) than are allowed."""
        if seconds > self.seconds:
            raise DataError(
                f'{name} is too long: {seconds:.1f} seconds; at most {self.seconds:g} are taken'
            )
        if frames > self.frames:
            raise DataError(f'{name} is too long: {frames} frames; at most {self.frames} are taken')
        if size[0] * size[1] > self.pixels:
            raise DataError(
                f'{name} is too large: {size[1]} x {size[0]} pixels; at most '
                f'{self.pixels / 1e6:.1f} million are taken'
            )


def safe_name(name: str) -> str:
    """What a file is called that its owner calls `name`: no path, nothing that steers a terminal,
    not too long, and with its suffix.
    """
    path = Path(printable(name.replace('\\', '/')).replace('\\', '_'))
    stem = path.stem.encode(errors='replace')[:_LONGEST_STEM].decode(errors='ignore')
    return (stem.strip('. ') or 'upload') + path.suffix[:_LONGEST_SUFFIX]


def _check_header(path: Path, limits: Limits) -> None:
    """Refuse by the header of a file, before any of it is decoded."""
    seconds, frames, size = 0.0, 0, (0, 0)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        size = image_size(path)
    else:
        with open_file(path) as container:
            seconds = (container.duration or 0) / 1e6
            for stream in container.streams.video[:1]:
                frames, size = stream.frames, (stream.height, stream.width)
    limits.check(path.name, frames, seconds, size)


def open_upload(path: Path, limits: Limits) -> Stimulus:
    """Open an uploaded file, which is called as its owner calls it.

    Raises:
        DataError: neither video nor picture, damaged, or above a limit.
    """
    if path.suffix.lower() not in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES):
        raise DataError(
            f'{path.name} is neither a video (such as .mp4, .mov, .webm, .mkv, .avi) nor a picture '
            f'({", ".join(IMAGE_SUFFIXES)})'
        )
    check_input_file(path, most_bytes=limits.bytes)
    try:
        _check_header(path, limits)
        stimulus = open_stimulus(path)
    except DataError:
        raise
    except Exception as error:
        # A crafted file may break a decoder anywhere.
        raise DataError(f'{path.name} cannot be read ({reason_of(error)})') from error
    limits.check(path.name, len(stimulus), len(stimulus) / stimulus.fps, stimulus.size)
    return stimulus


@dataclass
class _Upload:
    """A file that comes, or has come and waits for a page of its visitor."""

    visitor: str
    bytes: int
    ready: bool = False
    since: float = 0.0


class Uploads:
    """Files that were uploaded and wait for a page of their visitor to take them.

    Args:
        folder: where they lie, each in a folder of its own.
        limits: of all of them.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self._limits = folder, limits
        folder.mkdir(parents=True, exist_ok=True)
        self._waiting: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    @contextmanager
    def receiving(self, visitor: str, size: int) -> Iterator[Path]:
        """Where to make a folder for one file of about `size` bytes that a visitor uploads.

        After the block the visitor's pages may take it, by the name of the folder.

        Raises:
            DataError: too many uploads, or too large ones, wait for their page.
        """
        upload, token = _Upload(visitor, size), secrets.token_hex(16)
        with self._lock:
            own = [one for one in self._waiting.values() if one.visitor == visitor]
            if len(own) >= _OWN_UPLOADS or len(self._waiting) >= self._limits.uploads:
                raise DataError('too many uploads at once: please try again later')
            if sum(one.bytes for one in own) + size > self._limits.bytes:
                raise DataError(f'too large: at most {self._limits.megabytes:g} MB at once')
            self._waiting[token] = upload
        try:
            yield self.folder / token
            upload.ready, upload.since = True, time.monotonic()
        except BaseException:
            with self._lock:
                self._waiting.pop(token, None)
            shutil.rmtree(self.folder / token, ignore_errors=True)
            raise

    @contextmanager
    def taken(self, visitor: str, token: str) -> Iterator[Path]:
        """A file that was received of a visitor, once; it goes after the block.

        Raises:
            DataError: there is none.
        """
        with self._lock:
            upload = self._waiting.get(token)
            if upload is None or not upload.ready or upload.visitor != visitor:
                raise DataError('this upload is gone: please upload the file again')
            del self._waiting[token]
        try:
            yield next((self.folder / token).iterdir())
        except (FileNotFoundError, StopIteration):
            raise DataError('this upload is gone: please upload the file again') from None
        finally:
            shutil.rmtree(self.folder / token, ignore_errors=True)

    def sweep(self, older_than: float) -> None:
        """Remove what has waited for so many seconds."""
        with self._lock:
            for token, upload in list(self._waiting.items()):
                if upload.ready and time.monotonic() - upload.since >= older_than:
                    del self._waiting[token]
                    shutil.rmtree(self.folder / token, ignore_errors=True)
