"""Checks one video: its names, each of its files once, and what they show together."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...datasets.published import PublishedVideo
from ...errors import DataError
from ...media.map_stacks import FolderStack
from ...media.video import VIDEO_SUFFIXES, VideoReader
from ...utils.parallel import check_stopped
from .faults import Faults
from .naming import list_parts, pair_names
from .pairing import FramePair, check_pairs, frame_pair
from .report import COLUMNS
from .single_files import (
    NOUNS,
    RESTORE,
    Picture,
    check_density,
    check_fixations,
    read_picture,
    read_size,
)

# Frames of a video file that are looked at for standing still, and the fewest that show it.
WATCHED, FEWEST = 64, 4


@dataclass
class VideoResult:
    """What was found in one video.

    Attributes:
        place: where it lies.
        counts: of it and its files, by `COLUMNS`.
        faults: found in it.
        fingerprint: the same for the same frames, None where unknown.
    """

    place: PublishedVideo
    counts: dict[str, int]
    faults: Faults
    fingerprint: str | None


def check_video(place: PublishedVideo, sample: int | None = None) -> VideoResult:
    """Check one video.

    Args:
        place: where it lies.
        sample: frames to read, spread over the video; of the others, headers. None for all.
    """
    faults = Faults()
    stimulus = place.stimulus
    is_file = stimulus is not None and stimulus.suffix.lower() in VIDEO_SUFFIXES
    parts = list_parts(place, None if is_file else stimulus, faults)
    # Fixations are read from images where there are both these and .mat files.
    fixation_part = 'fixation' if 'fixation' in parts else 'mats'
    counts = {part: len(stack) for part, stack in parts.items()}
    digests: dict[int, bytes] = {}
    frames, size = counts.get('images', 0), None
    paths = pair_names(parts, faults)
    if stimulus is not None and is_file:
        frames, size = _check_video_file(stimulus, parts, sample, digests, faults)
    chosen = {*np.linspace(0, len(paths) - 1, min(sample or len(paths), len(paths))).astype(int)}
    sizes: dict[str, dict[str, tuple[int, int]]] = {part: {} for part in NOUNS}
    pairs = []
    for number, files in enumerate(paths):
        check_stopped()
        if number in chosen:
            read = {part: read_picture(path, part, faults) for part, path in files.items()}
            found = {part: picture for part, picture in read.items() if picture}
            for part, picture in found.items():
                sizes[part][files[part]] = picture.size
            if 'images' in found:
                digests[number] = _digest(found['images'].pixels)
            if pair := _check_maps(files, found, fixation_part, faults):
                pairs.append(pair)
        else:
            for part, path in files.items():
                if part != 'mats' and (known := read_size(path, part, faults)):
                    sizes[part][path] = known
    _compare_sizes(sizes, size, faults)
    if stimulus is not None:
        _find_stills(digests, stimulus, faults)
    if pairs and place.densities:
        check_pairs(pairs, place.densities, sample is None, faults)
    numbers = (1, frames, counts.get('maps', 0), counts.get(fixation_part, 0))
    columns = dict(zip(COLUMNS, numbers, strict=True))
    return VideoResult(place, columns, faults, _fingerprint(digests, frames))


def _digest(pixels: np.ndarray) -> bytes:
    """Tells frames (H, W) or (H, W, channels) apart."""
    digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=8)
    digest.update(repr(pixels.shape).encode())
    return digest.digest()


def _fingerprint(digests: dict[int, bytes], count: int) -> str | None:
    """The same for the same video of `count` frames; None where it stands still or is unknown."""
    # Of the first, the middle and the last frame: films begin alike.
    found = [digests.get(number) for number in (0, count // 2, count - 1)]
    if None in found or len({*found}) == 1:
        return None
    return f'{count} {found}'


def _find_stills(digests: dict[int, bytes], path: Path, faults: Faults) -> None:
    """Find a video that stands still; `path` holds its frames."""
    pairs = [number for number in digests if number + 1 in digests]
    same = sum(digests[number] == digests[number + 1] for number in pairs)
    if len(digests) >= FEWEST and same > len(pairs) / 2:
        found = f'{same} of {len(pairs)} frames are followed by the same'
        faults.add('frozen-frames', path, found)


def _check_video_file(
    path: Path,
    parts: dict[str, FolderStack],
    sample: int | None,
    digests: dict[int, bytes],
    faults: Faults,
) -> tuple[int, tuple[int, int] | None]:
    """Check the file that holds the frames, and compare its length with the maps.

    Returns:
        Number of its frames and their size (rows, columns); 0 and None where it cannot be read.
    """
    again = 'download the video again'
    if not path.exists() or path.stat().st_size == 0:
        kind, found = ('empty-file', '0 bytes') if path.exists() else ('missing-file', 'nothing')
        faults.add(kind, path, found, 'a video', again)
        return 0, None
    try:
        # Only a full decode shows what is damaged.
        with VideoReader(path, index='auto' if sample else 'decode') as video:
            count, info = len(video), video.info
            if info.truncated or info.errors:
                found = f'only {count} frames can be decoded: it is damaged or cut off'
                faults.add('broken-video', path, found)
            for part, stack in parts.items():
                if len(stack) != count:
                    found = f'{count} frames, {len(stack)} {NOUNS[part]}s'
                    remedy = f'{again}, or extract the frames that the maps were made for'
                    faults.add('count-mismatch', path, found, remedy=remedy)
            for number in (*range(min(count, sample or WATCHED)), count // 2, count - 1):
                if number not in digests:
                    digests[number] = _digest(video[number])
    except DataError as error:
        faults.add('broken-video', path, str(error).removeprefix(f'{path}: '))
        return 0, None
    return count, (info.height, info.width)


def _check_maps(
    files: dict[str, str], found: dict[str, Picture], fixation_part: str, faults: Faults
) -> FramePair | None:
    """Check the maps of one frame; gives those that can be compared with each other."""
    density, fixations = found.get('maps'), found.get(fixation_part)
    if density and fixations and density.is_points and fixations.is_blurred:
        text = f'a fixation map here, and a density map in {files[fixation_part]}'
        faults.add('swapped-folders', files['maps'], text)
        return None
    before = len(faults)
    if density:
        check_density(files['maps'], density, fixations, faults)
    if fixations:
        check_fixations(files[fixation_part], fixations, density, faults)
    if len(faults) > before or not (density and fixations) or density.size != fixations.size:
        return None
    if density.is_points and np.array_equal(density.values > 0, fixations.values > 0):
        text = f'{density.nonzero} pixels of one value, the rest 0'
        faults.add('density-points', files['maps'], text)
    paths = files['maps'], files[fixation_part]
    return frame_pair(*paths, density.values, fixations.values > 0)


def _compare_sizes(
    sizes: dict[str, dict[str, tuple[int, int]]],
    video_size: tuple[int, int] | None,
    faults: Faults,
) -> None:
    """Compare all sizes with that of the frames, or of the density maps without frames."""
    usual, whose = video_size, 'the video'
    for part, noun in NOUNS.items():
        if usual is None and sizes[part]:
            # Of equally many, the first.
            usual, whose = Counter(sizes[part].values()).most_common(1)[0][0], f'the {noun}s'
        for path, size in sizes[part].items():
            if usual is not None and size != usual:
                found = f'{noun} of {size[0]} x {size[1]} pixels'
                expected = f'{usual[0]} x {usual[1]} (rows x columns), as {whose} of this video'
                remedy = f'{RESTORE[part]}; frames and maps are of one size'
                faults.add('wrong-size', path, found, expected, remedy)
