"""Which files a video has, and which belong together, by their names alone."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ...utils.files import natural_key
from .faults import Faults
from .layout import is_junk

_LAST_NUMBER = re.compile(r'\d+(?=\D*$)')
# How to get a missing file back.
_RESTORE = {
    'frame': 'extract the frames again from the video (salkit prepare does)',
    'density map': 'unpack it again, or make it anew from the fixations',
}


@dataclass
class Part:
    """The files of one folder.

    Attributes:
        noun: what one of them is called.
        folder: of the files.
        names: in natural order.
        is_closed: whether the system does not open the folder.
        numbers: by name: the number of the frame, where names have one; else empty.
        offset: what its numbers are off by, against those of the video's first part.
    """

    noun: str
    folder: Path
    names: list[str] = field(default_factory=list)
    is_closed: bool = False
    numbers: dict[str, int] = field(default_factory=dict)
    offset: int = 0

    def name_for(self, key: Hashable) -> str:
        """What the file of a frame, counted as the first part is, would be called."""
        stem, suffix = os.path.splitext(self.names[0])
        if not isinstance(key, int) or not self.numbers:
            return f'{key}{suffix}'
        width = len(_digits(stem)) if _digits(stem).startswith('0') else 1
        return _LAST_NUMBER.sub(f'{key + self.offset:0{width}d}', stem) + suffix


def _digits(stem: str) -> str:
    """The last number in a name, '' without one."""
    match = _LAST_NUMBER.search(stem)
    return match[0] if match else ''


def list_part(
    noun: str, folder: Path, suffixes: Sequence[str], faults: Faults, inside: Sequence[str] = ()
) -> Part:
    """List a folder, and find what is wrong with its names by themselves.

    Args:
        noun: what one of its files is called.
        folder: need not exist.
        suffixes: of its files, in lower case.
        faults: gets what is wrong.
        inside: names of folders that belong into it.
    """
    part = Part(noun, folder)
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return part
    except OSError as error:
        part.is_closed = True
        add_permission(faults, folder, error)
        return part
    for name, is_folder in found:
        if is_junk(name):
            continue
        if not is_folder and name.lower().endswith(tuple(suffixes)):
            part.names.append(name)
        elif not (is_folder and name in inside):
            what = 'a folder' if is_folder else 'a stray file'
            faults.add('stray-file', folder / name, what, f'{noun}s only ({", ".join(suffixes)})')
    part.names.sort(key=natural_key)
    stems = {name: os.path.splitext(name)[0] for name in part.names}
    numbers = {name: int(digits) for name in part.names if (digits := _digits(stems[name]))}
    # A number that most files share is not that of the frame.
    if len(numbers) == len(part.names) < 2 * len(set(numbers.values())):
        part.numbers = numbers
    _check_names(part, faults)
    return part


def add_permission(faults: Faults, path: Path | str, error: OSError) -> None:
    """Add the fault of a file or folder that the system does not open."""
    found = f'cannot be opened ({error.strerror or error})'
    faults.add('permission', path, found, remedy=f'chmod u+rX {path}, or ask its owner')


def _check_names(part: Part, faults: Faults) -> None:
    """Find doubles, and names with other digits than the rest."""
    first: dict[Hashable, str] = {}
    for name in part.names:
        other = first.setdefault(part.numbers.get(name, os.path.splitext(name)[0]), name)
        if other != name:
            faults.add(
                'duplicate-frame',
                part.folder / name,
                f'{other} is the same {part.noun}',
                remedy=f'remove {name} or {other}, whichever is not of this video',
            )
    digits = {name: _digits(os.path.splitext(name)[0]) for name in part.numbers}
    padded = Counter(len(d) for d in digits.values() if d[0] == '0' and len(d) > 1)
    if not padded:
        return
    width = padded.most_common(1)[0][0]
    odd = [n for n, d in digits.items() if len(d) < width or (len(d) != width and d[0] == '0')]
    if odd:
        faults.add(
            'numbering',
            part.folder / odd[0],
            f'{len(odd)} names with other digits than the rest',
            f'{width} digits in each',
            'rename them: other programs sort names as text',
        )


def pair_names(parts: dict[str, Part], video: Path, faults: Faults) -> list[dict[str, str]]:
    """Pair the files of a video's folders, and find which are missing.

    Files are paired by the number in their names, where these may be off by a constant, or by
    stem; where neither fits, in order.

    Args:
        parts: 'images', 'maps', 'fixation', 'mats': those that hold files.
        video: the video's folder.
        faults: gets what is wrong.

    Returns:
        Names of each frame's files, by part.
    """
    if not parts:
        return []
    keys: dict[str, dict[Hashable, str]]
    if all(part.numbers for part in parts.values()):
        keys = _by_number(parts, faults)
    else:
        keys = {k: {os.path.splitext(n)[0]: n for n in part.names} for k, part in parts.items()}
        if not set.intersection(*(set(named) for named in keys.values())):
            if len({len(part.names) for part in parts.values()}) > 1:
                _add_counts(parts, video, faults)
                return []
            keys = {k: dict(enumerate(part.names)) for k, part in parts.items()}
    every: set[Hashable] = set().union(*keys.values())
    order = sorted(every, key=_order)
    end_is_missing = False
    for name, part in parts.items():
        own = [at for at, key in enumerate(order) if key in keys[name]]
        for at, key in enumerate(order):
            if key in keys[name]:
                continue
            end_is_missing |= not own[0] < at < own[-1]
            other = next(each for each in parts if key in keys[each])
            neighbour = keys[other][key]
            faults.add(
                'missing-file',
                part.folder / part.name_for(key),
                f'no {part.noun} for {neighbour}',
                f'a {part.noun} for every {parts[other].noun}',
                f'{_RESTORE.get(part.noun, "unpack it again")}; or remove '
                f'{parts[other].folder / neighbour} and what else belongs to this frame',
            )
    if end_is_missing and len({len(part.names) for part in parts.values()}) > 1:
        _add_counts(parts, video, faults)
    return [{name: named[key] for name, named in keys.items() if key in named} for key in order]


def _order(key: Hashable) -> tuple[int, list[tuple[bool, int, str]]]:
    """Sorts numbers, or stems in natural order."""
    return (key, []) if isinstance(key, int) else (0, natural_key(str(key)))


def _by_number(parts: dict[str, Part], faults: Faults) -> dict[str, dict[Hashable, str]]:
    """Names by the number of the first part; what is wrong with the numbers are faults."""
    keys: dict[str, dict[Hashable, str]] = {}
    first = next(iter(parts.values()))
    reference = set(first.numbers.values())
    union: set[int] = set()
    for name, part in parts.items():
        own = set(part.numbers.values())
        offsets = dict.fromkeys([0, min(own) - min(reference), max(own) - max(reference)])
        # The first of those that fit best: 0, where it does.
        part.offset = max(offsets, key=lambda o: len(reference & {n - o for n in own}))
        keys[name] = {}
        for file, number in part.numbers.items():
            keys[name].setdefault(number - part.offset, file)
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
    # What is missing everywhere; a set may be thinned out, in even steps.
    step = Counter(b - a for a, b in steps).most_common(1)[0][0] if steps else 1
    for a, b in steps:
        if b - a > step:
            faults.add(
                'numbering',
                first.folder / first.name_for(a + step),
                f'numbers go from {a} to {b}, in all folders',
                f'steps of {step}',
                'bring the frame and its maps back, or renumber if the video was cut there',
            )
    return keys


def _add_counts(parts: dict[str, Part], video: Path, faults: Faults) -> None:
    counts = ', '.join(f'{len(part.names)} {part.noun}s' for part in parts.values())
    faults.add('count-mismatch', video, counts)
