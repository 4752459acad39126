"""Gray videos, decoded frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from ..errors import DataError
from .maps import GRAY_TOLERANCE, gray_map

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.avi', '.mov', '.webm', '.m4v')


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its first video stream; errors of the decoder name the file."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError(f'{path}: holds no video stream')
            stream = container.streams.video[0]
            # Every worker has one core.
            stream.codec_context.thread_count = 1
            yield container, stream
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise DataError(f'{path}: cannot be decoded as a video ({reason})') from error


def count_frames(path: str | Path) -> int:
    """Frames of a video, without decoding them.

    Raises:
        DataError: no video.
    """
    with _opened(path) as (container, stream):
        # Matroska does not say; there each packet is a frame.
        return stream.frames or sum(packet.size > 0 for packet in container.demux(stream))


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """Decode a gray video.

    Yields:
        (H, W) of each frame: uint8 where the video has 8 bits, else float32 in [0, 1].

    Raises:
        DataError: a file that cannot be decoded, or a frame in color.
    """
    with _opened(path) as (container, stream):
        for number, frame in enumerate(container.decode(stream), 1):
            yield _gray_of(frame, f'{path}, frame {number}')


def _gray_of(frame: VideoFrame, where: str) -> np.ndarray:
    bits = frame.format.components[0].bits
    if frame.format.is_rgb:
        if bits == 8:
            return gray_map(frame.to_ndarray(format='rgb24'), where)
        return gray_map(frame.to_ndarray(format='rgb48le'), where) / np.float32(65535)
    # Luma and two of chroma; fewer are luma and perhaps alpha. 128 is grey.
    if len(frame.format.components) > 2:
        chroma = frame.to_ndarray(format='yuv444p')[1:]
        off = max(int(chroma.max()) - 128, 128 - int(chroma.min()))
        if off > GRAY_TOLERANCE * 255:
            raise DataError(
                f'{where}: expected a grey map, got colours: chroma is {off} of 128 off grey'
            )
    if not 8 < bits <= 16:
        # Television levels become full range.
        return frame.to_ndarray(format='gray')
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), '>u2' if frame.format.is_big_endian else '<u2')
    luma = rows.reshape(-1, plane.line_size // 2)[: frame.height, : frame.width]
    full = frame.format.name.startswith('gray') or frame.color_range == ColorRange.JPEG
    scale = 2 ** (bits - 8)
    low, span = (0, 2**bits - 1) if full else (16 * scale, 219 * scale)
    return ((luma.astype(np.float32) - low) / np.float32(span)).clip(0, 1)
