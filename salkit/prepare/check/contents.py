"""What has been found in a video's files, and what they show when they are compared."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...datasets.published import PublishedVideo
from ...media.video import VIDEO_SUFFIXES
from .faults import ERROR, Faults
from .naming import Part
from .pairing import FramePair
from .single_files import NOUNS, MapFacts

# Fewest frames that show whether a video stands still.
FEWEST = 4


@dataclass
class Contents:
    """What has been found in a video's files.

    Attributes:
        place: where they lie.
        parts: its folders that hold files, by the keys of `NOUNS`.
        frames: names of each frame's files, by part.
        sizes: (rows, columns) by path, of each part.
        densities: what density maps are like, by number of the frame.
        fixations: what fixation maps are like.
        pairs: maps that can be compared.
        digests: of the pixels of frames, by number.
        flat: numbers of the frames of a single colour.
        faults: found so far.
    """

    place: PublishedVideo
    parts: dict[str, Part] = field(default_factory=dict)
    frames: list[dict[str, str]] = field(default_factory=list)
    sizes: dict[str, dict[str, tuple[int, int]]] = field(
        default_factory=lambda: {part: {} for part in NOUNS}
    )
    densities: dict[int, MapFacts] = field(default_factory=dict)
    fixations: dict[int, MapFacts] = field(default_factory=dict)
    pairs: list[FramePair] = field(default_factory=list)
    digests: dict[int, bytes] = field(default_factory=dict)
    flat: list[int] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    @property
    def fixation_part(self) -> str:
        """The part that fixations are read from: images come first."""
        return 'fixation' if 'fixation' in self.parts else 'mats'

    @property
    def video_path(self) -> Path | None:
        """The file that holds the frames; None where they are images."""
        stimulus = self.place.stimulus
        is_file = stimulus is not None and stimulus.suffix.lower() in VIDEO_SUFFIXES
        return stimulus if is_file else None

    def path(self, part: str, number: int) -> str:
        """Path of a frame's file."""
        return str(self.parts[part].folder / self.frames[number][part])

    def add_picture(self, number: int, pixels: np.ndarray) -> None:
        """Take note of frame `number`, (H, W) or (H, W, channels)."""
        pixels = np.ascontiguousarray(pixels)
        digest = hashlib.blake2b(pixels.data, digest_size=8)
        digest.update(repr(pixels.shape).encode())
        self.digests[number] = digest.digest()
        # A few rows are enough for most pictures.
        if all((some == pixels[:1, :1]).all() for some in (pixels[::32], pixels)):
            self.flat.append(number)

    def fingerprint(self, count: int) -> str | None:
        """The same for the same video of `count` frames; None where nothing can be seen."""
        # Of the first, the middle and the last frame: films begin alike.
        numbers = dict.fromkeys([0, count // 2, count - 1])
        found = [self.digests[number] for number in numbers if number in self.digests]
        if len(found) < len(numbers) or set(numbers) <= set(self.flat):
            return None
        return f'{count}-' + b''.join(found).hex()


def compare_sizes(contents: Contents, video_size: tuple[int, int] | None) -> None:
    """Compare all sizes with that of the frames, or of the density maps without frames."""
    usual, whose = video_size, 'the video'
    for part, noun in NOUNS.items():
        sizes = contents.sizes[part]
        if usual is None and sizes:
            # Of equally many, the first.
            usual, whose = Counter(sizes.values()).most_common(1)[0][0], f'the {noun}s'
        remedy = (
            'extract the frames again, all of one size'
            if part == 'images'
            else 'resize frames and maps together (fixations point by point), or unpack the '
            'map again'
        )
        for path, size in sizes.items():
            if usual is not None and size != usual:
                contents.faults.add(
                    'wrong-size',
                    path,
                    f'{noun} of {size[0]} x {size[1]} pixels',
                    f'{usual[0]} x {usual[1]} (rows x columns), as {whose} of this video',
                    remedy,
                )


def find_empty_maps(contents: Contents) -> None:
    """Find maps that are all zero: a fault, or a frame that nobody looked at."""
    part, faults = contents.fixation_part, contents.faults
    blank = {n for n, facts in contents.fixations.items() if facts.is_empty}
    empty = {n for n, facts in contents.densities.items() if facts.is_empty}
    if len(blank) == len(contents.fixations) > 1:
        faults.add(
            'fixation-empty',
            contents.parts[part].folder,
            f'no fixation in any of {len(blank)} maps',
            'fixations',
            'unpack the fixation maps of this video again, or remove the video',
        )
        blank = set()
    for number in sorted(blank - empty):
        faults.add('fixation-empty', contents.path(part, number), 'no fixation')
    for number in sorted(blank & empty):
        found = 'neither fixations nor density'
        faults.add('no-gaze', contents.path(part, number), found)
    for number in sorted(empty - blank):
        faults.add('density-empty', contents.path('maps', number), 'zero in every pixel')


def find_swapped(contents: Contents) -> bool:
    """Add one fault, and return True, where the two folders of maps are swapped."""
    both = contents.densities.keys() & contents.fixations.keys()
    swapped = [
        number
        for number in sorted(both)
        if contents.densities[number].is_points and contents.fixations[number].is_blurred
    ]
    if len(swapped) <= max(1, len(both) / 2):
        for number in swapped:
            add_unblurred(contents, number, ERROR)
        return False
    maps, fixation = contents.place.densities, contents.place.fixations
    known = {contents.path(contents.fixation_part, number) for number in swapped}
    contents.faults[:] = Faults(
        fault
        for fault in contents.faults
        if fault.path not in known or fault.kind != 'fixation-grey'
    )
    contents.faults.add(
        'swapped-folders',
        str(maps),
        f'fixation maps in maps and density maps in fixation, in {len(swapped)} frames',
        remedy=f'swap the names of {maps} and {fixation}',
    )
    return True


def add_unblurred(contents: Contents, number: int, severity: str) -> None:
    """Add the fault that the density map of frame `number` is a fixation map."""
    found = f'{contents.densities[number].pixels} pixels of one value, the rest 0'
    contents.faults.add('density-points', contents.path('maps', number), found, severity=severity)


def find_stills(contents: Contents, path: Path) -> None:
    """Find frames without a picture, and a video that stands still; `path` holds the frames."""
    digests, count = contents.digests, len(contents.digests)
    pairs = [n for n in digests if n + 1 in digests]
    same = sum(digests[n] == digests[n + 1] for n in pairs)
    if count and len(contents.flat) == count:
        contents.faults.add('flat-frames', path, f'a single colour in each of {count} frames')
    elif count >= FEWEST and same > len(pairs) / 2:
        found = f'{same} of {len(pairs)} frames are followed by the same'
        contents.faults.add('frozen-frames', path, found)
