"""What the maps of a video show together."""

from __future__ import annotations

from collections import Counter

from .contents import NOUNS, Seen
from .fault import ERROR, WARNING
from .places import VideoPlace


def compare_sizes(seen: Seen, video_size: tuple[int, int] | None) -> None:
    """Compare all sizes with that of the frames, or of the density maps without frames."""
    usual, whose = video_size, 'the video'
    for part in ('images', 'maps', 'fixation', 'mats'):
        sizes = seen.sizes[part]
        if usual is None and sizes:
            # Of equally many, the first.
            usual = Counter(sizes.values()).most_common(1)[0][0]
            whose = f'the {NOUNS[part]}s'
        noun = NOUNS[part]
        remedy = (
            'extract the frames again, all of one size'
            if part == 'images'
            else 'resize frames and maps together (fixations point by point), or unpack the '
            'map again'
        )
        for path, size in sizes.items():
            if size != usual:
                seen.faults.tell(
                    'wrong-size',
                    path,
                    f'{noun} of {size[0]} x {size[1]} pixels',
                    f'{usual[0]} x {usual[1]} (rows x columns), as {whose} of this video',
                    remedy,
                )


def find_empty_maps(seen: Seen) -> None:
    """Maps that are all zero: a fault, or a frame that nobody looked at."""
    blank = [n for n, found in seen.fixations.items() if found.is_empty]
    part = 'fixation' if 'fixation' in seen.parts else 'mats'
    all_blank = bool(blank) and len(blank) == len(seen.fixations) > 1
    if all_blank:
        seen.faults.tell(
            'fixation-empty',
            seen.parts[part].folder,
            f'no fixation in any of {len(blank)} maps',
            'fixations',
            'unpack the fixation maps of this video again, or remove the video',
        )
    both = {n for n in blank if n in seen.densities and seen.densities[n].is_empty}
    for n in blank:
        name = getattr(seen.frames[n], part)
        if name is None or (all_blank and n not in both):
            continue
        if n in both and not all_blank:
            seen.faults.tell(
                'no-gaze',
                seen.path(part, name),
                'neither fixations nor density',
                'somebody looking',
                'nothing, if nobody looked at this frame: scores leave '
                'it out; else unpack its maps again',
                WARNING,
            )
        elif n not in both:
            seen.faults.tell(
                'fixation-empty',
                seen.path(part, name),
                'no fixation',
                'fixations, or nothing in the density map either',
                'unpack the fixation map again, or remove this frame and its maps',
            )
    for n, found in seen.densities.items():
        if found.is_empty and (n not in both or all_blank):
            seen.faults.tell(
                'density-empty',
                seen.path('maps', seen.frames[n].maps),
                'zero in every pixel',
                'a density map',
                'unpack the density map again, or make it anew from the fixations',
            )


def find_swapped(seen: Seen, place: VideoPlace) -> bool:
    """Say it once, and return True, where the two folders of maps are swapped."""
    both = [n for n in seen.densities if n in seen.fixations]
    swapped = [n for n in both if seen.densities[n].is_points and seen.fixations[n].is_blurred]
    if not both or len(swapped) <= max(1, len(both) / 2):
        for n in swapped:
            points_for_density(seen, n, ERROR)
        return False
    maps, fixation = place.maps, place.fixation
    told = {seen.path('fixation', name) for n in swapped if (name := seen.frames[n].fixation)}
    seen.faults[:] = [f for f in seen.faults if f.path not in told or f.kind != 'fixation-grey']
    seen.faults.tell(
        'swapped-folders',
        maps,
        f'fixation maps in maps and density maps in fixation, in {len(swapped)} frames',
        'density maps in maps',
        f'swap the names of {maps} and {fixation}',
    )
    return True


def points_for_density(seen: Seen, number: int, severity: str) -> None:
    """Tell that the density map of frame `number` is a fixation map."""
    seen.faults.tell(
        'density-points',
        seen.path('maps', seen.frames[number].maps),
        f'{seen.densities[number].pixels} pixels of one value, the rest 0',
        'a blurred density map',
        'put the density map there, or make it from the fixations: this is a fixation map',
        severity,
    )
