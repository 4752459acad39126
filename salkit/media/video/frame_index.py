"""The frame index: which frames a video has, where decoding may start, and where it is kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import av
import numpy as np

from ...utils.files import cache_dir, whole_file
from ...utils.input_files import check_input_file

# Another number makes all indices anew: count it up when they change.
VERSION = 6
_ARRAYS = ('packet', 'pts', 'dts', 'position', 'restart', 'checksum')


@dataclass(frozen=True, eq=False)
class VideoInfo:
    """A video's size and times.

    Attributes:
        frames: number of frames that a full sequential decode gives.
        height: rows of a frame as shown, turned where the file says so, in pixels as they are
            stored: the aspect ratio of a pixel is not applied.
        width: columns of a frame as shown.
        fps: frames per second, the average of the video.
        pixel_aspect: width of a pixel as shown by its height; 1 for square ones, and where the file
            names none or nonsense.
        truncated: whether the file was cut off: it promised more than it holds, or reading or
            decoding ended in an error. The frames that still decode are there.
        errors: packets that could not be decoded, or are marked as damaged.
        times: (frames,) float64, seconds from the first frame to each, rising; where time stamps
            repeat, run back or jump, they are mended.
        clock: pairs of a time stamp in seconds and the time when it is shown, for the start of
            the video and behind each jump of its stamps; other streams keep to it.
        warnings: what was found and mended or chosen, a line each.
    """

    frames: int
    height: int
    width: int
    fps: float
    pixel_aspect: float
    truncated: bool
    errors: int
    times: np.ndarray
    clock: tuple[tuple[float, float], ...]
    warnings: tuple[str, ...]


@dataclass
class FrameIndex:
    """The frames of a video in the order that FFmpeg gives them.

    Attributes:
        packet: (n,) int64, number of the packet that each frame comes from; -1 unknown.
        pts: (n,) int64, time stamps in units of the stream's time base.
        dts: (n,) int64, decoding time stamps of the packets.
        position: (n,) int64, byte in the file where the packet starts.
        restart: (n,) bool, whether decoding may start at the frame's packet.
        checksum: (n,) int64 of the decoded frames; unknown where they were not decoded.
        source: 'decode' where all frames were decoded, 'packets' where only packets were read.
        seekable: whether a decoded frame is recognised by its packet; else the video has to be
            decoded from the start.
        info: for the user.
    """

    packet: np.ndarray
    pts: np.ndarray
    dts: np.ndarray
    position: np.ndarray
    restart: np.ndarray
    checksum: np.ndarray
    source: str
    seekable: bool
    info: VideoInfo

    def __len__(self) -> int:
        return len(self.pts)

    @cached_property
    def number(self) -> dict[int, int]:
        """Numbers of the frames by that of their packet."""
        return {packet: number for number, packet in enumerate(self.packet.tolist())}

    def start_for(self, number: int, before: int | None = None) -> int:
        """The frame to start decoding at so that frame `number` comes out right.

        The last key frame shown and stored no later than it; shown, because what is stored behind
        a key frame but shown before it may need frames that precede both. With `before`, only
        starts before that one.
        """
        if not self.seekable:
            return 0
        starts = np.flatnonzero(self.restart[: number + 1])
        starts = starts[self.packet[starts] <= self.packet[number]]
        if before is not None:
            starts = starts[starts < before]
        return int(starts[-1]) if len(starts) else 0


def stamp_of(path: str | Path) -> tuple[str, int, int]:
    """What changes with a file: real path, size and time of the last change in ns.

    Raises:
        DataError: no such file, or none that can be a video's: a folder, pipe or device.
    """
    status = os.stat(check_input_file(path))
    return os.path.realpath(path), status.st_size, status.st_mtime_ns


def _file_of(stamp: tuple[str, int, int]) -> Path:
    # Another release of FFmpeg may decode a damaged video otherwise.
    key = json.dumps([VERSION, stamp, sorted(av.library_versions.items())])
    digest = hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:32]
    return cache_dir() / 'video-index' / f'{digest}.npz'


def load_index(stamp: tuple[str, int, int]) -> FrameIndex | None:
    """The index of a file as it is now; None where there is none that can be read."""
    try:
        with np.load(_file_of(stamp), allow_pickle=False) as stored:
            meta = json.loads(str(stored['meta']))
            arrays = {name: stored[name] for name in _ARRAYS}
            info = meta.pop('info')
            info.update(clock=tuple(map(tuple, info['clock'])), warnings=tuple(info['warnings']))
            info = VideoInfo(**info, times=stored['times'])
            index = FrameIndex(**arrays, **meta, info=info)
    except Exception:
        # Broken ones, which fail in any way, are made again.
        return None
    lengths = {len(values) for values in (*arrays.values(), info.times)}
    return index if lengths == {info.frames} else None


def save_index(stamp: tuple[str, int, int], index: FrameIndex) -> None:
    """Keep an index; where the folder cannot be written, it is made again next time."""
    info = {name: value for name, value in asdict(index.info).items() if name != 'times'}
    meta = json.dumps(dict(source=index.source, seekable=index.seekable, info=info))
    arrays = {name: getattr(index, name) for name in _ARRAYS}
    # numpy adds a suffix to names, not to open files.
    with (
        contextlib.suppress(OSError),
        whole_file(_file_of(stamp)) as temporary,
        open(temporary, 'wb') as file,
    ):
        np.savez_compressed(file, meta=np.array(meta), times=index.info.times, **arrays)
