"""The sound of one file for another: copied where browsers play it as it is, else as AAC."""

from __future__ import annotations

import errno
import io
import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DataError
from .sound import SoundReader
from .source import reason_of

if TYPE_CHECKING:
    import av

# Codecs that are copied into .mp4; of AAC only the profiles that browsers decode.
COPIED = ('aac', 'mp3', 'opus')
AAC_PROFILES = ('LC', 'HE-AAC', 'HE-AACv2', None)
# Rates to encode with, all that players are sure to have.
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
# .mp4 holds no .mp3 below this rate.
MP3_RATE = 16000
AAC_BITS = {1: 96_000, 2: 160_000}
# Seconds of sound copied from before a cut, never heard: a decoder needs them to start up.
RUN_UP = 0.06
# Gaps and overlaps that are time stamps rounded, in seconds.
JITTER = 0.02
# What the disk says, not the sound.
_DISK_ERRORS = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS)


class Sound:
    """Puts the sound of a file into a container, piece by piece.

    Whatever is wrong with the sound ends it and is told in `warnings`; only what the disk says is
    raised.

    Args:
        path: of the file whose sound it is; one without sound is no error.
        start: seconds from that file's first video frame that become time 0.
        end: seconds from that frame where the sound is cut; None for its own end.

    Attributes:
        warnings: what went wrong, a line each; complete once this is closed.
        copied: whether packets are copied; None without sound.
    """

    def __init__(self, path: str | Path, start: float = 0.0, end: float | None = None) -> None:
        import av

        self.path = path
        self.length = math.inf if end is None else end - start
        self.warnings: list[str] = []
        self.copied: bool | None = None
        self._reader: SoundReader | None = None
        self._pieces: Iterator[tuple[float, Any]] = iter(())
        self._ahead: tuple[float, Any] | None = None
        self._output: Any = None
        try:
            self._reader = SoundReader(path, start)
            self._begin()
        except (av.FFmpegError, OSError, ValueError, DataError) as error:
            self._give_up(reason_of(error))

    def _begin(self) -> None:
        if self._reader.stream is None:
            return
        context = self._reader.stream.codec_context
        if context is None or not context.sample_rate:
            self._give_up('FFmpeg has no decoder for it')
            return
        # A track without anything in it is not made: some players stumble over it.
        if _is_copied(context):
            self.copied, self._pieces = True, self._copies()
            self._ahead = next(self._pieces, None)
            if self._ahead is None or self._fits(self._ahead[1]):
                return
            self._reader.reopen()
        self.copied, self._pieces = False, self._encodable()
        self._ahead = next(self._pieces, None)

    def __bool__(self) -> bool:
        return self._ahead is not None

    def add_to(self, container: av.container.OutputContainer) -> None:
        """Make the stream; before anything is written to the container."""
        if self.copied:
            self._output = container.add_stream_from_template(self._reader.stream)
            return
        rate, layout = _aac_kind(self._reader.stream.codec_context)
        self._output = container.add_stream('aac', rate=rate, layout=layout)
        self._output.bit_rate = AAC_BITS[self._output.layout.nb_channels]

    def _fits(self, packet: av.Packet) -> bool:
        """Whether a file with such packets can be completed, which only its end shows."""
        import av

        try:
            with av.open(io.BytesIO(), 'w', format='mp4') as container:
                packet.stream = container.add_stream_from_template(self._reader.stream)
                container.mux(packet)
        except (av.FFmpegError, ValueError):
            return False
        return True

    def feed(self, container: av.container.OutputContainer, until: float = math.inf) -> None:
        """Write the sound that starts before `until`, in seconds.

        Raises:
            OSError: the disk is full, or the like.
        """
        import av

        try:
            while self._ahead is not None and self._ahead[0] < until:
                self._write(container, self._ahead[1])
                self._ahead = next(self._pieces, None)
            if self._ahead is None and self._output is not None:
                if not self.copied:
                    container.mux(self._output.encode(None))
                self._output = None
        except (av.FFmpegError, ValueError) as error:
            if getattr(error, 'errno', None) in _DISK_ERRORS:
                raise
            self._give_up(reason_of(error))

    def _write(self, container: av.container.OutputContainer, piece: Any) -> None:
        import av

        if not self.copied:
            container.mux(self._output.encode(piece))
            return
        piece.stream = self._output
        # Containers check the head of a packet, which decoders may not need.
        with suppress(av.error.InvalidDataError):
            container.mux(piece)

    def _give_up(self, reason: str) -> None:
        self._tell(f'{self.path}: its sound is lost, all or from some point on: {reason}')
        self._ahead = self._output = None

    def close(self) -> None:
        """Close the file."""
        self._pieces, self._ahead = iter(()), None
        if self._reader is not None:
            self._tell(*self._reader.warnings)
            self._reader.close()

    def _tell(self, *warnings: str) -> None:
        self.warnings += [warning for warning in warnings if warning not in self.warnings]

    def _copies(self) -> Iterator[tuple[float, av.Packet]]:
        """Packets with their times shifted; those that start a little before 0 are not heard."""
        import av

        context = self._reader.stream.codec_context
        rate, step = context.sample_rate, context.frame_size / context.sample_rate
        last, due, dropped = -math.inf, None, 0
        for packet in self._reader.packets():
            # What does not decode would end the whole video in a browser.
            try:
                context.decode(packet)
            except (av.FFmpegError, ValueError):
                dropped += 1
                continue
            stamp = packet.dts if packet.pts is None else packet.pts
            time, base = self._reader.time(stamp, packet.time_base), packet.time_base
            if time is None:
                time = due or 0.0
            # Matroska rounds to milliseconds.
            if due is not None and abs(time - due) < 2 * base:
                time = due
            due = time + (step or float((packet.duration or 0) * base))
            if due <= -RUN_UP:
                continue
            if time >= self.length:
                break
            number = round(time * rate)
            if number <= last:
                dropped += 1
                continue
            last = packet.pts = packet.dts = number
            packet.duration = round((due - time) * rate)
            packet.time_base = Fraction(1, rate)
            yield time, packet
        if dropped:
            self._tell(f'{self.path}: {dropped} packets of its sound are left out')

    def _encodable(self) -> Iterator[tuple[float, av.AudioFrame]]:
        """Decoded sound without a hole: silence where the file has none between two pieces."""
        import av

        rate, layout = _aac_kind(self._reader.stream.codec_context)
        length = self.length if self.length == math.inf else round(self.length * rate)
        position = None
        for time, samples in self._reader.decoded(rate, layout):
            first = position or 0 if time is None else round(time * rate)
            if position is None:
                if first + samples.shape[1] <= 0:
                    continue
                position = max(first, 0)
            elif abs(first - position) <= JITTER * rate:
                first = position
            silence = _silence(len(samples), first - position, rate)
            for part in chain(silence, [samples[:, max(0, position - first) :]]):
                part = part[:, : max(0, min(length - position, part.shape[1]))]
                if not part.shape[1]:
                    continue
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(part), format='fltp', layout=layout
                )
                frame.sample_rate, frame.pts = rate, position
                frame.time_base = Fraction(1, rate)
                yield position / rate, frame
                position += part.shape[1]
            if position >= length:
                return


def _is_copied(context: Any) -> bool:
    codec = context.codec.canonical_name
    if codec == 'aac':
        return context.profile in AAC_PROFILES
    if codec == 'mp3':
        return context.sample_rate >= MP3_RATE
    return codec in COPIED


def _aac_kind(context: Any) -> tuple[int, str]:
    """Rate and layout to encode with: the source's own where AAC has it, mono or stereo."""
    rate = context.sample_rate if context.sample_rate in AAC_RATES else 48000
    return rate, 'mono' if context.layout.nb_channels == 1 else 'stereo'


def _silence(channels: int, count: int, rate: int) -> Iterator[np.ndarray]:
    """`count` samples of it, at most a second a piece."""
    for start in range(0, count, rate):
        yield np.zeros((channels, min(rate, count - start)), np.float32)
