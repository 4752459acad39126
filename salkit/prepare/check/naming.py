"""Which files a video has, and which belong together, by their names alone."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ...media.images import IMAGE_SUFFIXES
from ...utils.files import natural_key
from .fault import ERROR, WARNING, Fault, Faults
from .places import is_junk

# A file's last number, with what stands before and behind.
_LAST_NUMBER = re.compile(r'(.*?)(\d+)(\D*)')


@dataclass
class Part:
    """The files of one folder.

    Attributes:
        noun: what one of them is called.
        folder: of the files.
        names: in natural order.
        exists: whether the folder is there.
        numbers: by name: the number of the frame, where names tell; else empty.
        offset: what its numbers are off by, against those of the video's first part.
    """

    noun: str
    folder: Path
    names: list[str] = field(default_factory=list)
    exists: bool = False
    numbers: dict[str, int] = field(default_factory=dict)
    offset: int = 0

    def name_for(self, number: int) -> str:
        """What the file of `number` would be called, after its neighbour."""
        nearest = min(self.numbers, key=lambda name: abs(self.numbers[name] - number))
        stem, suffix = os.path.splitext(nearest)
        before, digits, behind = _LAST_NUMBER.fullmatch(stem).groups()
        padded = any(name_digits(name)[0] == '0' for name in self.names)
        width = len(digits) if padded else 1
        return f'{before}{number:0{width}d}{behind}{suffix}'


def name_digits(name: str) -> str:
    """The digits of a file's last number, '' without one."""
    match = _LAST_NUMBER.fullmatch(os.path.splitext(name)[0])
    return match.group(2) if match else ''


def list_part(
    noun: str, folder: Path, suffixes: Sequence[str], inside: Sequence[str] = ()
) -> tuple[Part, Faults]:
    """List a folder.

    Args:
        noun: what one of its files is called.
        folder: need not exist.
        suffixes: of its files, in lower case.
        inside: names of folders that belong into it.
    """
    part, faults = Part(noun, folder), Faults()
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return part, faults
    except OSError as error:
        part.exists = True
        faults.append(no_permission(folder, error))
        return part, faults
    part.exists = True
    for name, is_folder in found:
        if is_junk(name):
            continue
        if not is_folder and name.lower().endswith(tuple(suffixes)):
            part.names.append(name)
        elif not (is_folder and name in inside):
            faults.tell(
                'stray-file',
                folder / name,
                'a folder' if is_folder else 'a stray file',
                f'{noun}s only ({", ".join(suffixes)})',
                'move it away: it is not read',
                WARNING,
            )
    part.names.sort(key=natural_key)
    part.numbers = _numbers(part.names)
    return part, faults


def no_permission(path: Path | str, error: OSError) -> Fault:
    """The fault of a file or folder that the system does not open."""
    return Fault(
        'permission',
        str(path),
        f'cannot be opened ({error.strerror or error})',
        'one that you may read',
        f'chmod u+rX {path}, or ask its owner',
    )


def _numbers(names: list[str]) -> dict[str, int]:
    numbers = {name: int(digits) for name in names if (digits := name_digits(name))}
    # A number that most files share is not that of the frame.
    useful = len(numbers) == len(names) and 2 * len(set(numbers.values())) > len(names)
    return numbers if useful else {}


def naming_faults(part: Part) -> Iterator[Fault]:
    """What a folder's names tell by themselves: doubles, other digits, other prefixes."""
    stems: dict[object, str] = {}
    for name in part.names:
        key = part.numbers.get(name, os.path.splitext(name)[0])
        if key in stems:
            yield Fault(
                'duplicate-frame',
                str(part.folder / name),
                f'{stems[key]} is the same {part.noun}',
                'one file a frame',
                f'remove {name} or {stems[key]}, whichever is not of this video',
            )
        stems.setdefault(key, name)
    if not part.numbers:
        return
    digits = {name: name_digits(name) for name in part.names}
    padded = Counter(len(d) for d in digits.values() if d[0] == '0' and len(d) > 1)
    if padded:
        width = padded.most_common(1)[0][0]
        odd = [
            name
            for name, d in digits.items()
            if len(d) < width or (len(d) != width and d[0] == '0')
        ]
        if odd:
            yield Fault(
                'numbering',
                str(part.folder / odd[0]),
                f'{len(odd)} names with other digits than the rest',
                f'{width} digits in each',
                'rename them: other programs sort names as text',
                WARNING,
            )


@dataclass(frozen=True)
class Frame:
    """The files of one frame; None where one is missing."""

    images: str | None = None
    maps: str | None = None
    fixation: str | None = None
    mats: str | None = None


