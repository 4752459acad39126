"""The sound of one file for another: decoded, cut, and encoded as AAC, which all browsers play."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
from av import AudioFrame, AudioStream
from av.container import OutputContainer
from av.filter import Graph

from ...errors import DataError, reason_of
from .source import VideoSource, open_file

RATE, LAYOUT, BITS = 48_000, 'stereo', 160_000
# Seconds; gaps and overlaps of less are time stamps rounded.
JITTER = 0.02
# Seconds before a cut from which on the sound is decoded: decoders take some to start up.
RUN_UP = 1.0
ENDLESS = 1e9


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
                origin = first_frame_time(self.part.path) + self.part.start
                end = ENDLESS if self.part.end is None else self.part.end - self.part.start
                for packet in container.demux(stream):
                    time = 0 if packet.pts is None else packet.pts * packet.time_base - origin
                    if time < -RUN_UP:
                        continue
                    if time > end:
                        break
                    try:
                        frames = stream.codec_context.decode(packet)
                    except (av.FFmpegError, ValueError):
                        errors += 1
                        continue
                    for frame in frames:
                        if frame.pts is not None:
                            frame.pts -= round(origin / frame.time_base)
                        graph = graph or _aligning(frame, end)
                        graph.push(frame)
                        yield from _finished(graph)
                if graph is not None:
                    graph.push(None)
                    yield from _finished(graph)
        except (av.FFmpegError, OSError, ValueError, DataError) as error:
            self._warn(f'its sound is lost, all or from some point on: {reason_of(error)}')
        if errors:
            self._warn(f'{errors} packets of its sound do not decode')


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


def first_frame_time(path: str | Path) -> float:
    """Time stamp, in seconds, of the first frame that a video gives.

    Raises:
        DataError: not a video.
    """
    with VideoSource(path) as source:
        if source.format == 'avi':
            # All its streams start together; FFmpeg's guess is late by what the codec reorders.
            return 0.0
        first = next(source.frames(source.packets()), None)
        stamp = source.stream.start_time if first is None else first.pts
        return float((stamp or 0) * source.time_base)
