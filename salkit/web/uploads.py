"""What may be uploaded, and opening it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import av

from ..errors import DataError
from ..inference.stimulus import Stimulus, open_stimulus
from ..media.images import IMAGE_SUFFIXES, image_size
from ..media.video import VIDEO_SUFFIXES

MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """What an upload may hold at most.

    Attributes:
        megabytes: of the file, in units of 2**20 bytes; Gradio refuses larger ones.
        seconds: of a video.
        frames: of a video.
        pixels: of a frame.
        maps_bytes: of all maps of a video at its own size as float32; the maps of larger ones
            cannot be downloaded.
        waiting: predictions that wait their turn.
    """

    megabytes: float = 200.0
    seconds: float = 60.0
    frames: int = 3600
    pixels: int = 4096 * 2304
    maps_bytes: int = 2 * 2**30
    waiting: int = 20

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


def _check_header(path: Path, limits: Limits) -> None:
    """Refuse by the header of a file, before any of it is decoded."""
    seconds, frames, size = 0.0, 0, (0, 0)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        size = image_size(path)
    else:
        # A broken file is refused when it is opened.
        with contextlib.suppress(av.FFmpegError, ValueError), av.open(str(path)) as container:
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
    try:
        _check_header(path, limits)
        stimulus = open_stimulus(path)
    except DataError:
        raise
    except Exception as error:
        # A crafted file may break a decoder anywhere; Pillow's bombs are no OSError.
        raise DataError(f'{path.name} cannot be read ({error})') from error
    limits.check(path.name, len(stimulus), len(stimulus) / stimulus.fps, stimulus.size)
    return stimulus
