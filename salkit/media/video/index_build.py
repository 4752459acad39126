"""Makes the frame index of a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from av import Packet, VideoFrame

from ...errors import DataError
from ..images import MOST_PIXELS
from .decoder import FrameDecoder, LostError
from .frame_index import FrameIndex, VideoInfo
from .picture import checksum, orientation
from .source import VideoSource, is_cut_off, packet_of
from .time_stamps import FASTEST, SLOWEST, UNKNOWN, average_rate, frame_times

# Codecs and containers where a packet is a frame: nothing is hidden, skipped or packed together.
ONE_FRAME_A_PACKET = frozenset(
    ['dnxhd', 'ffv1', 'ffvhuff', 'h264', 'hevc', 'huffyuv', 'mjpeg', 'png', 'prores', 'utvideo']
)
TELLING = ('mov,', 'matroska')
# Codecs whose key frames need nothing that precedes them.
RESTARTABLE = ONE_FRAME_A_PACKET.union(
    ['av1', 'dvvideo', 'flv1', 'h263', 'jpeg2000', 'theora', 'vp8', 'vp9', 'wmv1', 'wmv2'],
    ['mpeg1video', 'mpeg2video', 'mpeg4', 'msmpeg4v2', 'msmpeg4v3'],
)
# Pixels (frames x rows x columns) that are decoded for the index without asking, 1,700 frames of
# 640 x 360: about two seconds on one core.
DECODED_PIXELS = 400e6
# A pixel more oblong than that is damage in the file's head.
MOST_ASPECT = 10
# How many packets around a place are marked as damaged for its sake.
JOINED = 3
# Frames at the start that are decoded to verify what the packets show.
VERIFIED_START = 48


class _PacketTable:
    """What demuxing shows of each packet, in order."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, bool]] = []
        self.changes = self.discarded = False
        # Numbers of packets that the container marks as damaged.
        self.corrupt: list[int] = []

    def watch(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        """Pass packets on and note them."""
        for packet in packets:
            pts, dts, position = (
                UNKNOWN if value is None else value
                for value in (packet.pts, packet.dts, packet.pos)
            )
            self.rows.append((pts, dts, position, packet.is_keyframe))
            # From there on, decoding depends on packets before.
            self.changes |= packet.has_sidedata('new_extradata')
            self.changes |= packet.has_sidedata('palette') or packet.has_sidedata('param_change')
            self.discarded |= packet.is_discard
            if packet.is_corrupt:
                self.corrupt.append(len(self.rows) - 1)
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
    index = None if how == 'decode' else _by_packets(path, how == 'packets')
    return index or _by_decoding(path)


def _by_decoding(path: str | Path) -> FrameIndex:
    # With one thread: what a damaged video gives depends on their number.
    with VideoSource(path) as source:
        table, first, other = _PacketTable(), None, None
        rows: list[tuple[int, int, bool, int]] = []
        for frame in source.frames(source.numbered(table.watch(source.packets()))):
            first = frame if first is None else first
            if other is None and (frame.height, frame.width) != (first.height, first.width):
                other = (
                    f'frame {len(rows) + 1} has {frame.height} x {frame.width} pixels; such frames '
                    f'are scaled to the {first.height} x {first.width} of the first'
                )
            pts = UNKNOWN if frame.pts is None else frame.pts
            rows.append((packet_of(frame), pts, frame.key_frame, checksum(frame)))
        if first is None:
            most = f'; frames may have {MOST_PIXELS / 1e6:.0f} million pixels at most'
            limit = '' if source.context.width else most
            raise DataError(
                f'{path}: no frame of its video stream decodes ({len(table.rows)} packets, '
                f'{source.errors} with errors){limit}'
            )
        packet, pts, key, sums = np.array(rows, np.int64).T.copy()
        _, dts, position, key_packet = (
            np.where(packet >= 0, column[packet], UNKNOWN) for column in table.columns()
        )
        damaged = source.errors or source.broken or table.corrupt or table.changes
        known = _all_different(packet, -1) and source.codec in RESTARTABLE
        info = _info(source, table, first, packet, pts, dts, other)
        restart = (key > 0) & (key_packet > 0)
        seekable = bool(known and not damaged)
        return FrameIndex(packet, pts, dts, position, restart, sums, 'decode', seekable, info)


def _all_different(values: np.ndarray, unknown: int) -> bool:
    return unknown not in values and len(np.unique(values)) == len(values)


def _by_packets(path: str | Path, always: bool) -> FrameIndex | None:
    """The index as the packets have it; None where they do not show it, or the video is short."""
    with VideoSource(path) as source:
        if source.codec not in ONE_FRAME_A_PACKET or not source.format.startswith(TELLING):
            return None
        table = _PacketTable()
        for _ in table.watch(source.packets()):
            pass
        pts, dts, position, key = table.columns()
        pixels = len(pts) * source.context.width * source.context.height
        if not always and pixels <= DECODED_PIXELS:
            return None
        # Stamps that run back belong to frames that are shown in this order all the same.
        odd = table.changes or table.discarded or source.broken or (dts[1:] < dts[:-1]).any()
        if odd or table.corrupt or not len(pts) or not key[0] or not _all_different(pts, UNKNOWN):
            return None
        if source.stream.frames not in (0, len(pts)) or _promised_more(source, table):
            return None
    packet = np.argsort(pts)
    pts, dts, position, key = (column[packet] for column in (pts, dts, position, key))
    with VideoSource(path) as source:
        decoded = list(islice(source.frames(source.numbered(source.packets())), VERIFIED_START))
        stamps = [frame.pts for frame in decoded]
        if not decoded or source.errors or stamps != pts[: len(decoded)].tolist():
            return None
        info = _info(source, table, decoded[0], packet, pts, dts)
    sums = np.full_like(packet, UNKNOWN)
    index = FrameIndex(packet, pts, dts, position, key, sums, 'packets', True, info)
    return index if _ends_well(path, index) else None


def _ends_well(path: str | Path, index: FrameIndex) -> bool:
    """Whether the end of a video decodes to just the frames that the packets have."""
    decoder, last = FrameDecoder(path, index), len(index) - 1
    try:
        decoder.frame(index.start_for(last))
        decoder.frame(last)
        return decoder.ends()
    except LostError:
        return False
    finally:
        decoder.close()


def _info(
    source: VideoSource,
    table: _PacketTable,
    first: VideoFrame,
    packet: np.ndarray,
    pts: np.ndarray,
    dts: np.ndarray,
    other: str | None = None,
) -> VideoInfo:
    stream = source.stream
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    named = next((float(rate) for rate in rates if rate and SLOWEST <= rate <= FASTEST), None)
    shown = frame_times(pts, dts, source.time_base, named or 25.0, source.format)
    height, width, aspect = first.height, first.width, float(stream.sample_aspect_ratio or 1)
    if not 1 / MOST_ASPECT <= aspect <= MOST_ASPECT:
        aspect = 1.0
    if orientation(first)[0]:
        height, width, aspect = width, height, 1 / aspect
    # Where broadcasts were joined, a packet is marked though nothing is missing.
    joined = [int(packet[number]) for number in shown.jumps]
    corrupt = [n for n in table.corrupt if not any(abs(n - join) <= JOINED for join in joined)]
    cut_off = bool(corrupt) and corrupt[-1] >= len(table.rows) - JOINED
    errors = source.errors + len(corrupt)
    found = [source.choice, other]
    if errors:
        found.append(f'damaged packets: {errors}; their frames are left out or wrong')
    return VideoInfo(
        frames=len(pts),
        height=height,
        width=width,
        fps=average_rate(shown.times, named),
        pixel_aspect=aspect,
        truncated=bool(source.broken or cut_off or _promised_more(source, table)),
        errors=errors,
        times=shown.times,
        clock=shown.clock,
        warnings=(*filter(None, found), *shown.warnings),
    )


def _promised_more(source: VideoSource, table: _PacketTable) -> bool:
    """Whether the container names more frames or bytes than there are."""
    _, dts, _, _ = table.columns()
    # .avi counts the places where the last frame is shown once more, which are no packets.
    in_time = source.format == 'avi' and len(dts)
    held = int(dts.max()) + 1 if in_time else len(dts)
    if held < source.stream.frames and source.format.startswith('mov,'):
        # Of what an edit list does not show, not all is given.
        with VideoSource(source.path, unedited=True) as whole:
            held = sum(1 for _ in whole.packets())
    return held < source.stream.frames or is_cut_off(source.path)
