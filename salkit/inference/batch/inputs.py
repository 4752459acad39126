"""From what a user names to the stimuli to predict on."""

from __future__ import annotations

import glob
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...datasets.file_list import list_files
from ...datasets.layout import find_video_file, subfolders
from ...errors import DataError, SalkitError, one_line
from ...media.images import IMAGE_SUFFIXES
from ...media.video import VIDEO_SUFFIXES
from ...utils.files import natural_key
from ...utils.leftovers import shortened
from ...utils.text import listed
from ..stimulus import open_stimulus
from .record import EarlierInput, earlier_inputs
from .report import FAILED, Outcome

# Folders of a data set's video that hold no stimuli.
_TRUTH_FOLDERS = ('maps', 'fixation', 'fixations')
_SUFFIXES = (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES)
_KINDS = f'video ({listed(VIDEO_SUFFIXES, 3)}) or picture ({", ".join(IMAGE_SUFFIXES)})'


# Of a name, so that what is added (`_overlay.mp4`) does not pass the 255 that disks allow.
_MOST_BYTES = 240


@dataclass(frozen=True)
class Input:
    """One stimulus to predict on.

    Attributes:
        path: a video, a picture, a folder of pictures, or a data set's folder of one video.
        name: what its outputs are called, unlike that of any other input.
    """

    path: Path
    name: str

    @property
    def is_renamed(self) -> bool:
        """Whether it is called otherwise than its file or folder."""
        return self.name not in (self.path.stem, self.path.absolute().name)


def without_unreadable(
    inputs: list[Input], fps: float | None = None, allow_truncated: bool = False
) -> tuple[list[Input], list[Outcome]]:
    """Inputs, less the only one where that cannot be opened, and its failure.

    It should not wait for a model. Of several, others are to be predicted anyway.
    """
    if len(inputs) == 1:
        try:
            open_stimulus(inputs[0].path, fps, allow_truncated)
        except SalkitError as error:
            source = inputs[0]
            return [], [Outcome(str(source.path), FAILED, source.name, note=one_line(error))]
    return inputs, []


def expand_inputs(
    texts: Iterable[str], without: Path | None = None
) -> tuple[list[Input], list[Outcome]]:
    """The stimuli that arguments of a command line stand for.

    An argument is a file; a folder of pictures; a data set's folder of one video, with `images` or
    a file `video.*`; a folder that holds videos or such folders, at any depth; or a pattern such
    as `clips/**/*.mp4` that the shell has not expanded. A picture named by itself is a stimulus of
    one frame.

    `without` is the folder that is written to. Nothing in it is found by looking into folders, and
    none of its outputs where it is named itself. Inputs that have a record there keep their names.

    Returns:
        The inputs in this order, each once; and the arguments that stand for none.
    """
    earlier = [] if without is None else earlier_inputs(without)
    left_out = {path.resolve() for each in earlier for path in each.outputs}
    if without is not None:
        left_out.add(without.resolve())
    failures: list[Outcome] = []
    found: dict[str, Path] = {}
    for text in texts:
        try:
            found.update(_stimuli(text, left_out))
        except (DataError, OSError) as error:
            failures.append(Outcome(text, FAILED, note=one_line(error)))
    paths = list(found.values())
    names = _names(paths, earlier)
    return [Input(path, name) for path, name in zip(paths, names, strict=True)], failures


def _stimuli(text: str, left_out: set[Path]) -> dict[str, Path]:
    """What an argument stands for, by absolute path."""
    path = Path(text).expanduser()
    if path.is_dir() or (path.is_file() and path.suffix.lower() in _SUFFIXES):
        matches = [path]
    elif os.path.lexists(path):
        raise DataError(f'{path}: expected a {_KINDS}, or a folder of them')
    elif glob.has_magic(text):
        every = map(Path, glob.glob(str(path), recursive=True))
        matches = [match for match in every if match.resolve() not in left_out]
    else:
        raise DataError(f'{text}: the file does not exist')
    found: dict[str, Path] = {}
    seen: set[Path] = set()
    # Folders before what is in them: the frames of a folder are no stimuli of their own.
    for match in sorted(matches, key=lambda match: (len(match.parts), natural_key(str(match)))):
        if any(str(parent) in found for parent in Path(os.path.abspath(match)).parents):
            continue
        if match.is_dir():
            found.update((os.path.abspath(p), p) for p in _in_folder(match, left_out, seen))
        elif match.suffix.lower() in _SUFFIXES:
            found[os.path.abspath(match)] = match
    if not found:
        raise DataError(f'{text}: holds no {_KINDS}, and no folder with any')
    return found


def _in_folder(folder: Path, left_out: set[Path], seen: set[Path]) -> Iterator[Path]:
    """The folder itself, if it is one video, or what is in it."""
    real = folder.resolve()
    # Links may lead in circles.
    if real in seen:
        return
    seen.add(real)
    videos, pictures = (
        list_files(folder, suffixes, frames=False) for suffixes in (VIDEO_SUFFIXES, IMAGE_SUFFIXES)
    )
    is_frames = (folder / 'images').is_dir() or (pictures and not videos)
    if pictures and not is_frames:
        raise DataError(
            f'{folder}: holds both videos and pictures; name those you mean, such as '
            f'{folder / "*"}{Path(videos[0]).suffix}'
        )
    if is_frames or (len(videos) == 1 and find_video_file(folder)):
        yield folder
        return
    yield from (video for video in map(Path, videos) if real / video.name not in left_out)
    for inside in subfolders(folder):
        if inside.name not in _TRUTH_FOLDERS and inside.resolve() not in left_out:
            yield from _in_folder(inside, left_out, seen)


def _names(paths: Sequence[Path], earlier: Sequence[EarlierInput] = ()) -> list[str]:
    """Names that differ, in the order of the paths but whatever that order is.

    The name is the stem. Where several have the same, those with a record among them, each gets
    the folders below the one that they share, and its suffix where that is not enough; where that
    is taken, a number. What has a record keeps its name, so that nothing is made twice.
    """
    absolute = {Path(os.path.abspath(path)) for path in paths}
    groups: dict[str, list[tuple[Path, Path]]] = defaultdict(list)
    for path in sorted(absolute | {each.source for each in earlier}):
        stem = path if path.is_dir() else path.with_suffix('')
        # Some file systems take names for equal that differ in case.
        groups[stem.name.lower()].append((path, stem))
    names: dict[Path, str] = {}
    for each in earlier:
        source: Path | None = each.source
        if each.source not in absolute:
            stems = {each.source.stem.lower(), each.source.name.lower()}
            alike = (path for stem in stems for path, _ in groups.get(stem, ()))
            source = each.moved_to(path for path in alike if path in absolute)
        if source is not None:
            names.setdefault(source, each.name)
    taken = {each.name.lower() for each in earlier}
    for group in groups.values():
        unnamed = [each for each in group if each[0] in absolute and each[0] not in names]
        if not unnamed:
            continue
        shared = os.path.commonpath([path.parent for path, _ in group])
        same = Counter(stem for _, stem in group)
        for path, stem in unnamed:
            suffix = path.suffix.lower().replace('.', '_') if same[stem] > 1 else ''
            # What begins with a dot is hidden.
            wanted = '_'.join(stem.relative_to(shared).parts).lstrip('.') + suffix or 'input'
            wanted = shortened(wanted, _MOST_BYTES)
            name, number = wanted, 1
            while name.lower() in taken:
                number += 1
                name = f'{wanted}_{number}'
            taken.add(name.lower())
            names[path] = name
    return [names[Path(os.path.abspath(path))] for path in paths]
