"""Turns decoded frames into arrays."""

from __future__ import annotations

import zlib
from typing import cast

import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import SideData
from av.video.reformatter import VideoReformatter

from .time_stamps import UNKNOWN


def orientation(frame: VideoFrame) -> tuple[bool, bool, bool]:
    """How a stored frame has to be turned to be shown.

    Returns:
        Whether to swap rows and columns, and then to turn it upside down, and left to right. From
        the display matrix, rounded to a quarter of a turn.
    """
    data = frame.side_data.get('DISPLAYMATRIX')
    if data is None:
        return False, False, False
    # A point (x, y) is shown at (a x + c y, b x + d y); libavutil/display.h.
    a, b, _, c, d = np.frombuffer(bytes(cast('SideData', data)), np.int32)[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, d < 0, a < 0
    return True, b < 0, c < 0


def as_shown(pixels: np.ndarray, frame: VideoFrame) -> np.ndarray:
    """The pixels (H, W, ...) of a stored frame, turned as it is shown."""
    swap, upside_down, mirrored = orientation(frame)
    if swap:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[:: -1 if upside_down else 1, :: -1 if mirrored else 1])


class FrameConverter:
    """Converts frames, bit for bit as PyAV's `frame.to_ndarray(format=...)` does.

    That is libswscale with PyAV's defaults: the matrix (BT.601, BT.709 ...) and the range that the
    stream names. An alpha channel is ignored. PyAV's own method uses threads, which from version 19
    on outlast the call: in a forked process, which does not have them, the next would wait forever.
    """

    def __init__(self) -> None:
        # One for all frames: setting it up takes as long as converting a small frame.
        self._reformatter = VideoReformatter()

    def rgb(self, frame: VideoFrame) -> np.ndarray:
        """(H, W, 3) uint8 as shown."""
        return as_shown(self.stored(frame, 'rgb24'), frame)

    def stored(self, frame: VideoFrame, layout: str) -> np.ndarray:
        """The pixels in one of FFmpeg's pixel formats, not turned."""
        return self._reformatter.reformat(frame, format=layout, threads=1).to_ndarray()


def checksum(frame: VideoFrame) -> int:
    """CRC-32 of a frame's pixels as decoded; `UNKNOWN` for formats that lie in memory otherwise."""
    layout, planes = frame.format, frame.planes
    value = 0
    for number, plane in enumerate(planes):
        parts = [part for part in layout.components if part.plane == number]
        if len(planes) == 1:
            row = -(-plane.width * layout.padded_bits_per_pixel // 8)
        else:
            row = sum(plane.width * -(-part.bits // 8) for part in parts)
        if not 0 < row <= plane.line_size:
            return UNKNOWN
        # What pads a row to its length in memory is not part of the picture.
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
            : plane.height, :row
        ]
        value = zlib.crc32(np.ascontiguousarray(rows).data, value)
    return value
