"""What is found in a published data set."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES
from ..media.video import VIDEO_SUFFIXES
from .annotation import Annotation

ARCHIVE_SUFFIXES = ('.zip', '.rar', '.7z', '.tar', '.tar.gz', '.tgz')
# Where videos without ground truth go that would otherwise stand among annotated ones.
UNANNOTATED = 'unannotated'


@dataclass(frozen=True)
class VideoSource:
    """One video to prepare.

    Attributes:
        name: of its folder.
        split: folder that it goes into: train, val, test or unannotated.
        stimulus: video file, or folder of its frames.
        annotation: its ground truth; None where it has none.
    """

    name: str
    split: str
    stimulus: Path
    annotation: Annotation | None = None

    @property
    def label(self) -> str:
        """`<split>/<name>`."""
        return f'{self.split}/{self.name}'


@dataclass
class Found:
    """All videos of a data set, and what is wrong with it.

    Attributes:
        videos: to prepare.
        left_out: names of other videos by the reason.
        expected: published number of videos and frames by split; frames None where unknown.
    """

    videos: list[VideoSource] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    expected: dict[str, tuple[int, int | None]] = field(default_factory=dict)

    def leave_out(self, name: str, reason: str) -> None:
        """Note why a video is not prepared."""
        self.left_out.setdefault(reason, []).append(name)


def is_hidden(name: str) -> bool:
    """Whether a file is none of the data set: `.DS_Store`, `._001.AVI`, `__MACOSX`."""
    return name.startswith(('.', '__MACOSX'))


def holds_images(folder: Path) -> bool:
    """Whether images lie in a folder."""
    with os.scandir(folder) as entries:
        return any(
            entry.name.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(entry.name)
            for entry in entries
        )


def videos_in(folder: Path) -> list[Path]:
    """Video files right in a folder, sorted by name."""
    with os.scandir(folder) as entries:
        return sorted(
            Path(entry.path)
            for entry in entries
            if entry.name.lower().endswith(tuple(VIDEO_SUFFIXES)) and not is_hidden(entry.name)
        )


def find_frames(folder: Path) -> Path | None:
    """The stimulus in a video's folder: `images/`, else the only video file; None for neither.

    Raises:
        DataError: several video files.
    """
    if (folder / 'images').is_dir():
        return folder / 'images'
    videos = videos_in(folder)
    if len(videos) > 1:
        names = ', '.join(path.name for path in videos)
        raise DataError(f'{folder}: expected one video file, found {names}')
    return videos[0] if videos else None


def nothing_found(root: Path, expected: str) -> DataError:
    """The error for a folder that does not hold the data set."""
    archives = sorted(
        path.name
        for folder in (root, *_folders(root))
        for path in _files(folder)
        if path.name.lower().endswith(ARCHIVE_SUFFIXES) and not is_hidden(path.name)
    )
    if archives:
        names = ', '.join(archives[:5]) + (', ...' if len(archives) > 5 else '')
        return DataError(
            f'{root}: holds archives and nothing to prepare: unpack {names} first, such as with '
            f'unzip, unrar or 7z; expected then: {expected}'
        )
    names = sorted(os.listdir(root))
    inside = ', '.join(names[:8]) + (', ...' if len(names) > 8 else '') or 'nothing'
    return DataError(f'{root}: expected {expected}; it holds {inside}')


def _files(folder: Path) -> Iterable[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_file()]


def _folders(folder: Path) -> Iterable[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir()][:100]
