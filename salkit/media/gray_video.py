"""Gray videos, decoded frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from ..errors import DataError
from .maps import GRAY_TOLERANCE, gray_map

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.avi', '.mov', '.webm', '.m4v')
# The value of AVCOL_RANGE_JPEG: 0 is black and the largest number white.
_FULL_RANGE = 2


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
    components = frame.format.components
    own_plane = sum(part.plane == components[0].plane for part in components) == 1
    if frame.format.is_rgb or not own_plane:
        deep = components[0].bits > 8
        image = gray_map(frame.to_ndarray(format='rgb48le' if deep else 'rgb24'), where)
        return image.astype(np.float32) / np.float32(65535) if deep else image
    bits = components[0].bits
    if bits > 16:
        return np.ascontiguousarray(frame.to_ndarray())
    scale = 2 ** (bits - 8)
    # Luma and two of chroma; fewer are luma and perhaps alpha. 128 is grey.
    for part in components[1:3] if len(components) > 2 else ():
        values = _plane(frame, part.plane, bits)
        spread = max(int(values.max()) - 128 * scale, 128 * scale - int(values.min()))
        if spread > GRAY_TOLERANCE * 255 * scale:
            raise DataError(
                f'{where}: expected a grey map, got colours: chroma is {spread / scale:.0f} of '
                '128 off grey'
            )
    luma = _plane(frame, 0, bits)[:, : frame.width]
    full = frame.format.name.startswith(('gray', 'yuvj')) or frame.color_range == _FULL_RANGE
    if bits == 8:
        return np.ascontiguousarray(luma) if full else _EXPANDED[luma]
    low, span = (0, 2**bits - 1) if full else (16 * scale, 219 * scale)
    return ((luma.astype(np.float32) - low) / np.float32(span)).clip(0, 1)


def _plane(frame: VideoFrame, index: int, bits: int) -> np.ndarray:
    """One plane as it lies in memory, its rows as long as they are there."""
    plane = frame.planes[index]
    dtype = np.dtype(np.uint8 if bits == 8 else '>u2' if frame.format.is_big_endian else '<u2')
    rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    # What pads a row to its length in memory is not part of the picture.
    # Two chroma channels lie side by side in some formats.
    count = plane.width * (2 if frame.format.name.startswith(('nv', 'p0')) and index else 1)
    return rows[: plane.height, :count]


# Television levels to 0..255, rounded as ffmpeg does when it writes such frames as PNG.
_EXPANDED = np.rint((np.arange(256.0) - 16) * 255 / 219).clip(0, 255).astype(np.uint8)
