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
from .video.picture import FrameConverter, as_shown

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.avi', '.mov', '.webm', '.m4v')
# By how much channels may differ, as a share of white: where chroma is 8 of 128 off, so much.
CHROMA_TOLERANCE = 3 * GRAY_TOLERANCE


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

    Levels are those of the PNG files that `ffmpeg -i VIDEO %03d.png` writes, by the same library:
    of 8 bits that are not full range, (Y - 16) * 255 / 219, which it rounds down for 4:2:0 and
    4:2:2. Where the channels differ a little, as in videos that OpenCV wrote, it is their mean.

    Yields:
        (H, W) of each frame as shown: uint8 where the video has 8 bits and is gray throughout, else
        float32 in [0, 1].

    Raises:
        DataError: a file that cannot be decoded, or a frame in color.
    """
    converter = FrameConverter()
    # With one thread: every worker has one core.
    with VideoSource(path) as source:
        number = 0
        for number, frame in enumerate(source.frames(source.packets()), 1):
            where = f'{path}, frame {number}'
            if source.errors:
                raise DataError(f'{where}: what precedes it is damaged')
            try:
                yield _gray_of(frame, converter, where)
            except (av.FFmpegError, ValueError) as error:
                raise DataError(
                    f'{where}: cannot be converted to gray ({reason_of(error)})'
                ) from error
        if source.errors or source.broken or not number:
            raise DataError(f'{path}: the video is damaged behind frame {number}')


def _gray_of(frame: VideoFrame, converter: FrameConverter, where: str) -> np.ndarray:
    layout, bits = frame.format, frame.format.components[0].bits
    # Luma and two of chroma; fewer are luma and perhaps alpha, or places in a palette.
    has_chroma = len(layout.components) > 2 or layout.has_palette
    if bits <= 8 and has_chroma:
        return gray_map(converter.rgb(frame), where, CHROMA_TOLERANCE)
    if layout.is_rgb:
        gray = gray_map(converter.stored(frame, 'rgb48le'), where, CHROMA_TOLERANCE)
        gray = gray / np.float32(65535) if gray.dtype == np.uint16 else gray
        return as_shown(gray, frame)
    if has_chroma:
        # 128 is grey.
        chroma = converter.stored(frame, 'yuv444p')[1:]
        off = max(int(chroma.max()) - 128, 128 - int(chroma.min()))
        if off > GRAY_TOLERANCE * 255:
            raise DataError(
                f'{where}: expected a grey map, got colours: chroma is {off} of 128 off grey'
            )
    if not 8 < bits <= 16:
        return as_shown(converter.stored(frame, 'gray'), frame)
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), '>u2' if layout.is_big_endian else '<u2')
    luma = rows.reshape(-1, plane.line_size // 2)[: frame.height, : frame.width]
    full = layout.name.startswith('gray') or frame.color_range == ColorRange.JPEG
    scale = 2 ** (bits - 8)
    low, span = (0, 2**bits - 1) if full else (16 * scale, 219 * scale)
    return as_shown(((luma.astype(np.float32) - low) / np.float32(span)).clip(0, 1), frame)
