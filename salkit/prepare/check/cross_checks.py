"""What the files of a video show when they are compared with each other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from .contents import Contents
from .faults import ERROR, Faults
from .reading import NOUNS

# Fewest frames that show whether a video stands still.
FEWEST = 4


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
