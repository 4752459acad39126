"""The sound of one file for another: decoded, cut, and encoded as AAC, which all browsers play."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import AudioFrame, AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Discard

from ...errors import DataError
from .source import VideoSource, open_file, reason_of

RATE, LAYOUT, CHANNELS, BITS = 48_000, 'stereo', 2, 160_000
# Gaps and overlaps of up to 0.02 s are time stamps rounded.
JITTER = round(0.02 * RATE)
# Seconds before a cut from which on the sound is decoded: decoders take some to start up.
RUN_UP = 1.0


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
        while self._ahead is not None and self._ahead[0] < until * RATE:
            container.mux(self._output.encode(self._ahead[1]))
            self._ahead = next(self._pieces, None)
        if self._ahead is None:
            container.mux(self._output.encode(None))
            self._output = None

    def close(self) -> None:
        """Close the file."""
        self._pieces.close()

    def _warn(self, what: str) -> None:
        self.warnings.append(f'{self.part.path}: {what}')

    def _read(self) -> Generator[tuple[int, AudioFrame], None, None]:
        """Pieces one after the other, each with the number of its first sample."""
        try:
            with open_file(self.part.path) as container:
                stream = container.streams.best('audio')
                if stream is not None:
                    yield from _without_holes(self._decode(container, stream), self.part)
        except (av.FFmpegError, OSError, ValueError, DataError) as error:
            self._warn(f'its sound is lost, all or from some point on: {reason_of(error)}')

    def _decode(
        self, container: InputContainer, stream: AudioStream
    ) -> Iterator[tuple[int | None, np.ndarray]]:
        """Samples (2, n) float32, with the number of the first, where the file has a time stamp."""
        if stream.codec_context is None or not stream.codec_context.sample_rate:
            raise DataError('FFmpeg has no decoder for it')
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        origin = first_frame_time(self.part.path) + self.part.start
        resampler, kind, errors = None, None, 0
        for packet in container.demux(stream):
            if packet.pts is not None and packet.pts * packet.time_base < origin - RUN_UP:
                continue
            try:
                frames = stream.codec_context.decode(packet)
            except (av.FFmpegError, ValueError):
                errors += 1
                continue
            for frame in frames:
                if resampler is None or kind != _kind_of(frame):
                    kind = _kind_of(frame)
                    resampler = av.AudioResampler('fltp', LAYOUT, RATE)
                for piece in resampler.resample(frame):
                    time = piece.time
                    at = None if time is None else round((time - origin) * RATE)
                    yield at, piece.to_ndarray()
        if errors:
            self._warn(f'{errors} packets of its sound do not decode')


def _without_holes(
    pieces: Iterable[tuple[int | None, np.ndarray]], part: SoundPart
) -> Iterator[tuple[int, AudioFrame]]:
    """Sound from sample 0 to the part's end: silence where there is none between two pieces."""
    length = 2**62 if part.end is None else round((part.end - part.start) * RATE)
    position = 0
    for at, samples in pieces:
        if at is None or (position and abs(at - position) <= JITTER):
            at = position
        if at + samples.shape[1] <= position:
            continue
        while position < min(at, length):
            # At most a second a piece.
            silence = np.zeros((CHANNELS, min(RATE, at - position, length - position)), np.float32)
            yield position, _frame(silence, position)
            position += silence.shape[1]
        samples = samples[:, position - at :][:, : length - position]
        if samples.shape[1]:
            yield position, _frame(samples, position)
            position += samples.shape[1]
        if position >= length:
            return


def _kind_of(frame: AudioFrame) -> tuple[str, str, int]:
    """What a resampler is made for."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def _frame(samples: np.ndarray, position: int) -> AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format='fltp', layout=LAYOUT)
    frame.sample_rate, frame.pts, frame.time_base = RATE, position, Fraction(1, RATE)
    return frame


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
