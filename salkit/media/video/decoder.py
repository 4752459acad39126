"""Decodes the frame that is asked for, from the key frame before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path

import av
from av import Packet, VideoFrame

from .frame_index import FrameIndex
from .picture import checksum
from .source import VideoSource, packet_of
from .time_stamps import UNKNOWN

# Containers whose seeking finds packets where the index has seen them. In others, packets are
# counted from the start, which is still far quicker than decoding.
SEEKABLE = ('mov,', 'matroska', 'avi')
# Frames that are sooner decoded than skipped.
NEAR = 8
# Key frames to try, each before the last, ere decoding starts at the first frame.
TRIES = 3


class LostError(Exception):
    """Decoding gave other frames than those of the index."""


class FrameDecoder:
    """Gives frames by number and stands behind the last one.

    Args:
        path: of the video.
        index: of its frames.
        threads: of the decoder.

    Attributes:
        position: number of the frame given last, -1 for none.
        decoded: frames that the decoder has put out so far, for tests and benchmarks.
    """

    def __init__(self, path: str | Path, index: FrameIndex, threads: int = 1) -> None:
        self.path = path
        self.index = index
        self.threads = threads
        self.position = -1
        self.decoded = 0
        self._first = 0
        self._source: VideoSource | None = None
        self._frames: Iterator[VideoFrame] = iter(())

    def frame(self, number: int) -> VideoFrame:
        """Decode frame `number`.

        Raises:
            LostError: even from its start, the video does not decode as its index has it.
        """
        start = self.index.start_for(number)
        if self.position < number and start <= self.position + NEAR:
            with suppress(LostError):
                return self._forward(number)
        for _ in range(TRIES):
            if start == 0:
                break
            try:
                self._start(start)
                return self._forward(number)
            except LostError:
                # It was no key frame after all.
                self.index.restart[start] = False
                start = self.index.start_for(number, before=start)
        try:
            self._start(0)
            return self._forward(number)
        except LostError:
            if self.threads == 1:
                raise
        # As when the index was made.
        self.threads = 1
        self._start(0)
        return self._forward(number)

    def ends(self) -> bool:
        """Whether no frame follows."""
        try:
            return next(self._frames, None) is None
        except LostError:
            return False

    def _forward(self, number: int) -> VideoFrame:
        """The next frames up to `number`, which lies ahead."""
        for frame in self._frames:
            self.position += 1
            if self.position == number:
                self._check(frame, number)
                return frame
        raise LostError(f'frame {self.position + 1} is missing')

    def _check(self, frame: VideoFrame, number: int) -> None:
        """Compare a frame with what it was when the index was made.

        A decoder fills damaged places in with what it has seen before, which is less when it did
        not start at the start, and other threads may not be as far.
        """
        known = int(self.index.checksum[number])
        if known == UNKNOWN or (self._first == 0 and self.threads == 1):
            return
        if checksum(frame) != known:
            raise LostError(f'frame {number} differs from that of a sequential decode')

    def _start(self, first: int) -> None:
        """Have `first` be the next frame."""
        self.position, self._first = first - 1, first
        self._frames = self._run(first)

    def _run(self, first: int) -> Iterator[VideoFrame]:
        """Frames from `first` on, one after the other, each as the index has it."""
        number, packet = first, int(self.index.packet[first]) if first else 0
        source, packets = self._packets_from(first, packet)
        errors = source.errors
        for frame in source.frames(source.numbered(packets, packet)):
            self.decoded += 1
            found = self.index.number.get(packet_of(frame)) if self.index.seekable else number
            if first:
                if found is not None and found < first:
                    # Stored behind the key frame, shown before it.
                    continue
                broken = source.errors > errors or frame.is_corrupt
                if broken or (number == first and not frame.key_frame):
                    raise LostError(f'frame {number} cannot be decoded from its key frame')
            if found != number or number >= len(self.index):
                raise LostError(f'frame {found} instead of {number}')
            yield frame
            number += 1

    def _packets_from(self, first: int, packet: int) -> tuple[VideoSource, Iterator[Packet]]:
        """The file, and its packets from number `packet` on, that of frame `first`."""
        if first:
            source = self._source or self._open()
            packets = self._seek(source, first)
            if packets is not None:
                return source, packets
        source = self._open()
        return source, islice(source.packets(), packet, None)

    def _seek(self, source: VideoSource, first: int) -> Iterator[Packet] | None:
        """Packets from that of the key frame `first` on; None where seeking does not find it."""
        index = self.index
        wanted = int(index.position[first])
        stamps = [int(s[first]) for s in (index.dts, index.pts) if s[first] != UNKNOWN]
        if not source.format.startswith(SEEKABLE) or wanted == UNKNOWN or not stamps:
            return None
        try:
            source.container.seek(stamps[0], stream=source.stream)
        except (av.FFmpegError, OSError):
            return None
        packets = source.packets()
        for found in packets:
            if found.pos == wanted and found.is_keyframe:
                return chain([found], packets)
            if found.pos is not None and found.pos > wanted:
                break
        return None

    def _open(self) -> VideoSource:
        if self._source is not None:
            self._source.close()
        self._source = VideoSource(self.path, self.threads)
        return self._source

    def abandon(self) -> None:
        """Forget the file without touching it: in a forked process it is the parent's."""
        _ABANDONED.append((self._source, self._frames))
        self._source, self._frames, self.position = None, iter(()), -1

    def close(self) -> None:
        """Close the file; the next frame opens it again."""
        if self._source is not None:
            self._source.close()
        self._source, self._frames, self.position = None, iter(()), -1


# Kept from being freed, which would wait for threads that a forked process does not have.
_ABANDONED: list[object] = []
