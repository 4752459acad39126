"""How much disk space a run will take."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, SalkitError
from ..utils.text import in_units
from .options import PrepareOptions
from .source import VideoSource
from .stimulus import VideoFile, open_stimulus

SAMPLED_VIDEOS = 6
SAMPLED_FRAMES = 4
# What a file system gives out; a small file takes one of these.
BLOCK = 4096
SAMPLE = '.sample.unfinished'


@dataclass(frozen=True)
class Estimate:
    """Disk need.

    Attributes:
        bytes: of everything that is still to be made.
        free: bytes that are free.
        frames: roughly, of all videos to be made.
    """

    bytes: int
    free: int
    frames: int

    def __str__(self) -> str:
        need, free = in_units(self.bytes), in_units(self.free)
        return f'about {self.frames:,} frames, about {need} on disk, {free} free'


def disk_use(folder: Path) -> int:
    """Bytes on disk of the files in a folder that are no links to files elsewhere."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            status = os.lstat(os.path.join(place, name))
            if status.st_nlink == 1 and not os.path.islink(os.path.join(place, name)):
                total += -(-status.st_size // BLOCK) * BLOCK
    return total


def expected_frames(source: VideoSource) -> int:
    """Frames of a video as far as can be told at a glance; 0 where that fails."""
    try:
        if source.annotation is not None and (lengths := source.annotation.lengths()):
            return max(lengths.values())
        if source.stimulus.is_dir():
            return len(os.listdir(source.stimulus))
        from ..media.gray_video import count_frames

        return count_frames(source.stimulus)
    except (SalkitError, OSError):
        # It will fail, with its reason, when it is prepared.
        return 0


def estimate(
    sources: Sequence[VideoSource],
    frames: Sequence[int],
    destination: Path,
    options: PrepareOptions,
) -> Estimate:
    """The disk need of videos, from frames of some of them that are made on trial.

    Args:
        sources: the videos.
        frames: number of frames of each.
        destination: where they go.
        options: how.
    """
    total = sum(frames)
    # Long videos weigh more.
    order = sorted(range(len(sources)), key=lambda i: frames[i])
    step = max(1, len(order) // SAMPLED_VIDEOS)
    sampled = order[step // 2 :: step][:SAMPLED_VIDEOS]
    sample = destination / SAMPLE
    used = counted = 0
    try:
        for i in sampled:
            shutil.rmtree(sample, ignore_errors=True)
            try:
                per_frame = _bytes_per_frame(sources[i], sample, options)
            except DataError:
                continue
            used += per_frame * max(1, frames[i])
            counted += max(1, frames[i])
    finally:
        shutil.rmtree(sample, ignore_errors=True)
    need = used / counted * total if counted else 0
    return Estimate(int(need), shutil.disk_usage(destination).free, total)


def _bytes_per_frame(source: VideoSource, sample: Path, options: PrepareOptions) -> float:
    with open_stimulus(source.stimulus, options) as stimulus:
        made = 0.0
        if isinstance(stimulus, VideoFile) and options.keep_video:
            if options.copy:
                made = source.stimulus.stat().st_size / max(1, len(stimulus))
        else:
            count = stimulus.write_sample(sample, options, SAMPLED_FRAMES)
            made = disk_use(sample) / max(1, count)
            shutil.rmtree(sample)
        if source.annotation is not None:
            lengths = [len(stimulus), *source.annotation.lengths().values()]
            count = min(SAMPLED_FRAMES, *lengths)
            names = [f'{i + 1:04d}' for i in range(count)]
            source.annotation.write(sample, names, stimulus, options, lambda *_: None)
            made += disk_use(sample) / max(1, count)
    return made
