"""The frame index: which frames a video has, and where decoding may start."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .info import VideoInfo

# Stands for a time stamp or a position that is not known.
UNKNOWN = np.iinfo(np.int64).min


@dataclass
class FrameIndex:
    """The frames of a video in the order that FFmpeg gives them.

    Attributes:
        packet: (n,) int64, number of the packet that each frame comes from; -1 unknown.
        pts: (n,) int64, time stamps in units of the stream's time base.
        dts: (n,) int64, decoding time stamps of the packets.
        position: (n,) int64, byte in the file where the packet starts.
        restart: (n,) bool, whether decoding may start at the frame's packet.
        checksum: (n,) int64 of the decoded frames; unknown where they were not decoded.
        source: 'decode' where all frames were decoded, 'packets' where only packets were read.
        seekable: whether a decoded frame is recognised by its packet; else the video has to be
            decoded from the start.
        info: for the user.
    """

    packet: np.ndarray
    pts: np.ndarray
    dts: np.ndarray
    position: np.ndarray
    restart: np.ndarray
    checksum: np.ndarray
    source: str
    seekable: bool
    info: VideoInfo

    def __len__(self) -> int:
        return len(self.pts)

    @cached_property
    def number(self) -> dict[int, int]:
        """Numbers of the frames by that of their packet."""
        return {packet: number for number, packet in enumerate(self.packet.tolist())}

    def start_for(self, number: int, before: int | None = None) -> int:
        """The frame to start decoding at so that frame `number` comes out right.

        The last key frame shown and stored no later than it; shown, because what is stored behind
        a key frame but shown before it may need frames that precede both.

        Args:
            number: the wanted frame.
            before: only starts before this one.
        """
        if not self.seekable:
            return 0
        starts = np.flatnonzero(self.restart[: number + 1])
        starts = starts[self.packet[starts] <= self.packet[number]]
        if before is not None:
            starts = starts[starts < before]
        return int(starts[-1]) if len(starts) else 0


def frame_times(pts: np.ndarray, dts: np.ndarray, time_base: float, rate: float) -> np.ndarray:
    """Seconds from the first frame to each, from the best of what is known.

    Args:
        pts: time stamps of the frames.
        dts: decoding time stamps.
        time_base: seconds per unit.
        rate: frames per second, where the stamps say nothing.
    """
    # .avi has no time stamps, and FFmpeg's guesses run to and fro; its decoding time stamps, once
    # in order, are right but for a delay that all frames share.
    for stamps in (pts, np.sort(dts)):
        if (stamps != UNKNOWN).all() and (np.diff(stamps) > 0).all():
            return (stamps - stamps[0]) * time_base
    return np.arange(len(pts)) / rate


def average_rate(times: np.ndarray, named: float | None) -> float:
    """Frames per second; what the container names where that is within 1 % of the frames' times."""
    if len(times) < 2:
        return named or 25.0
    measured = (len(times) - 1) / float(times[-1])
    return named if named and abs(named / measured - 1) < 0.01 else measured
