"""Checks one video: its names, each of its files once, and what they show together."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...datasets.published import PublishedVideo
from ...errors import DataError
from ...media.images import IMAGE_SUFFIXES
from ...media.video import VideoReader
from ...utils.parallel import check_stopped
from .contents import (
    Contents,
    add_unblurred,
    compare_sizes,
    find_empty_maps,
    find_stills,
    find_swapped,
)
from .faults import WARNING, Faults
from .layout import is_junk
from .naming import list_part, pair_names
from .pairing import TRIED, FramePair, check_pairs, frame_pair
from .single_files import (
    FEW_PIXELS,
    NOUNS,
    Picture,
    check_density,
    check_fixations,
    map_facts,
    read_picture,
    read_size,
)

# Frames of a video file that are looked at for standing still.
WATCHED = 64


@dataclass
class VideoResult:
    """What was found in one video.

    Attributes:
        place: where it lies.
        frames: their number.
        densities: number of density maps.
        fixations: number of fixation maps.
        faults: found in it.
        lacks_fixations: whether there are none at all, which the data set may allow.
        fingerprint: the same for the same frames, None where unknown.
        samples: some of its maps, for comparing them with those of other videos.
        astray: those of them that fit nothing in it.
    """

    place: PublishedVideo
    frames: int = 0
    densities: int = 0
    fixations: int = 0
    faults: Faults = field(default_factory=Faults)
    lacks_fixations: bool = False
    fingerprint: str | None = None
    samples: list[FramePair] = field(default_factory=list)
    astray: list[FramePair] = field(default_factory=list)

    @property
    def label(self) -> str:
        """`<split>/<name>`."""
        return f'{self.place.split}/{self.place.name}'


def check_video(place: PublishedVideo, sample: int | None = None) -> VideoResult:
    """Check one video.

    Args:
        place: where it lies.
        sample: frames to read, spread over the video; of the others, headers. None for all.
    """
    contents = Contents(place)
    result = VideoResult(place, faults=contents.faults)
    _list_folders(contents, result)
    contents.frames = pair_names(contents.parts, place.folder, contents.faults)
    size = None
    if contents.video_path:
        result.frames, size = _check_video_file(contents.video_path, contents, sample)
    count = len(contents.frames)
    chosen = {*np.linspace(0, count - 1, min(sample or count, count)).astype(int).tolist()}
    for number in range(count):
        check_stopped()
        _read_frame(contents, number, number in chosen)
    compare_sizes(contents, size)
    find_empty_maps(contents)
    is_swapped = find_swapped(contents)
    if place.stimulus:
        find_stills(contents, place.stimulus)
    result.fingerprint = contents.fingerprint(result.frames)
    if contents.pairs and place.densities and not is_swapped:
        off = check_pairs(contents.pairs, place.densities, sample is None, contents.faults)
        result.samples = [pair for pair in contents.pairs if pair.number in TRIED]
        result.astray = [pair for pair in off if pair.number in TRIED]
    return result


def _list_folders(contents: Contents, result: VideoResult) -> None:
    """List the video's folders, and find those that are missing, and what does not belong."""
    place, faults = contents.place, contents.faults
    images = None if contents.video_path else place.stimulus
    folders = dict(images=images, maps=place.densities, fixation=place.fixations, mats=place.mats)
    is_closed = False
    for name, folder in folders.items():
        if folder is None:
            continue
        suffixes = ('.mat',) if name == 'mats' else IMAGE_SUFFIXES
        part = list_part(NOUNS[name], folder, suffixes, faults, ('maps', 'observers'))
        if part.names:
            contents.parts[name] = part
        elif name in ('images', 'maps') and not part.is_closed:
            _add_missing(faults, name, folder)
        is_closed |= part.is_closed
    if place.fixations and not is_closed and contents.fixation_part not in contents.parts:
        _add_missing(faults, 'fixation', place.fixations)
        result.lacks_fixations = not place.fixations.is_dir()
    known = {'images', 'maps', 'fixation', contents.video_path and contents.video_path.name}
    names = sorted(os.listdir(place.folder)) if place.folder.is_dir() else []
    for name in names:
        if not (name in known or is_junk(name)):
            found = 'something else in a video folder'
            expected = 'images (or video.<suffix>), maps and fixation'
            faults.add('stray-file', place.folder / name, found, expected)
    counts = {name: len(part.names) for name, part in contents.parts.items()}
    result.frames, result.densities = counts.get('images', 0), counts.get('maps', 0)
    result.fixations = counts.get(contents.fixation_part, 0)


