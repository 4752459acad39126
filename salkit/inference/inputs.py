"""From what a user names to the stimuli to predict on."""

from __future__ import annotations

import glob
import mimetypes
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..datasets.file_list import list_files
from ..datasets.layout import VIDEO_STEM, find_video_file, subfolders
from ..errors import DataError, one_line
from ..media.images import IMAGE_SUFFIXES
from ..media.video import VIDEO_SUFFIXES, is_video
from ..utils.files import natural_key
from .record import recorded_outputs

# Folders of a data set's video that hold no stimuli.
_TRUTH_FOLDERS = ('maps', 'fixation', 'fixations')
# What a file of an unknown suffix may be, as far as its suffix tells.
_MAY_BE_VIDEO = ('video', 'audio', 'image/gif', 'image/apng')


@dataclass(frozen=True)
class Input:
    """One stimulus to predict on.

    Attributes:
        path: a video, a picture, a folder of pictures, or a data set's folder of one video.
        name: what its outputs are called, unlike that of any other input.
        camera: number of a camera, which has no path; None for files.
    """

    path: Path
    name: str
    camera: int | None = None

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
) -> tuple[list[Input], list[tuple[str, str]]]:
    """The stimuli that arguments of a command line stand for.

    An argument is a file; a folder of pictures; a data set's folder of one video, with `images` or
    a file `video.*`; a folder that holds videos or such folders, at any depth; a pattern such as
    `clips/**/*.mp4` that the shell has not expanded; or the number of a camera. A picture named by
    itself is a stimulus of one frame.

    Args:
        texts: the arguments.
        without: the folder that is written to. Nothing in it is found by looking into folders, and
            none of its outputs where it is named itself.

    Returns:
        The inputs in this order, each once; and what could not be understood, with the reason.
    """
    search = _Search(without)
    failures: list[tuple[str, str]] = []
    cameras: list[int] = []
    for text in texts:
        if text.isdecimal() and not os.path.lexists(text):
            cameras.append(int(text))
            continue
        try:
            search.argument(text)
        except (DataError, OSError) as error:
            failures.append((text, one_line(error)))
    failures += search.failures
    inputs = _named(list(search.found.values()))
    inputs += [Input(Path(str(n)), f'camera{n}', n) for n in dict.fromkeys(cameras)]
    return inputs, failures


class _Search:
    def __init__(self, without: Path | None) -> None:
        self._left_out = set()
        if without is not None:
            self._left_out = {without.resolve(), *recorded_outputs(without)}
        # By absolute path, so that nothing is taken twice.
        self.found: dict[str, Path] = {}
        self.failures: list[tuple[str, str]] = []
        self._seen: set[Path] = set()

    def argument(self, text: str) -> None:
        path = Path(text).expanduser()
        if os.path.lexists(path):
            self._named(path)
        elif glob.has_magic(text):
            self._pattern(text)
        else:
            raise DataError(f'{text}: the file does not exist')

    def _named(self, path: Path) -> None:
        if not path.is_dir():
            self._check_file(path)
            self._add(path)
            return
        self._seen.clear()
        if not self._folder(path, named=True):
            raise DataError(
                f'{path}: holds no video ({", ".join(VIDEO_SUFFIXES[:3])}, ...), no pictures '
                f'({", ".join(IMAGE_SUFFIXES)}) and no folder with any'
            )

    def _pattern(self, text: str) -> None:
        matches = map(Path, glob.glob(os.path.expanduser(text), recursive=True))
        # Folders before what is in them: the frames of a folder are no stimuli of their own.
        paths = sorted(matches, key=lambda path: (len(path.parts), natural_key(str(path))))
        self._seen.clear()
        used = False
        for path in paths:
            if any(str(parent) in self.found for parent in Path(_absolute(path)).parents):
                continue
            if path.is_dir():
                used |= self._folder(path)
            elif path.suffix.lower() in (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES):
                used |= self._add(path)
        if not used:
            what = 'only what is neither a video nor a picture' if paths else 'nothing'
            raise DataError(f'{text}: the pattern matches {what}')

    def _check_file(self, path: Path) -> None:
        if not path.exists():
            raise DataError(f'{path}: links to a file that does not exist')
        if not path.is_file():
            raise DataError(f'{path}: expected a video, a picture or a folder of them')
        if is_video(path) or path.suffix.lower() in IMAGE_SUFFIXES:
            return
        # FFmpeg knows more kinds of video than have a well-known suffix, and draws text files.
        kind = mimetypes.guess_type(path.name)[0]
        if kind and not kind.startswith(_MAY_BE_VIDEO):
            raise DataError(
                f'{path}: neither a video ({", ".join(VIDEO_SUFFIXES[:3])}, ...) nor a picture '
                f'({", ".join(IMAGE_SUFFIXES)})'
            )

    def _folder(self, folder: Path, named: bool = False) -> bool:
        """Take what a folder holds; whether that is anything."""
        real = folder.resolve()
        # Links may lead in circles.
        if real in self._seen or (real in self._left_out and not named):
            return False
        self._seen.add(real)
        if (folder / 'images').is_dir():
            return self._add(folder)
        videos = list_files(folder, VIDEO_SUFFIXES)
        pictures = list_files(folder, IMAGE_SUFFIXES)
        if videos and pictures:
            reason = (
                f'{folder}: holds both videos and pictures; name those you mean, such as '
                f'{folder / "*"}{Path(videos[0]).suffix}'
            )
            self.failures.append((str(folder), reason))
            return True
        if pictures:
            return self._add(folder)
        if len(videos) == 1 and Path(videos[0]).stem == VIDEO_STEM and find_video_file(folder):
            return self._add(folder)
        held = [
            self._add(Path(video))
            for video in videos
            if real / Path(video).name not in self._left_out
        ]
        for inside in subfolders(folder):
            if inside.name not in _TRUTH_FOLDERS:
                held.append(self._folder(inside))
        return any(held)

    def _add(self, path: Path) -> bool:
        self.found.setdefault(_absolute(path), path)
        return True


