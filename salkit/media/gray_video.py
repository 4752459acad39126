"""Gray videos, decoded frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange

from ..errors import DataError, reason_of
from .maps import GRAY_TOLERANCE, gray_map
from .video import VideoReader, VideoSource

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.avi', '.mov', '.webm', '.m4v')


def count_frames(path: str | Path) -> int:
    """Frames that a video gives.

    Raises:
        DataError: no video, or a damaged one.
    """
    info = VideoReader(path).info
    if info.truncated or info.errors:
        state = 'was cut off' if info.truncated else f'has damaged packets ({info.errors})'
        raise DataError(f'{path}: the video {state}, {info.frames} frames of it are left')
    return info.frames


def read_frames(path: str | Path) -> Iterator[np.ndarray]:
    """Decode a gray video.

    Yields:
        (H, W) of each frame: uint8 where the video has 8 bits, else float32 in [0, 1].

    Raises:
        DataError: a file that cannot be decoded, or a frame in color.
    """
    # With one thread: every worker has one core.
    with VideoSource(path) as source:
        number = 0
        for number, frame in enumerate(source.frames(source.packets()), 1):
            where = f'{path}, frame {number}'
            if source.errors:
                raise DataError(f'{where}: what precedes it is damaged')
            try:
                yield _gray_of(frame, where)
            except (av.FFmpegError, ValueError) as error:
                raise DataError(
                    f'{where}: cannot be converted to gray ({reason_of(error)})'
                ) from error
        if source.errors or source.broken or not number:
            raise DataError(f'{path}: the video is damaged behind frame {number}')


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
