"""Makes the frame index of a video."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from .decoder import FrameDecoder, LostError
from .index import UNKNOWN, FrameIndex, average_rate, choose_identity, frame_times
from .info import VideoInfo
from .picture import checksum, orientation, rotation_of
from .source import VideoSource, packet_of
from .truncation import is_cut_off

# Codecs whose key frames need nothing that precedes them.
RESTARTABLE = {
    'av1',
    'dnxhd',
    'dvvideo',
    'ffv1',
    'ffvhuff',
    'flv1',
    'h263',
    'h264',
    'hevc',
    'huffyuv',
    'jpeg2000',
    'mjpeg',
    'mpeg1video',
    'mpeg2video',
    'mpeg4',
    'msmpeg4v2',
    'msmpeg4v3',
    'png',
    'prores',
    'theora',
    'utvideo',
    'vp8',
    'vp9',
    'wmv1',
    'wmv2',
}
# Codecs and containers where a packet is a frame: nothing is hidden, skipped or packed together.
ONE_FRAME_A_PACKET = {
    'dnxhd',
    'ffv1',
    'ffvhuff',
    'h264',
    'hevc',
    'huffyuv',
    'mjpeg',
    'png',
    'prores',
    'utvideo',
}
TELLING = ('mov,', 'matroska')
# Pixels (frames x rows x columns) that are decoded for the index without asking, 1,700 frames of
# 640 x 360: about two seconds on one core.
DECODED_PIXELS = 400e6
# Frames at the start that are decoded to verify what the packets told.
VERIFIED_START = 48
# What packets carry when decoding starts to depend on those before.
_CHANGES = ('new_extradata', 'palette', 'param_change')


class _PacketTable:
    """What demuxing told of each packet, in order."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, bool]] = []
        self.changes = self.discarded = self.corrupt = False

    def watch(self, packets):
        """Pass packets on and note them."""
        for packet in packets:
            pts, dts, position = (
                UNKNOWN if value is None else value
                for value in (packet.pts, packet.dts, packet.pos)
            )
            self.rows.append((pts, dts, position, packet.is_keyframe))
            self.changes |= any(packet.has_sidedata(kind) for kind in _CHANGES)
            self.discarded |= packet.is_discard
            self.corrupt |= packet.is_corrupt
            yield packet

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Presentation and decoding time stamps, positions (all int64), key flags (bool)."""
        table = np.array(self.rows, np.int64).reshape(-1, 4).T
        return table[0], table[1], table[2], table[3].astype(bool)


def build_index(path: str | Path, how: str = 'auto') -> FrameIndex:
    """Make the index of a video.

    Args:
        path: of the video.
        how: 'decode' decodes all of it: exact whatever the file is like. 'packets' reads the file
            without decoding more than its start and its end, where codec and container say that
            this is enough, and else decodes. 'auto' does that for long videos only.

    Raises:
        DataError: no video, or none of it decodes.
    """
    if how != 'decode':
        index = _by_packets(path, how == 'packets')
        if index is not None:
            return index
    return _by_decoding(path)


def _by_decoding(path: str | Path) -> FrameIndex:
    # With one thread: what a damaged video gives depends on their number.
    source = VideoSource(path)
    try:
        table, rows, first = _PacketTable(), [], None
        for frame in source.frames(source.numbered(table.watch(source.packets()))):
            first = first or _look(frame)
            pts = UNKNOWN if frame.pts is None else frame.pts
            rows.append((packet_of(frame), pts, frame.key_frame, checksum(frame)))
        if first is None:
            raise DataError(f'{path}: {_why_nothing(source, table)}')
        packet, pts, key, sums = np.array(rows, np.int64).T.copy()
        _, dts, position, key_packet = (
            np.where(packet >= 0, column[packet], UNKNOWN) for column in table.columns()
        )
        identity = choose_identity(packet, pts)
        restart = (key > 0) & (key_packet > 0)
        damaged = source.errors or source.broken or table.corrupt
        if damaged or table.changes or source.codec not in RESTARTABLE:
            identity, restart = 'count', np.zeros_like(restart)
        if (packet < 0).any():
            identity, restart = 'count', np.zeros_like(restart)
        return FrameIndex(
            packet,
            pts,
            dts,
            position,
            restart,
            sums,
            'decode',
            identity,
            _info(source, table, first, pts, dts),
        )
    finally:
        source.close()


def _by_packets(path: str | Path, always: bool) -> FrameIndex | None:
    """The index as the packets tell it; None where they do not, or the video is short."""
    source = VideoSource(path)
    try:
        if source.codec not in ONE_FRAME_A_PACKET or not source.format.startswith(TELLING):
            return None
        table = _PacketTable()
        for _ in table.watch(source.packets()):
            pass
        pts, dts, position, key = table.columns()
        pixels = len(pts) * source.context.width * source.context.height
        if not always and pixels <= DECODED_PIXELS:
            return None
        odd = table.changes or table.discarded or table.corrupt or source.broken
        if odd or not len(pts) or not key[0] or choose_identity(pts, pts) == 'count':
            return None
        if source.stream.frames not in (0, len(pts)) or _promised_more(source, table):
            return None
    finally:
        source.close()
    packet = np.argsort(pts)
    index = FrameIndex(
        packet,
        pts[packet],
        dts[packet],
        position[packet],
        key[packet],
        np.full_like(packet, UNKNOWN),
        'packets',
        'packet',
        None,
    )
    return index if _verified(path, index, table) else None


def _verified(path: str | Path, index: FrameIndex, table: _PacketTable) -> bool:
    """Whether start and end of a video decode to just the frames that the packets told."""
    source = VideoSource(path)
    try:
        decoded = list(islice(source.frames(source.numbered(source.packets())), VERIFIED_START))
        if not decoded or source.errors:
            return False
        first = _look(decoded[0])
        index.info = _info(source, table, first, index.pts, index.dts)
    finally:
        source.close()
    if [frame.pts for frame in decoded] != index.pts[: len(decoded)].tolist():
        return False
    decoder = FrameDecoder(path, index)
    try:
        last = len(index) - 1
        decoder.frame(index.start_for(last))
        decoder.frame(last)
        return decoder.ends()
    except LostError:
        return False
    finally:
        decoder.close()


def _look(frame: Any) -> tuple[int, int, int]:
    """Height and width of a frame as shown, and how far it was turned."""
    size = (frame.height, frame.width)
    if orientation(frame)[0]:
        size = size[::-1]
    return *size, rotation_of(frame)


def _why_nothing(source: VideoSource, table: _PacketTable) -> str:
    if not table.rows:
        return 'its video stream holds no frames'
    return f'no frame of its video stream decodes ({source.errors} packets with errors)'


def _info(
    source: VideoSource,
    table: _PacketTable,
    first: tuple[int, int, int],
    pts: np.ndarray,
    dts: np.ndarray,
) -> VideoInfo:
    stream = source.stream
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    named = next((float(rate) for rate in rates if rate), None)
    times = frame_times(pts, dts, float(stream.time_base), named or 25.0)
    fps = average_rate(times, named)
    height, width, rotation = first
    truncated = source.broken or table.corrupt or _promised_more(source, table)
    return VideoInfo(
        frames=len(pts),
        height=height,
        width=width,
        fps=fps,
        codec=source.codec,
        rotation=rotation,
        duration=float(times[-1]) + 1 / fps,
        truncated=bool(truncated),
        errors=source.errors,
        times=times,
    )


def _promised_more(source: VideoSource, table: _PacketTable) -> bool:
    """Whether the container names more frames or bytes than there are."""
    stream = source.stream
    _, dts, _, _ = table.columns()
    # .avi counts the places where the last frame is shown once more, which are no packets.
    in_time = source.format == 'avi' and len(dts)
    held = int(dts.max()) + 1 if in_time else len(dts)
    return held < stream.frames or is_cut_off(source.path)
