"""The videos of a data set as they lie on disk, and tools to find them in any tree of folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import DataError
from ...media.images import IMAGE_SUFFIXES
from ...media.video import VIDEO_SUFFIXES
from ..layout import SPLIT_FOLDERS, split_of, subfolders
from ..truth_video import TruthVideo

# The split of videos that no name of a folder, and no list, puts into one.
NO_SPLIT = 'all'
# The group of a video in a fold.
_OF_FOLD = re.compile(rf'(?:{"|".join(SPLIT_FOLDERS)})_([1-9]\d*)')


@dataclass(frozen=True)
class PublishedVideo:
    """One video of a data set, wherever its parts lie. A still picture is a video of one frame.

    Attributes:
        name: of the video; within a split no two are alike.
        split: 'train', 'val', 'test', or what the data set calls another; `NO_SPLIT` for none.
        folder: holds its annotation, or would.
        stimulus: video file, image file, or folder of frames; where it would be, if it is not
            there, and None if that is not known.
        densities: folder of density maps, or a saliency video; None where it is not there.
        fixations: folder of fixation maps as images, or a `fixations.json`, a list of [row, column]
            for each frame; None where it is not there.
        mats: folder of fixation maps as .mat files; None where it is not there.
        groups: other names that `--split` may choose it by, such as 'public_test'. In a data set
            that is split several times, `<split>_<fold>` for each fold that it is in: 'test_2'.
        frames: how many of its frames count, from the first; None for all.
        problem: why it is not known which files are its own; empty where that is clear.
    """

    name: str
    split: str
    folder: Path
    stimulus: Path | None = None
    densities: Path | None = None
    fixations: Path | None = None
    mats: Path | None = None
    groups: tuple[str, ...] = ()
    frames: int | None = None
    problem: str = ''

    @property
    def has_stimulus(self) -> bool:
        """Whether its frames are there."""
        return self.stimulus is not None and self.stimulus.exists()

    @property
    def is_annotated(self) -> bool:
        """Whether there is any ground truth."""
        return any((self.densities, self.fixations, self.mats))

    @property
    def needs_densities(self) -> bool:
        """Whether it cannot be scored without density maps: lists do not tell a frame's size."""
        return self.densities is None and self.fixations is not None and self.fixations.is_file()

    def truth(self, prefer_mat: bool = False) -> TruthVideo:
        """Its ground truth, of which nothing is read yet.

        A data set that stores fixations in another way returns a `TruthVideo` of its own here.

        Args:
            prefer_mat: whether .mat files are taken where there are both these and images.
        """
        fixations = self.fixations
        if fixations is None or fixations.is_dir():
            has_images, has_mats = holds(fixations, IMAGE_SUFFIXES), holds(self.mats, ('.mat',))
            fixations = fixations if has_images else None
            if has_mats and (prefer_mat or not has_images):
                fixations = self.mats
        densities = self.densities
        if densities is not None and densities.is_dir() and not holds(densities, IMAGE_SUFFIXES):
            densities = None
        return TruthVideo(self.name, densities, fixations, self.frames)


def folds_of(videos: Iterable[PublishedVideo]) -> list[int]:
    """The numbers of the folds that a data set is split into; none where it is split once."""
    groups = {group for video in videos for group in video.groups}
    return sorted({int(found[1]) for group in groups if (found := _OF_FOLD.fullmatch(group))})


def in_fold(video: PublishedVideo, fold: int) -> PublishedVideo:
    """The video in the split that it is in in a fold."""
    split = next((s for s in SPLIT_FOLDERS if f'{s}_{fold}' in video.groups), NO_SPLIT)
    return replace(video, split=split)


# Tools of those who look for videos --------------------------------------------------------------


def is_hidden(name: str) -> bool:
    """Whether a file is not of the data set: `.DS_Store`, `._001.AVI`, `__MACOSX`."""
    return name.startswith(('.', '__MACOSX'))


def holds(folder: Path | None, suffixes: Sequence[str]) -> bool:
    """Whether `folder` is there and holds a file with one of the suffixes."""
    if folder is None or not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(
            entry.name.lower().endswith(tuple(suffixes)) and not is_hidden(entry.name)
            for entry in entries
        )


def video_files(folder: Path) -> list[Path]:
    """Video files right in a folder, sorted by name."""
    return sorted(
        folder / name
        for name in os.listdir(folder)
        if name.lower().endswith(tuple(VIDEO_SUFFIXES)) and not is_hidden(name)
    )


def walk(root: Path, depth: int, stop: re.Pattern) -> Iterator[Path]:
    """Folders from `root` down to `depth` below it; not into those whose names match `stop`."""
    yield root
    if depth:
        for folder in subfolders(root):
            if not stop.fullmatch(folder.name) and not is_hidden(folder.name):
                yield from walk(folder, depth - 1, stop)


def is_annotation(folder: Path) -> bool:
    """Whether a folder holds ground truth as `{maps,fixation}`."""
    return (folder / 'maps').is_dir() or (folder / 'fixation').is_dir()


def video_at(
    folder: Path, name: str, split: str, stimulus: Path | None, problem: str = ''
) -> PublishedVideo:
    """The video whose ground truth lies in `folder` as `{maps,fixation,fixation/maps}`."""

    def there(*parts: str) -> Path | None:
        place = folder.joinpath(*parts)
        return place if place.is_dir() else None

    return PublishedVideo(
        name,
        split,
        folder,
        stimulus,
        there('maps'),
        there('fixation'),
        there('fixation', 'maps'),
        problem=problem,
    )


def find_in_splits(root: Path) -> list[PublishedVideo]:
    """Videos as `<root>/<split>/<video>/{images,maps,fixation}`, salkit's own layout.

    A single video file stands in for `images`. `root` may also be one split, one video, or a folder
    above a single data set.

    Raises:
        DataError: several data sets.
    """
    if _is_video(root):
        return [_video_in(root, NO_SPLIT)]
    inside = [sub for sub in subfolders(root) if not is_hidden(sub.name)]
    splits = {sub: split_of(sub.name) or sub.name for sub in inside if split_of(sub.name)}
    loose = [sub for sub in inside if sub not in splits]
    if not splits and any(map(_is_video, loose)):
        return [_video_in(sub, split_of(root.name) or NO_SPLIT) for sub in loose]
    splits |= {sub: sub.name for sub in loose if any(map(_is_video, subfolders(sub)))}
    if splits:
        order = [*SPLIT_FOLDERS, *splits.values()].index
        return [
            _video_in(video, splits[folder])
            for folder in sorted(splits, key=lambda sub: order(splits[sub]))
            for video in subfolders(folder)
        ]
    deeper = [sub for sub in inside if any(split_of(s.name) for s in subfolders(sub))]
    if len(deeper) > 1:
        names = ', '.join(sub.name for sub in deeper)
        raise DataError(f'{root}: expected one data set, found {names}')
    return find_in_splits(deeper[0]) if deeper else []


def _is_video(folder: Path) -> bool:
    return is_annotation(folder) or (folder / 'images').is_dir() or bool(video_files(folder))


def _video_in(folder: Path, split: str) -> PublishedVideo:
    stimulus, problem = folder / 'images', ''
    if not stimulus.is_dir():
        files = video_files(folder)
        if len(files) == 1:
            stimulus = files[0]
        elif files:
            problem = f'expected one video file, found {", ".join(path.name for path in files)}'
    return video_at(folder, folder.name, split, stimulus, problem)
