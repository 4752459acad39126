"""From what a user names to the stimuli to predict on."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...datasets.file_list import list_files
from ...datasets.layout import VIDEO_STEM, find_video_file, subfolders
from ...errors import DataError, one_line
from ...media.images import IMAGE_SUFFIXES
from ...media.video import VIDEO_SUFFIXES
from ...utils.files import natural_key
from ...utils.text import listed
from .record import recorded_outputs
from .report import FAILED, Outcome

# Folders of a data set's video that hold no stimuli.
_TRUTH_FOLDERS = ('maps', 'fixation', 'fixations')
_KINDS = f'video ({listed(VIDEO_SUFFIXES, 3)}) or picture ({", ".join(IMAGE_SUFFIXES)})'


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
    def is_picture(self) -> bool:
        """Whether it is a single picture."""
        return self.path.suffix.lower() in IMAGE_SUFFIXES and not self.path.is_dir()

    @property
    def truth_folder(self) -> Path | None:
        """Where its ground truth lies, if it is a data set's folder of one video."""
        folders = (self.path / name for name in _TRUTH_FOLDERS)
        return self.path if any(folder.is_dir() for folder in folders) else None


def expand_inputs(
    texts: Iterable[str], without: Path | None = None
) -> tuple[list[Input], list[Outcome]]:
    """The stimuli that arguments of a command line stand for.

    An argument is a file; a folder of pictures; a data set's folder of one video, with `images` or
    a file `video.*`; a folder that holds videos or such folders, at any depth; or a pattern such
    as `clips/**/*.mp4` that the shell has not expanded. A picture named by itself is a stimulus of
    one frame.

    Args:
        texts: the arguments.
        without: the folder that is written to. Nothing in it is found by looking into folders, and
            none of its outputs where it is named itself.

    Returns:
        The inputs in this order, each once; and what failed already.
    """
    search = _Search(without)
    failures: list[Outcome] = []
    # By absolute path, so that nothing is taken twice.
    found: dict[str, Path] = {}
    for text in texts:
        try:
            for path in search.argument(text):
                found.setdefault(os.path.abspath(path), path)
        except (DataError, OSError) as error:
            failures.append(Outcome(text, FAILED, note=one_line(error)))
    paths = list(found.values())
    inputs = [Input(path, name) for path, name in zip(paths, _names(paths), strict=True)]
    return inputs, failures + search.failures


class _Search:
    """Looks for stimuli.

    Args:
        without: see `expand_inputs`.

    Attributes:
        failures: folders that were found and hold too much.
    """

    def __init__(self, without: Path | None) -> None:
        self.failures: list[Outcome] = []
        outputs = () if without is None else (without, *recorded_outputs(without))
        self._left_out = {path.resolve() for path in outputs}
        self._seen: set[Path] = set()

    def argument(self, text: str) -> Sequence[Path]:
        """The stimuli that an argument stands for.

        Raises:
            DataError: none.
        """
        path = Path(text).expanduser()
        if os.path.lexists(path) and not path.is_dir():
            return [self._file(path)]
        self._seen.clear()
        failed = len(self.failures)
        if path.is_dir():
            found, empty = list(self._folder(path)), f'holds no {_KINDS}, and no folder with any'
        elif glob.has_magic(text):
            found, empty = self._pattern(text), f'the pattern matches no {_KINDS}'
        else:
            raise DataError(f'{text}: the file does not exist')
        if not found and len(self.failures) == failed:
            raise DataError(f'{text}: {empty}')
        return found

    def _file(self, path: Path) -> Path:
        if not path.exists():
            raise DataError(f'{path}: links to a file that does not exist')
        if not path.is_file() or path.suffix.lower() not in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES):
            raise DataError(f'{path}: expected a {_KINDS}, or a folder of them')
        return path

    def _pattern(self, text: str) -> list[Path]:
        matches = map(Path, glob.glob(os.path.expanduser(text), recursive=True))
        found: dict[str, Path] = {}
        # Folders before what is in them: the frames of a folder are no stimuli of their own.
        for path in sorted(matches, key=lambda path: (len(path.parts), natural_key(str(path)))):
            above = map(str, Path(os.path.abspath(path)).parents)
            if path.resolve() in self._left_out or any(parent in found for parent in above):
                continue
            if path.is_dir():
                found.update((os.path.abspath(one), one) for one in self._folder(path))
            elif path.suffix.lower() in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES):
                found[os.path.abspath(path)] = path
        return list(found.values())

    def _folder(self, folder: Path) -> Iterator[Path]:
        """What a folder holds: itself, if it is one video, or what is in it."""
        real = folder.resolve()
        # Links may lead in circles.
        if real in self._seen:
            return
        self._seen.add(real)
        videos = list_files(folder, VIDEO_SUFFIXES)
        pictures = list_files(folder, IMAGE_SUFFIXES)
        is_stored = len(videos) == 1 and Path(videos[0]).stem == VIDEO_STEM
        if (folder / 'images').is_dir() or (pictures and not videos):
            yield folder
        elif pictures:
            reason = (
                f'{folder}: holds both videos and pictures; name those you mean, such as '
                f'{folder / "*"}{Path(videos[0]).suffix}'
            )
            self.failures.append(Outcome(str(folder), FAILED, note=reason))
        elif is_stored and find_video_file(folder):
            yield folder
        else:
            for video in map(Path, videos):
                if real / video.name not in self._left_out:
                    yield video
            for inside in subfolders(folder):
                if inside.name not in _TRUTH_FOLDERS and inside.resolve() not in self._left_out:
                    yield from self._folder(inside)


def _names(paths: Sequence[Path]) -> list[str]:
    """Names that differ, in the order of the paths but whatever that order is.

    The name is the stem. Where several have the same, each gets the folders below the one that
    they share, and its suffix where these differ; where that is taken, a number.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(Path(os.path.abspath(path)) for path in paths):
        # Some file systems take names for equal that differ in case.
        groups[_stem(path).lower()].append(path)
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for group in groups.values():
        shared = os.path.commonpath([path.parent for path in group])
        suffixes = len({_suffix(path) for path in group}) > 1
        for path in group:
            folders = path.parent.relative_to(shared).parts
            suffix = _suffix(path).replace('.', '_') if suffixes else ''
            # What begins with a dot is hidden.
            name = wanted = '_'.join([*folders, _stem(path) + suffix]).lstrip('.') or 'input'
            number = 1
            while name.lower() in taken:
                number += 1
                name = f'{wanted}_{number}'
            taken.add(name.lower())
            names[path] = name
    return [names[Path(os.path.abspath(path))] for path in paths]


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else path.stem


def _suffix(path: Path) -> str:
    return '' if path.is_dir() else path.suffix.lower()