def _absolute(path: Path) -> str:
    return os.path.abspath(path)


# Names -----------------------------------------------------------------------------------------


def _named(paths: Sequence[Path]) -> list[Input]:
    """Inputs with names that differ, whatever the order of the paths.

    Files of one stem get their suffixes where these differ, then the names of their folders.
    """
    suffixes, folders = [''] * len(paths), [0] * len(paths)

    def names() -> list[str]:
        return [_name(*of_one) for of_one in zip(paths, suffixes, folders, strict=True)]

    depth = max((len(Path(_absolute(path)).parts) for path in paths), default=0)
    for turn in range(depth):
        groups = _same_names(names())
        for group in groups:
            own = [_suffix(paths[at]) for at in group]
            for at, suffix in zip(group, own, strict=True):
                if turn == 0 and len(set(own)) > 1:
                    suffixes[at] = suffix
                else:
                    folders[at] += 1
        if not groups:
            break
    for at in (at for group in _same_names(names()) for at in group):
        folders[at] = 0
    inputs = [Input(path, name) for path, name in zip(paths, names(), strict=True)]
    taken: set[str] = set()
    for at in sorted(range(len(inputs)), key=lambda at: _absolute(paths[at])):
        name, number = inputs[at].name, 1
        while inputs[at].name.lower() in taken:
            number += 1
            inputs[at] = replace(inputs[at], name=f'{name}_{number}')
        taken.add(inputs[at].name.lower())
    return inputs


def _same_names(names: Sequence[str]) -> list[list[int]]:
    """Places of names that are there several times."""
    # Some file systems take names for equal that differ in case.
    groups: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        groups.setdefault(name.lower(), []).append(at)
    return [group for group in groups.values() if len(group) > 1]


def _suffix(path: Path) -> str:
    return '' if path.is_dir() else path.suffix.lower()


def _name(path: Path, suffix: str, folders: int) -> str:
    """The stem of a path, with a suffix and so many of the folders above it."""
    path = Path(_absolute(path))
    stem = path.name if path.is_dir() else path.stem
    above = path.parts[1:-1][max(0, len(path.parts) - 2 - folders) :] if folders else ()
    # What begins with a dot is hidden.
    return '_'.join([*above, stem + suffix.replace('.', '_')]).lstrip('.') or 'input'


# Lengths ---------------------------------------------------------------------------------------


def expected_frames(source: Input) -> int:
    """Frames of an input as far as can be told at a glance; 0 where they cannot."""
    import av

    if source.camera is not None:
        return 0
    path = source.path
    try:
        if path.is_dir():
            inner = path / 'images'
            frames = list_files(inner if inner.is_dir() else path, IMAGE_SUFFIXES)
            if frames:
                return len(frames)
            path = find_video_file(path) or path
        elif source.is_picture:
            return 1
        with av.open(str(path.absolute()), metadata_errors='replace') as container:
            stream = container.streams.video[0]
            if stream.frames:
                return stream.frames
            seconds = (container.duration or 0) / av.time_base
            return int(seconds * float(stream.average_rate or 25))
    except (DataError, av.FFmpegError, OSError, ValueError, IndexError):
        # It fails with its reason when it is predicted on.
        return 0