def _add_missing(faults: Faults, part: str, folder: Path) -> None:
    noun = NOUNS[part]
    remedy = {
        'images': f'extract the frames into {folder}, or put the video there as '
        f'{folder.parent / "video.mp4"} (its own suffix): salkit prepare does',
        'maps': 'unpack the density maps of this video again, or make them from the fixations',
        'fixation': 'unpack the fixation maps of this video again, or remove the video',
    }[part]
    found = f'no {noun}s in the folder' if folder.is_dir() else 'no such folder'
    faults.add('missing-folder', folder, found, f'a folder of {noun}s', remedy)


def _check_video_file(
    path: Path, contents: Contents, sample: int | None
) -> tuple[int, tuple[int, int] | None]:
    """Check the file that holds the frames, and compare its length with the maps.

    Args:
        path: need not exist.
        contents: its parts are compared with; gets the frames and the faults.
        sample: frames to look at; None decodes the whole file once.

    Returns:
        Number of its frames and their size (rows, columns); 0 and None where it cannot be read.
    """
    faults, again = contents.faults, 'download the video again'
    if not path.exists():
        faults.add('missing-file', path, 'no such file', 'the video', again)
        return 0, None
    if path.stat().st_size == 0:
        faults.add('empty-file', path, '0 bytes', 'a video', again)
        return 0, None
    try:
        # Only a full decode shows what is damaged.
        with VideoReader(path, index='auto' if sample else 'decode') as video:
            count, info = len(video), video.info
            if info.truncated or info.errors:
                found = f'only {count} frames can be decoded: it is damaged or cut off'
                faults.add('broken-video', path, found)
            for name, part in contents.parts.items():
                if len(part.names) != count:
                    found = f'{count} frames, {len(part.names)} {NOUNS[name]}s'
                    made_for = f'the {len(part.names)} frames that the maps were made for'
                    remedy = f'{again}, or extract {made_for}'
                    faults.add('count-mismatch', path, found, remedy=remedy)
            for number in (*range(min(count, sample or WATCHED)), count // 2, count - 1):
                if number not in contents.digests:
                    contents.add_picture(number, video[number])
    except DataError as error:
        faults.add('broken-video', path, str(error).removeprefix(f'{path}: '))
        return 0, None
    return count, (info.height, info.width)


def _read_frame(contents: Contents, number: int, whole: bool) -> None:
    """Read the files of one frame; of those that are not to be read whole, the headers."""
    faults, read = contents.faults, {}
    for part in contents.frames[number]:
        path = contents.path(part, number)
        if whole:
            if picture := read_picture(path, part, faults):
                read[part], contents.sizes[part][path] = picture, picture.size
        elif part != 'mats' and (size := read_size(path, part, faults)):
            contents.sizes[part][path] = size
    if 'images' in read:
        contents.add_picture(number, read['images'].pixels)
    fixation_part = contents.fixation_part
    density, fixations = read.get('maps'), read.get(fixation_part)
    is_fine = density is not None and fixations is not None and density.size == fixations.size
    if density:
        facts = contents.densities[number] = map_facts(density.grey)
        is_fine &= check_density(contents.path('maps', number), density, facts, faults)
    if fixations:
        facts = contents.fixations[number] = map_facts(fixations.grey)
        is_fine &= check_fixations(contents.path(fixation_part, number), fixations, facts, faults)
    if density and fixations and is_fine:
        _compare_maps(contents, number, density, fixations)


def _compare_maps(contents: Contents, number: int, density: Picture, fixations: Picture) -> None:
    is_points = contents.densities[number].is_points and density.grey.size > FEW_PIXELS
    if is_points and np.array_equal(density.grey > 0, fixations.grey > 0):
        add_unblurred(contents, number, WARNING)
    paths = contents.path('maps', number), contents.path(contents.fixation_part, number)
    pair = frame_pair(number, paths, density.grey, fixations.grey > 0)
    if pair is not None:
        contents.pairs.append(pair)
