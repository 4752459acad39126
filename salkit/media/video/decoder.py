"""Decodes the frame that is asked for, from the key frame before it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from .index import UNKNOWN, FrameIndex
from .picture import checksum
from .source import VideoSource, packet_of

if TYPE_CHECKING:
    import av

# Containers whose seeking finds packets where the index has seen them. In others, packets are
# counted from the start, which is still far quicker than decoding.
SEEKABLE = ('mov,', 'matroska', 'avi')
# Frames that are sooner decoded than skipped.
NEAR = 8
# Key frames to try, each before the last, ere decoding starts at the first frame.
TRIES = 3


class LostError(Exception):
    """Decoding gave other frames than the index tells."""


class FrameDecoder:
    """Gives frames by number and stands behind the last one.

    Args:
        path: of the video.
        index: of its frames.
        threads: of the decoder.
        lowres: see `VideoSource`.

    Attributes:
        position: number of the frame given last, -1 for none.
        decoded: frames that the decoder has put out so far, for tests and benchmarks.
    """

    def __init__(
        self, path: str | Path, index: FrameIndex, threads: int = 1, lowres: int = 0
    ) -> None:
        self.path = path
        self.index = index
        self.threads = threads
        self.lowres = lowres
        self.position = -1
        self.decoded = 0
        self._first = 0
        self._source: VideoSource | None = None
        self._frames: Iterator[av.VideoFrame] | None = None

    def frame(self, number: int) -> av.VideoFrame:
        """Decode frame `number`.

        Raises:
            LostError: even from its start, the video does not decode as the index tells.
        """
        start = self.index.start_for(number)
        ahead = self._frames is not None and self.position < number
        if ahead and start <= self.position + NEAR:
            try:
                return self._forward(number)
            except LostError:
                pass
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
        return self._from_first(number)

    def _from_first(self, number: int) -> av.VideoFrame:
        try:
            self._start(0)
            return self._forward(number)
        except LostError:
            if self.threads == 1:
                raise
            # As when the index was made.
            self.threads = 1
            return self._from_first(number)

    def ends(self) -> bool:
        """Whether no frame follows."""
        try:
            return next(self._frames, None) is None
        except LostError:
            return False

    def _forward(self, number: int) -> av.VideoFrame:
        while self.position < number:
            frame = next(self._frames, None)
            if frame is None:
                self._frames = None
                raise LostError(f'frame {self.position + 1} is missing')
            self.position += 1
        self._check(frame, number)
        return frame

    def _check(self, frame: av.VideoFrame, number: int) -> None:
        """Compare a frame with what it was when the index was made.

        A decoder fills damaged places in with what it has seen before, which is less when it did
        not start at the start, and other threads may not be as far.
        """
        known = int(self.index.checksum[number])
        if known == UNKNOWN or self.lowres or (self._first == 0 and self.threads == 1):
            return
        if checksum(frame) != known:
            raise LostError(f'frame {number} differs from that of a sequential decode')

    def _start(self, first: int) -> None:
        """Have `first` be the next frame."""
        self.position, self._first = first - 1, first
        self._frames = self._run(first)

    def _run(self, first: int) -> Iterator[av.VideoFrame]:
        """Frames from `first` on, one after the other, each as the index has it."""
        number, packet = first, int(self.index.packet[first]) if first else 0
        packets = self._packets_from(first, packet)
        source = self._source
        errors = source.errors
        for frame in source.frames(source.numbered(packets, packet)):
            self.decoded += 1
            found = number
            if self.index.identity != 'count':
                pts = UNKNOWN if frame.pts is None else frame.pts
                found = self.index.number_of(packet_of(frame), pts)
            if first:
                if found is not None and found < first:
                    # Stored behind the key frame, shown before it.
                    continue
                self._check_restart(frame, number, number == first, source.errors > errors)
            if found != number or number >= len(self.index):
                raise LostError(f'frame {found} instead of {number}')
            yield frame
            number += 1

    def _check_restart(
        self, frame: av.VideoFrame, number: int, is_first: bool, errors: bool
    ) -> None:
        """Refuse what a decoder that did not start at the start may have got wrong."""
        if errors or frame.is_corrupt or (is_first and not frame.key_frame):
            raise LostError(f'frame {number} cannot be decoded from its key frame')
        # FFmpeg guesses the time stamps of .avi, and may do so otherwise after seeking.
        if self._source.format == 'avi' or frame.pts is None:
            return
        if number < len(self.index) and frame.pts != self.index.pts[number]:
            raise LostError(f'frame {number} has another time stamp')

    def _packets_from(self, first: int, packet: int) -> Iterator[av.Packet]:
        """Packets from number `packet` on, that of frame `first`; opens the file, or seeks."""
        if first and self._source is not None:
            packets = self._seek(first)
            if packets is not None:
                return packets
        self._open()
        if not first:
            return self._source.packets()
        packets = self._seek(first)
        if packets is not None:
            return packets
        self._open()
        packets = self._source.packets()
        for _ in range(packet):
            next(packets, None)
        return packets

    def _seek(self, first: int) -> Iterator[av.Packet] | None:
        """Packets from that of the key frame `first` on; None where seeking does not find it."""
        import av

        index, source = self.index, self._source
        wanted = int(index.position[first])
        if not source.format.startswith(SEEKABLE) or wanted == UNKNOWN:
            return None
        target = first
        for _ in range(TRIES):
            stamp = next((s[target] for s in (index.dts, index.pts) if s[target] != UNKNOWN), None)
            if stamp is None:
                return None
            try:
                source.container.seek(int(stamp), stream=source.stream)
            except (av.FFmpegError, OSError):
                return None
            packets = source.packets()
            for found in packets:
                if found.pos == wanted and found.is_keyframe:
                    return chain([found], packets)
                if found.pos is not None and found.pos > wanted:
                    break
            # It went too far: step back.
            if target == 0:
                return None
            target = index.start_for(target, before=target)
        return None

    def _open(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source = VideoSource(self.path, self.threads, self.lowres)

    def abandon(self) -> None:
        """Forget the file without touching it: in a forked process it is the parent's."""
        _ABANDONED.append((self._source, self._frames))
        self._source = self._frames = None
        self.position = -1

    def close(self) -> None:
        """Close the file; the next frame opens it again."""
        self._frames = None
        if self._source is not None:
            self._source.close()
        self._source = None
        self.position = -1


# Kept from being freed, which would wait for threads that a forked process does not have.
_ABANDONED: list = []
