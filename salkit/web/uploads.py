"""What may be uploaded, and opening it."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Limits:
    """What an upload may hold at most.

    Attributes:
        megabytes: of the file, in units of 2**20 bytes, and of all that a visitor uploads until
            a page takes it.
        seconds: of a video.
        frames: of a video.
        pixels: of a frame.
        maps_bytes: of all maps of a video at its own size as float32; the maps of larger ones
            cannot be downloaded.
        waiting: predictions that wait their turn.
        sessions: pages that are open.
        uploads: that come or wait for a page to take them; a visitor's own are at most 5.
    """

    megabytes: float = 200.0
    seconds: float = 60.0
    frames: int = 3600
    pixels: int = 4096 * 2304
    maps_bytes: int = 2 * 2**30
    waiting: int = 20
    sessions: int = 50
    uploads: int = 20

    @property
    def bytes(self) -> int:
        """`megabytes` in bytes."""
        return int(self.megabytes * MEGABYTE)

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
