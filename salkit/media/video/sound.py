"""Reads the sound of a file: its packets, or decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DataError
from .source import VideoSource, reason_of

if TYPE_CHECKING:
    import av

# Starts later than this are looked up, earlier ones read up to; seconds.
SEEK = 10.0
# Packets that are so many seconds from the last are only believed after so many of them.
JUMP, BELIEVED = 10.0, 50


def has_sound(path: str | Path) -> bool:
    """Whether a file holds a sound stream; False for what cannot be opened."""
    import av

    try:
        with _open(path) as container:
            return bool(container.streams.audio)
    except (av.FFmpegError, OSError, ValueError):
        return False


class SoundReader:
    """The sound of a file, from a time on.

    Args:
        path: of the file.
        start: seconds from its first video frame; times that are given count from there.

    Attributes:
        stream: the sound stream; None where there is none.
        warnings: what could not be read, a line each.

    Raises:
        OSError, av.FFmpegError, ValueError, DataError: the file cannot be opened.
    """

    def __init__(self, path: str | Path, start: float = 0.0) -> None:
        self.path = path
        self.start = start
        self.warnings: list[str] = []
        self.stream: Any = None
        self._container: Any = None
        self._origin = 0.0
        self.reopen()
        if self.stream is not None:
            self._origin = first_frame_time(path)

    def reopen(self) -> None:
        """Stand at the file's start."""
        from av.stream import Discard

        self.close()
        self._container = _open(self.path)
        streams = self._container.streams
        self.stream = streams.best('audio') or next(iter(streams.audio), None)
        for stream in streams:
            if stream is not self.stream:
                stream.discard = Discard.all

    def time(self, stamp: int | None, base: Fraction | None) -> float | None:
        """Seconds from the start to a time stamp; None for unknown."""
        if stamp is None or base is None:
            return None
        return float(stamp * base) - self._origin - self.start

    def packets(self) -> Iterator[av.Packet]:
        """Packets, from some way before the start on, or from the file's."""
        import av

        demuxed = self._from(self.start) if self.start > SEEK else None
        demuxed = demuxed or self._container.demux(self.stream)
        last, strange = None, 0
        while True:
            try:
                packet = next(demuxed, None)
            except (av.FFmpegError, OSError) as error:
                self.warnings.append(f'{self.path}: its sound ends early: {reason_of(error)}')
                return
            if packet is None:
                return
            time = self.time(packet.pts, packet.time_base)
            if time is not None:
                # A damaged time stamp would put hours of silence before what follows.
                if last is not None and abs(time - last) > JUMP and strange < BELIEVED:
                    strange += 1
                    continue
                last, strange = time, 0
            if packet.size:
                yield packet

    def _from(self, start: float) -> Iterator[av.Packet] | None:
        """Packets from 2 s before `start` on; None, at the file's start, where seeking fails."""
        import av

        base = self.stream.time_base
        with suppress(av.FFmpegError, OSError):
            self._container.seek(int((self._origin + start - 2) / base), stream=self.stream)
            demuxed = self._container.demux(self.stream)
            first = next(demuxed, None)
            time = None if first is None else self.time(first.pts, first.time_base)
            if time is not None and time <= -1:
                return demuxed
        self.reopen()
        return None

    def decoded(self, rate: int, layout: str) -> Iterator[tuple[float | None, np.ndarray]]:
        """Time and samples (channels, n), float32, of each decoded piece."""
        import av

        resampler, kind, errors = None, None, 0
        for packet in self._with_end():
            try:
                frames = self.stream.codec_context.decode(packet)
            except (av.FFmpegError, ValueError):
                errors += 1
                continue
            for frame in frames:
                if kind != (frame.format.name, frame.layout.name, frame.sample_rate):
                    kind = (frame.format.name, frame.layout.name, frame.sample_rate)
                    resampler = av.AudioResampler('fltp', layout, rate)
                for piece in resampler.resample(frame):
                    yield self.time(piece.pts, piece.time_base), piece.to_ndarray()
        if errors:
            self.warnings.append(f'{self.path}: {errors} packets of its sound do not decode')

    def _with_end(self) -> Iterator[av.Packet | None]:
        yield from self.packets()
        yield None

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
            self._container = None


def first_frame_time(path: str | Path) -> float:
    """Time stamp, in seconds, of the first frame that a video gives; its start without frames."""
    try:
        source = VideoSource(path)
    except DataError:
        with _open(path) as container:
            stamp = container.start_time
            return 0.0 if stamp is None else stamp / 1e6
    try:
        if source.format == 'avi':
            # All its streams start together; FFmpeg's guess is late by what the codec reorders.
            return 0.0
        base = source.stream.time_base
        first = next(source.frames(source.packets()), None)
        stamp = source.stream.start_time if first is None else first.pts
        return float((stamp or 0) * base)
    finally:
        source.close()


def _open(path: str | Path) -> Any:
    import av

    # See `VideoSource`.
    return av.open(
        str(Path(path).absolute()),
        metadata_errors='replace',
        options={'protocol_whitelist': 'file'},
    )
