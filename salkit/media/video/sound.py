"""The sound of one file for another: decoded, cut, and encoded as AAC, which all browsers play."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
from av import AudioFrame, AudioStream, Packet
from av.container import OutputContainer
from av.filter import Graph

from ...errors import DataError, reason_of
from .reader import open_video
from .source import open_file

RATE, LAYOUT, BITS = 48_000, 'stereo', 160_000
# Seconds; gaps and overlaps of less are time stamps rounded.
JITTER = 0.02
# Seconds before a cut from which on the sound is decoded: decoders take some to start up.
RUN_UP = 1.0
# Seconds of a hole, in the sound or between the two streams, that silence fills at most.
HOLE = 600.0
# Seconds by which stamps of the sound run back at most.
OVERLAP = 1.0
# Seconds between the first sound and the first frame, at most, also behind a jump of time stamps.
NEAR = 10.0


@dataclass(frozen=True)
class SoundPart:
    """A part of the sound of a file.

    Attributes:
        path: of the file; one without sound is no error.
        start: seconds from the file's first video frame that become time 0.
        end: seconds from that frame where the sound is cut; None for its own end.
    """

    path: str | Path
    start: float = 0.0
    end: float | None = None


class SoundWriter:
    """Puts the sound of a file into a container, piece by piece and in step with its frames.

    Where the file has a hole, or no sound yet, there is silence. Whatever is wrong with the file
    ends its sound and is kept in `warnings`; what goes wrong with the container is raised.

    Args:
        part: the file, and which part of it.

    Attributes:
        warnings: what went wrong, a line each; complete once this is closed.
    """

    def __init__(self, part: SoundPart) -> None:
        self.part = part
        self.warnings: list[str] = []
        self._output: AudioStream | None = None
        self._pieces = self._read()
        self._ahead = next(self._pieces, None)

    def __bool__(self) -> bool:
        """Whether there is any: some players stumble over a track without anything in it."""
        return self._ahead is not None

    def add_to(self, container: OutputContainer) -> None:
        """Make the stream; before anything is written to the container."""
        self._output = container.add_stream('aac', rate=RATE, layout=LAYOUT)
        self._output.bit_rate = BITS

    def feed(self, container: OutputContainer, until: float = math.inf) -> None:
        """Write the sound that starts before `until`, in seconds."""
        if self._output is None:
            return
        while self._ahead is not None and (self._ahead.time or 0.0) < until:
            container.mux(self._output.encode(self._ahead))
            self._ahead = next(self._pieces, None)
        if self._ahead is None:
            container.mux(self._output.encode(None))
            self._output = None

    def close(self) -> None:
        """Close the file."""
        self._pieces.close()

    def _warn(self, what: str) -> None:
        self.warnings.append(f'{self.part.path}: {what}')

    def _read(self) -> Generator[AudioFrame, None, None]:
        graph, errors = None, 0
        try:
            with open_file(self.part.path) as container:
                stream = container.streams.best('audio')
                if stream is None:
                    return
                if stream.codec_context is None or not stream.codec_context.sample_rate:
                    raise DataError('FFmpeg has no decoder for it')
                video = open_video(self.part.path).info
                clock = _Clock(video.clock)
                until = float(video.times[-1]) + HOLE if self.part.end is None else self.part.end
                end = until - self.part.start
                for packet in container.demux(stream):
                    if packet.size:
                        time = clock.time(packet) - self.part.start
                        if time < -RUN_UP:
                            continue
                        if time > end:
                            break
                        packet.pts = round(time / packet.time_base)
                    try:
                        frames = stream.codec_context.decode(packet)
                    except (av.FFmpegError, ValueError):
                        errors += 1
                        continue
                    for frame in frames:
                        graph = graph or _aligning(frame, end)
                        graph.push(frame)
                        yield from _finished(graph)
                if graph is not None:
                    graph.push(None)
                    yield from _finished(graph)
                if clock.repaired:
                    self._warn(f'{clock.repaired} packets of its sound have wrong time stamps')
        except (av.FFmpegError, OSError, ValueError, DataError) as error:
            self._warn(f'its sound is lost, all or from some point on: {reason_of(error)}')
        if errors:
            self._warn(f'{errors} packets of its sound do not decode')


class _Clock:
    """Turns stamps of sound packets, one after another, into times of their video.

    Args:
        clock: see `VideoInfo`. Where the stamps of a file jump, those of the sound do so near by.

    Attributes:
        repaired: packets whose stamps fit to nothing; they follow the packet before.
    """

    def __init__(self, clock: tuple[tuple[float, float], ...]) -> None:
        self._clock = list(clock)
        self._stamp: float | None = None
        self._reached = 0.0
        self.repaired = 0

    def time(self, packet: Packet) -> float:
        """Seconds from the first video frame to the start of a packet."""
        time = self._reached
        if packet.pts is not None:
            stamp = float(packet.pts * packet.time_base)
            for place, (start, _) in enumerate(self._clock[1:], 1):
                if self._jumps_to(stamp) and abs(stamp - start) <= NEAR:
                    self._clock = self._clock[place:]
                    break
            early, self._stamp = NEAR if self._stamp is None else OVERLAP, stamp
            time = stamp - self._clock[0][0] + self._clock[0][1]
            if not -early <= time - self._reached <= HOLE:
                time = self._reached
                self.repaired += 1
        self._reached = time + float((packet.duration or 0) * packet.time_base)
        return time

    def _jumps_to(self, stamp: float) -> bool:
        if self._stamp is None:
            return abs(stamp - self._clock[0][0]) > NEAR
        return not self._stamp - JITTER <= stamp <= self._stamp + NEAR / 2


def _aligning(frame: AudioFrame, end: float) -> Graph:
    """FFmpeg's filters that start the sound at 0, end it at `end`, and put silence into holes."""
    # What a decoder gives, such as HE-AAC's, may be of another rate than the file says.
    aligned = f'{RATE}:osf=fltp:ochl={LAYOUT}:async=1:first_pts=0:min_hard_comp={JITTER}'
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=frame.sample_rate,
        format=frame.format.name,
        layout=frame.layout.name,
        time_base=frame.time_base,
    )
    graph.link_nodes(
        source,
        graph.add('aresample', aligned),
        graph.add('atrim', f'end={end}'),
        graph.add('abuffersink'),
    ).configure()
    return graph


def _finished(graph: Graph) -> Iterator[AudioFrame]:
    with suppress(av.error.BlockingIOError, av.error.EOFError):
        while True:
            yield cast('AudioFrame', graph.pull())
