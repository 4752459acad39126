"""Which files a video has, and which belong together, by their names alone."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

from ...datasets.matching import match_frames
from ...datasets.published import PublishedVideo
from ...errors import DataError
from ...media.images import IMAGE_SUFFIXES
from ...media.map_stacks import FolderStack
from .faults import Faults
from .layout import names_in
from .single_files import NOUNS, RESTORE


def list_parts(
    video: PublishedVideo, images: Path | None, faults: Faults
) -> dict[str, FolderStack]:
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
    for part, folder in folders.items():
        if folder is None:
            continue
        suffixes = ('.mat',) if part == 'mats' else IMAGE_SUFFIXES
        try:
            stack = FolderStack(folder, suffixes)
            for name in names_in(folder) - {*stack.files, 'maps', 'observers'}:
                expected = f'{NOUNS[part]}s only ({", ".join(suffixes)})'
                faults.add('stray-file', folder / name, 'something else', expected)
            if stack.names:
                parts[part] = stack
            problems[part] = f'no {NOUNS[part]}s in the folder'
        except OSError as error:
            problems[part] = (error.strerror or str(error)).lower()
        except DataError as error:
            remedy = 'remove one of the two, whichever is not of this video'
            found = str(error).removeprefix(f'{folder}: ')
            faults.add('duplicate-frame', folder, found, remedy=remedy)
    for part, problem in problems.items():
        if part in parts or part == 'mats' or (part == 'fixation' and 'mats' in parts):
            continue
        expected = f'a folder of {NOUNS[part]}s'
        if part == 'images':
            expected += ', or a file video.<suffix>'
        faults.add('missing-folder', folders[part] or '', problem, expected, RESTORE[part])
    return parts


def pair_names(parts: dict[str, FolderStack], faults: Faults) -> list[dict[str, str]]:
    """Pair the files of a video's folders as scores do, and find which are missing.

    Args:
        parts: those that hold files.
        faults: gets what is wrong.

    Returns:
        Paths of the files of each frame of the first part, by part.
    """
    if not parts:
        return []
    first, reference = next(iter(parts.items()))
    frames = [{first: reference.where(index)} for index in range(len(reference))]
    lacking: dict[str, tuple[str, str]] = {}
    before = len(faults)
    for part, stack in parts.items():
        if part == first:
            continue
        try:
            match = match_frames(stack, reference)
        except DataError as error:
            faults.add('count-mismatch', stack.path, str(error).removeprefix(f'{stack.path}: '))
            continue
        for at, index in match.pairs:
            frames[index][part] = stack.where(at)
        for index in match.missing:
            _add_missing(stack, part, reference.files[index], first, faults)
        lacking |= {stack.names[at]: (stack.files[at], part) for at in match.extra}
        if match.note:
            found = f'{stack.files[0]} is paired with {reference.files[0]}'
            remedy = 'nothing, if the two belong together; else rename'
            faults.add('numbering', stack.path, found, 'the same numbers on both', remedy)
    for name, part in lacking.values():
        _add_missing(reference, first, name, part, faults)
    if len(faults) == before:
        _find_gaps(reference, faults)
    return frames


def _add_missing(stack: FolderStack, part: str, name: str, other: str, faults: Faults) -> None:
    """Add the fault that no file of a part belongs to the file `name` of another."""
    path = (stack.path / name).with_suffix(Path(stack.files[0]).suffix)
    expected = f'a {NOUNS[part]} for every {NOUNS[other]}'
    remedy = f'{RESTORE[part]}; or remove what else belongs to this frame'
    faults.add('missing-file', path, f'no {NOUNS[part]} for {name}', expected, remedy)


def _find_gaps(stack: FolderStack, faults: Faults) -> None:
    """Find numbers that are missing in all folders; a set may be thinned out, in even steps."""
    found = [re.findall(r'\d+', name) for name in stack.names]
    numbers = [int(parts[-1]) for parts in found if parts]
    steps = [b - a for a, b in pairwise(numbers)]
    if len(numbers) < len(stack) or not steps or min(steps) < 1:
        return
    usual = Counter(steps).most_common(1)[0][0]
    for index, step in enumerate(steps):
        if step > usual:
            text = f'comes after {stack.files[index]}, in all folders'
            remedy = 'bring the frame and its maps back, or renumber if the video was cut there'
            faults.add('numbering', stack.where(index + 1), text, f'steps of {usual}', remedy)
