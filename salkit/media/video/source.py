"""A video file: its name, its length, and its packets and frames with FFmpeg, through PyAV."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import av
from av import Packet, VideoFrame, VideoStream
from av.container import InputContainer
from av.stream import Disposition

from ...errors import DataError, reason_of
from ...utils.input_files import check_input_file, open_input_file
from ..images import IMAGE_SUFFIXES, MOST_PIXELS

# Suffixes of video files, in lower case.
VIDEO_SUFFIXES = (
    *('.3gp', '.asf', '.avi', '.flv', '.m2ts', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg'),
    *('.mpg', '.mts', '.mxf', '.ogv', '.ts', '.vob', '.webm', '.wmv'),
)
# For the header, and for each packet: a damaged file may be searched to its end, however far.
MOST_SECONDS = 20.0
# FFmpeg's names of the containers that such files, and bare streams, are in. All others stay shut:
# playlists, lists of files, patterns of names and manifests open what they name.
CONTAINERS = (
    *('asf', 'avi', 'flv', 'ivf', 'matroska', 'mov', 'mpeg', 'mpegts', 'mxf', 'obu', 'ogg'),
    *('h264', 'hevc', 'm4v', 'mpegvideo', 'vvc', 'yuv4mpegpipe'),
)
# Broken names in the metadata are no reason to refuse a file; from version 19 on, PyAV takes them.
LENIENT: dict[str, Any] = (
    dict(metadata_errors='replace') if int(av.__version__.split('.')[0]) < 19 else {}
)
_EBML, _SEGMENT = b'\x1aE\xdf\xa3', b'\x18S\x80g'

# A file that was dropped unclosed refers to its streams, and they to it. A forked process that
# collected that garbage of its parent would wait forever for decoder threads that it does not have.
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=gc.freeze)


def is_video(path: str | Path) -> bool:
    """Whether a file is named as a video, whatever the case; it need not exist."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def stimulus_name(named: str) -> str:
    """What a list of gaze calls a video or picture, without folders and the ending of a file.

    A dot alone is no ending: `clip.v2` is not `clip`.
    """
    path = Path(named)
    return path.stem if path.suffix.lower() in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES) else path.name


def open_file(path: str | Path, unedited: bool = False) -> InputContainer:
    """Open a video file with FFmpeg: nothing but this one file, and no network, is opened.

    Args:
        path: of the file.
        unedited: whether an edit list of a .mp4 or .mov file, which says what of it is shown, is
            passed over.

    Raises:
        DataError: no regular file, or in none of the `CONTAINERS`, whatever its name says.
    """
    check_input_file(path)
    options = dict(
        protocol_whitelist='file',
        format_whitelist=','.join(CONTAINERS),
        max_pixels=str(MOST_PIXELS),
        **(dict(ignore_editlist='1') if unedited else {}),
    )
    try:
        # An absolute path, so that no name is taken for a protocol such as `http:`.
        return av.open(str(Path(path).absolute()), options=options, timeout=MOST_SECONDS, **LENIENT)
    except av.error.ExitError:
        reason = f'after {MOST_SECONDS:.0f} s, its header is not found'
    except av.error.ArgumentError:
        reason = f'expected one of the containers {", ".join(CONTAINERS)}'
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = reason_of(error)
    raise DataError(f'{path}: cannot be read as a video ({reason})')