def pair(parts: dict[str, Part], video: Path) -> tuple[list[Frame], Faults]:
    """Pair the files of a video's folders, and tell which are missing.

    Files are paired by the number in their names, where these may be off by a constant, or by
    stem; where neither tells, in order.

    Args:
        parts: 'images', 'maps', 'fixation', 'mats': those that hold files.
        video: the video's folder.
    """
    if not parts:
        return [], Faults()
    if all(part.numbers for part in parts.values()):
        keys, faults = _by_number(parts)
    else:
        faults = Faults()
        keys = {key: _by_stem(part) for key, part in parts.items()}
        shared = set.intersection(*(set(k) for k in keys.values()))
        if not shared and len({len(p.names) for p in parts.values()}) == 1:
            keys = {key: dict(enumerate(part.names)) for key, part in parts.items()}
        elif not shared:
            return [], Faults([_count_fault(parts, video)])
    union = sorted(set().union(*keys.values()))
    gone_at_end = False
    for key, part in parts.items():
        absent = [k for k in union if k not in keys[key]]
        own = sorted(keys[key])
        for k in absent:
            faults.append(_missing(part, parts, keys, k))
            gone_at_end |= not own[0] < k < own[-1]
    if gone_at_end and len({len(part.names) for part in parts.values()}) > 1:
        faults.append(_count_fault(parts, video))
    frames = [Frame(**{key: named.get(k) for key, named in keys.items()}) for k in union]
    return frames, faults


def _by_stem(part: Part) -> dict[str, str]:
    return {os.path.splitext(name)[0]: name for name in part.names}


def _by_number(parts: dict[str, Part]) -> tuple[dict[str, dict[int, str]], Faults]:
    """Names by the number of the first part, and what is wrong with the numbers."""
    keys, faults = {}, Faults()
    first = next(iter(parts.values()))
    reference = set(first.numbers.values())
    for key, part in parts.items():
        own = set(part.numbers.values())
        offsets = dict.fromkeys([0, min(own) - min(reference), max(own) - max(reference)])
        # The first of those that fit best: 0, where it does.
        offset = max(offsets, key=lambda o: len(reference & {n - o for n in own}))
        part.offset = offset
        keys[key] = {}
        for name in part.names:
            keys[key].setdefault(part.numbers[name] - offset, name)
        if offset:
            faults.tell(
                'numbering',
                part.folder,
                f'{part.noun}s from {min(own)} on, {first.noun}s from {min(reference)}',
                'the same numbers on both',
                f'nothing, if {part.names[0]} belongs to {first.names[0]}; else rename',
                WARNING,
            )
    union = sorted(set().union(*keys.values()))
    steps = Counter(b - a for a, b in pairwise(union))
    # What is missing everywhere; a set may be thinned out, in even steps.
    step = steps.most_common(1)[0][0] if steps else 1
    for a, b in pairwise(union):
        if b - a > step:
            faults.tell(
                'numbering',
                first.folder / first.name_for(a + step),
                f'numbers go from {a} to {b}, in all folders',
                f'steps of {step}',
                'bring the frame and its maps back, or renumber if the video was cut there',
                WARNING,
            )
    return keys, faults


def _missing(part: Part, parts: dict[str, Part], keys: dict, key: object) -> Fault:
    other = next(p for p in parts if key in keys[p])
    neighbour = keys[other][key]
    if part.numbers:
        name = part.name_for(key + part.offset)
    else:
        name = f'{key}{os.path.splitext(part.names[0])[1]}'
    return Fault(
        'missing-file',
        str(part.folder / name),
        f'no {part.noun} for {neighbour}',
        f'a {part.noun} for every {parts[other].noun}',
        restore(part.noun, parts[other], neighbour),
        ERROR,
    )


def restore(noun: str, other: Part, neighbour: str) -> str:
    """How to get a missing file back."""
    if noun == 'frame':
        how = 'extract the frames again from the video (salkit prepare does)'
    elif noun == 'density map':
        how = 'unpack it again, or make it anew from the fixations'
    else:
        how = 'unpack it again'
    return f'{how}; or remove {other.folder / neighbour} and what else belongs to this frame'


def _count_fault(parts: dict[str, Part], video: Path) -> Fault:
    counts = ', '.join(f'{len(part.names)} {part.noun}s' for part in parts.values())
    return Fault(
        'count-mismatch',
        str(video),
        counts,
        'as many of each',
        'extract the frames again, every one and no other: salkit prepare takes care; or unpack '
        'the maps again',
    )


def image_part(noun: str, folder: Path, inside: Sequence[str] = ()) -> tuple[Part, Faults]:
    """List a folder of images."""
    return list_part(noun, folder, IMAGE_SUFFIXES, inside)
