"""Which files a video has, and which belong together, by their names alone."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from ...datasets.published import PublishedVideo
from ...media.images import IMAGE_SUFFIXES
from ...utils.files import natural_key
from .faults import Faults
from .layout import is_junk
from .single_files import NOUNS, RESTORE

_LAST_NUMBER = re.compile(r'\d+(?=\D*$)')


@dataclass
class Part:
    """The files of one folder.

    Attributes:
        noun: what one of them is called.
        restore: how to get one back.
        folder: of the files.
        names: in natural order.
        offset: what its numbers are off by, against those of the video's first part.
    """

    noun: str
    restore: str
    folder: Path
    names: list[str]
    offset: int = 0

    @cached_property
    def stems(self) -> list[str]:
        """Names without their suffixes."""
        return [os.path.splitext(name)[0] for name in self.names]

    @cached_property
    def numbers(self) -> list[int]:
        """The number of the frame in each name; empty where names have none."""
        found = [match for stem in self.stems if (match := _LAST_NUMBER.search(stem))]
        numbers = [int(match[0]) for match in found]
        # A number that most files share is not that of the frame.
        return numbers if len(numbers) == len(self.names) < 2 * len({*numbers}) else []

    def by_key(self, is_numbered: bool) -> Mapping[int | str, str]:
        """Names by number, as the first part counts, or by stem."""
        numbers = [number - self.offset for number in self.numbers]
        keys: Sequence[int | str] = numbers if is_numbered else self.stems
        return dict(zip(reversed(keys), reversed(self.names), strict=True))

    def path_for(self, key: int | str) -> Path:
        """The file of a frame; where it is missing, what it would be called."""
        name = f'{key}{os.path.splitext(self.names[0])[1]}'
        if isinstance(key, int):
            number = key + self.offset
            stem = _LAST_NUMBER.sub(lambda m: f'{number:0{len(m[0])}d}', self.stems[0])
            name = stem + os.path.splitext(self.names[0])[1]
        return self.folder / name


def list_parts(video: PublishedVideo, images: Path | None, faults: Faults) -> dict[str, Part]:
    """List the folders of a video; those that are missing, and stray files, are faults.

    Args:
        video: where they lie.
        images: the folder of the frames; None where they are in a video file.
        faults: gets what is wrong.

    Returns:
        The folders that hold files, by the keys of `NOUNS`.
    """
    folders = dict(images=images, maps=video.densities, fixation=video.fixations, mats=video.mats)
    parts, problems = {}, {}
    for key, folder in folders.items():
        if folder is not None:
            names, problems[key] = _list(folder, key, faults)
            if names:
                parts[key] = Part(NOUNS[key], RESTORE[key], folder, names)
                _find_doubles(parts[key], faults)
    for key, problem in problems.items():
        if key in parts or key == 'mats' or (key == 'fixation' and 'mats' in parts):
            continue
        expected = f'a folder of {NOUNS[key]}s'
        if key == 'images':
            expected += ', or a file video.<suffix>'
        faults.add('missing-folder', folders[key] or '', problem, expected, RESTORE[key])
    return parts


def _list(folder: Path, key: str, faults: Faults) -> tuple[list[str], str]:
    """Names of the files of a part, and what is said where there are none."""
    suffixes = ('.mat',) if key == 'mats' else IMAGE_SUFFIXES
    names = []
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError as error:
        return [], (error.strerror or str(error)).lower()
    for name, is_folder in found:
        if not is_folder and name.lower().endswith(suffixes) and not is_junk(name):
            names.append(name)
        elif not is_junk(name) and not (is_folder and name in ('maps', 'observers')):
            what = 'a folder' if is_folder else 'a stray file'
            expected = f'{NOUNS[key]}s only ({", ".join(suffixes)})'
            faults.add('stray-file', folder / name, what, expected)
    return sorted(names, key=natural_key), f'no {NOUNS[key]}s in the folder'


def _find_doubles(part: Part, faults: Faults) -> None:
    first: dict[int | str, str] = {}
    for key, name in zip(part.numbers or part.stems, part.names, strict=True):
        other = first.setdefault(key, name)
        if other != name:
            remedy = f'remove {name} or {other}, whichever is not of this video'
            found = f'{other} is the same {part.noun}'
            faults.add('duplicate-frame', part.folder / name, found, remedy=remedy)


def pair_names(parts: dict[str, Part], video: Path, faults: Faults) -> list[dict[str, str]]:
    """Pair the files of a video's folders, and find which are missing.

    Files are paired by the number in their names, where these may be off by a constant, or by
    stem; where neither fits, in order.

    Args:
        parts: those that hold files.
        video: the video's folder.
        faults: gets what is wrong.

    Returns:
        Paths of each frame's files, by part.
    """
    if not parts:
        return []
    counts = [f'{len(part.names)} {part.noun}s' for part in parts.values()]
    same_count = len({len(part.names) for part in parts.values()}) == 1
    is_numbered = all(part.numbers for part in parts.values())
    if is_numbered:
        _check_numbers([*parts.values()], faults)
    elif not set.intersection(*({*part.stems} for part in parts.values())):
        if not same_count:
            faults.add('count-mismatch', video, ', '.join(counts))
            return []
        paths = [[str(part.folder / name) for name in part.names] for part in parts.values()]
        return [dict(zip(parts, frame, strict=True)) for frame in zip(*paths, strict=True)]
    names = {key: part.by_key(is_numbered) for key, part in parts.items()}
    every: set[int | str] = set().union(*names.values())
    order = sorted(every, key=None if is_numbered else natural_key)
    end_is_missing = False
    for name, part in parts.items():
        places = [at for at, key in enumerate(order) if key in names[name]]
        for at, key in enumerate(order):
            if key in names[name]:
                continue
            end_is_missing |= not places[0] < at < places[-1]
            other = next(each for each in parts if key in names[each])
            there = names[other][key]
            faults.add(
                'missing-file',
                part.path_for(key),
                f'no {part.noun} for {there}',
                f'a {part.noun} for every {parts[other].noun}',
                f'{part.restore}; or remove {parts[other].folder / there} and what else belongs '
                'to this frame',
            )
    if end_is_missing and not same_count:
        faults.add('count-mismatch', video, ', '.join(counts))
    return [
        {
            part: str(parts[part].folder / named[key])
            for part, named in names.items()
            if key in named
        }
        for key in order
    ]


def _check_numbers(parts: list[Part], faults: Faults) -> None:
    """Find by how much the numbers of the parts differ, and which are missing in all."""
    first = parts[0]
    reference = {*first.numbers}
    union: set[int] = set()
    for part in parts:
        own = {*part.numbers}
        offsets = dict.fromkeys([0, min(own) - min(reference), max(own) - max(reference)])
        # The first of those that fit best: 0, where it does.
        part.offset = max(offsets, key=lambda o: len(reference & {n - o for n in own}))
        union |= {number - part.offset for number in own}
        if part.offset:
            faults.add(
                'numbering',
                part.folder,
                f'{part.noun}s from {min(own)} on, {first.noun}s from {min(reference)}',
                'the same numbers on both',
                f'nothing, if {part.names[0]} belongs to {first.names[0]}; else rename',
            )
    steps = list(pairwise(sorted(union)))
    # A set may be thinned out, in even steps.
    step = Counter(b - a for a, b in steps).most_common(1)[0][0] if steps else 1
    for a, b in steps:
        if b - a > step:
            faults.add(
                'numbering',
                first.path_for(a + step),
                f'numbers go from {a} to {b}, in all folders',
                f'steps of {step}',
                'bring the frame and its maps back, or renumber if the video was cut there',
            )