class VideoSource:
    """A video stream of a file: its default one, else the largest; a cover picture is none.

    Args:
        path: of the file.
        threads: of the decoder; 0 for as many as there are cores.
        unedited: see `open_file`.

    Attributes:
        container: the opened file.
        stream: the video stream.
        streams: how many the file holds.
        errors: packets that did not decode so far.
        broken: whether reading the file ended in an error.

    Raises:
        DataError: no such file, no video, or one that FFmpeg cannot open.
    """

    def __init__(self, path: str | Path, threads: int = 1, unedited: bool = False) -> None:
        self.path = path
        self.errors = 0
        self.broken = False
        self.container = open_file(path, unedited)
        try:
            self.stream, self.streams = self._video_stream()
            self.context = self.stream.codec_context
            if self.context is None:
                raise DataError(f'{path}: FFmpeg has no decoder for its video stream')
            # `open_file` has no say in this one.
            self.context.options = {'max_pixels': str(MOST_PIXELS)}
            self.context.thread_count = threads
            if threads != 1:
                self.stream.thread_type = 'AUTO'
            # Frames carry the number of the packet that they were decoded from.
            self.context.copy_opaque = True
        except BaseException:
            self.container.close()
            raise

    def _video_stream(self) -> tuple[VideoStream, int]:
        """The stream to read, and how many there are."""
        picture = Disposition.attached_pic | Disposition.timed_thumbnails
        streams = self.container.streams
        videos = [stream for stream in streams.video if not stream.disposition & picture]
        if not videos:
            kinds = sorted({'cover picture' if s.type == 'video' else s.type for s in streams})
            raise DataError(
                f'{self.path}: holds no video stream, only {", ".join(kinds) or "nothing at all"}'
            )
        defaults = [stream for stream in videos if stream.disposition & Disposition.default]
        return max(defaults or videos, key=_pixels), len(videos)

    @property
    def choice(self) -> str | None:
        """Which of several video streams this is, in words; None where it is the only one."""
        if self.streams == 1:
            return None
        reason = 'default' if self.stream.disposition & Disposition.default else 'largest'
        return (
            f'of {self.streams} video streams, the {reason} one is read (stream '
            f'{self.stream.index}, {self.context.height} x {self.context.width} pixels)'
        )

    @property
    def format(self) -> str:
        """FFmpeg's name of the container, such as 'avi'."""
        return self.container.format.name

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec, such as 'av1', whichever decoder is in use."""
        return self.context.codec.canonical_name

    @property
    def time_base(self) -> float:
        """Seconds per unit of the time stamps."""
        return float(self.stream.time_base or 1)

    def packets(self) -> Iterator[Packet]:
        """Packets from where the file stands to its end, or to the first that cannot be read."""
        demuxed = self.container.demux(self.stream)
        while True:
            try:
                packet = next(demuxed, None)
            except (av.FFmpegError, OSError):
                self.broken = True
                return
            if packet is None:
                return
            # An empty one marks the end, or (in .avi) that the last frame is shown once more.
            if packet.size:
                yield packet

    def frames(self, packets: Iterable[Packet]) -> Iterator[VideoFrame]:
        """Decode packets in this order, and what the decoder holds back at their end.

        One that does not decode is counted and left out, as FFmpeg's own programs do.
        """
        for packet in chain(packets, [None]):
            try:
                decoded = self.context.decode(packet)
            except (av.FFmpegError, OSError, ValueError):
                # ValueError: of PyAV, where the decoder did not even open for the packet before.
                self.errors += 1
                continue
            yield from decoded

    def numbered(self, packets: Iterable[Packet], first: int = 0) -> Iterator[Packet]:
        """Give packets their numbers, which `packet_of` finds in the frames."""
        for number, packet in enumerate(packets, first):
            # A new object for each: PyAV finds them again by their address, and small integers
            # share theirs with all others of the process.
            packet.opaque = [number]
            yield packet

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _pixels(stream: VideoStream) -> int:
    context = stream.codec_context
    return context.width * context.height if context else 0


def packet_of(frame: VideoFrame) -> int:
    """Number of the packet that a frame was decoded from, -1 where the decoder does not say."""
    return frame.opaque[0] if isinstance(frame.opaque, list) else -1


def is_cut_off(path: str | Path) -> bool:
    """Whether a file ends before the last of its outermost parts does.

    Those parts name their lengths in .mp4 and .mov (boxes), .mkv and .webm (EBML elements). False
    for other containers, and for lengths that were never filled in.
    """
    size = os.path.getsize(path)
    with open_input_file(path) as file:
        start = file.read(12)
        if start[:4] == _EBML:
            named = _end_of_element
        elif start[4:8] in (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip'):
            named = _end_of_box
        else:
            return False
        place = 0
        while place < size:
            file.seek(place)
            end = named(file, place)
            if end is None or end <= place:
                return False
            place = end
    return place > size


def _end_of_box(file: BinaryIO, place: int) -> int | None:
    header = file.read(16)
    length = int.from_bytes(header[:4], 'big')
    if length == 1:
        length = int.from_bytes(header[8:], 'big')
    # 0: to the end of the file.
    return place + length if length >= 8 and header[4:8].isascii() else None


def _end_of_element(file: BinaryIO, place: int) -> int | None:
    header = file.read(12)
    if header[:4] not in (_EBML, _SEGMENT) or header[4] == 0:
        return None
    # The leading zero bits of the length give its number of bytes.
    count = 9 - header[4].bit_length()
    value = int.from_bytes(header[4 : 4 + count], 'big') & ((1 << 7 * count) - 1)
    # All ones: not known.
    return None if value == (1 << 7 * count) - 1 else place + 4 + count + value
