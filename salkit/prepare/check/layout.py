"""Where the splits and videos of a data set lie, and what is wrong with the folders above them."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...datasets.layout import SPLIT_FOLDERS, split_of, subfolders
from ...datasets.published import LAYOUT, NO_SPLIT, PublishedDataset, PublishedVideo, dataset_at
from ...errors import DataError
from ..source import UNANNOTATED
from .faults import Faults

SPLIT_NAMES = [name for names in SPLIT_FOLDERS.values() for name in names]
# What operating systems leave lying about.
JUNK = ('thumbs.db', 'desktop.ini', 'ehthumbs.db', '__macosx')
_ARCHIVE = re.compile(
    r'.*(\.rar|\.r\d\d|\.zip|\.z\d\d|\.7z|\.tar|\.tgz|\.tar\.\w+|\.(zip|7z|rar)\.\d{3})', re.I
)
EXPECTED = (
    'expected <root>/<split>/<video>/ with images/ (or a file video.<suffix>), maps/ and '
    'fixation/, as salkit prepare makes them'
)


@dataclass(frozen=True)
class VideoPlace:
    """Where the parts of one video are expected.

    Attributes:
        split: its split.
        name: of the video.
        folder: of the video.
        images: folder of its frames; None where a file holds them.
        video_path: the file that holds the frames, or None.
        maps: folder of the density maps.
        fixation: folder of the fixation maps.
        mats: folder of the fixation maps as .mat files.
        is_annotated: whether it should have ground truth.
    """

    split: str
    name: str
    folder: Path
    images: Path | None
    video_path: Path | None
    maps: Path
    fixation: Path
    mats: Path
    is_annotated: bool


@dataclass
class Places:
    """Videos of a data set, and what is wrong with its folders.

    Attributes:
        videos: in order.
        splits: names of the splits, in order.
        faults: of the folders above the videos.
    """

    videos: list[VideoPlace] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)


def is_junk(name: str) -> bool:
    """Whether a file is hidden, or one that operating systems leave behind."""
    return name.startswith('.') or name.lower() in JUNK


def find_places(root: Path, splits: Collection[str] = ()) -> Places:
    """Find the videos of a data set.

    Args:
        root: of the data set, of a split or of one video; also a public data set as downloaded.
        splits: only these, under any of their names; none for all.

    Raises:
        DataError: no such folder or split, no videos, or ground truth that is not in images.
    """
    if not root.is_dir():
        raise DataError(f'{root}: the data root does not exist')
    dataset, places = dataset_at(root), Places()
    _find_archives(root, places.faults)
    videos = dataset.find_videos(root)
    if dataset is LAYOUT:
        _add_laid_out(places, root, videos)
    else:
        _add_published(places, root, videos, dataset)
    wanted = {split_of(split) or split for split in splits}
    for split in wanted - {*places.splits}:
        raise DataError(
            f'{root}: has no split {split!r}; it has {", ".join(places.splits) or "none"}'
        )
    if wanted:
        places.splits = [split for split in places.splits if split in wanted]
        places.videos = [video for video in places.videos if video.split in wanted]
    if not places.videos and not places.faults:
        raise DataError(f'{root}: holds no videos; {EXPECTED}')
    return places


def _add_published(
    places: Places, root: Path, videos: list[PublishedVideo], dataset: PublishedDataset
) -> None:
    """The videos of a public data set as it is downloaded."""
    shown = next((video.stimulus.parent for video in videos if video.stimulus), root)
    for video in videos:
        if any(part and part.is_file() for part in (video.densities, video.fixations)):
            raise DataError(
                f'{root}: expected density and fixation maps as images; {dataset.title} has videos '
                'and lists, which salkit prepare makes images of'
            )
        known = video.is_annotated or video.split not in dataset.withheld
        _add(places, video, video.split, video.stimulus or shown / video.name, known)


def _add_laid_out(places: Places, root: Path, videos: list[PublishedVideo]) -> None:
    """The videos of a data set in salkit's own layout, and what is wrong with its folders."""
    if videos and videos[0].folder == root:
        split = split_of(root.parent.name) or NO_SPLIT
        _add_split(places, split, root.parent, videos)
        return
    by_folder: dict[Path, list[PublishedVideo]] = {}
    for video in videos:
        if not is_junk(video.name):
            by_folder.setdefault(video.folder.parent, []).append(video)
    if root in by_folder:
        _add_split(places, videos[0].split, root, by_folder[root])
        return
    above = videos[0].folder.parent.parent if videos else root
    splits: dict[Path, str] = {}
    for folder in subfolders(above):
        if folder in by_folder or split_of(folder.name):
            splits[folder] = _split_meant(folder, places.faults)
        elif _is_video(folder):
            places.faults.add(
                'stray-file',
                folder,
                'a video beside the split folders',
                'every video inside a split',
                'move it into the folder of its split',
            )
    first: dict[str, Path] = {}
    order = [*SPLIT_FOLDERS, *splits.values()]
    for folder, split in sorted(splits.items(), key=lambda item: order.index(item[1])):
        _find_archives(folder, places.faults)
        other = first.setdefault(split, folder)
        if other != folder:
            found = f'{other} is read as the split {split} too'
            remedy = f'merge {folder} into {other}'
            places.faults.add('double-split', folder, found, remedy=remedy)
        if folder not in by_folder:
            places.faults.add('empty-split', folder, 'no videos')
        _add_split(places, split, folder, by_folder.get(folder, []))
        for name in _files_in(folder):
            if not _ARCHIVE.fullmatch(name):
                places.faults.add(
                    'stray-file',
                    folder / name,
                    'a file beside the folders of videos',
                    'folders only',
                    'move it away: no video is read from it',
                )


def _split_meant(folder: Path, faults: Faults) -> str:
    """The split that a folder with an unusual name is; a misspelt one is a fault."""
    name = folder.name.lower()
    if folder.name in SPLIT_NAMES:
        return split_of(name) or name
    close = [name] if name in SPLIT_NAMES else []
    if not close and not {*re.split('[^a-z]+', name)} & {*SPLIT_NAMES}:
        close = difflib.get_close_matches(name, SPLIT_NAMES, 1, 0.75)
    if not close:
        return folder.name
    faults.add(
        'misspelt-split',
        folder,
        f'a folder {folder.name} of videos',
        f'the split folder {close[0]}',
        f'mv {folder} {folder.parent / close[0]}',
    )
    return split_of(close[0]) or close[0]


def _add_split(places: Places, split: str, folder: Path, videos: Sequence[PublishedVideo]) -> None:
    """The videos of one split, with what is wrong with their folders."""
    if split not in places.splits:
        places.splits.append(split)
    # A split's padding: names such as 001 among names such as 0002.
    widths: dict[int, str] = {}
    for video in videos:
        if video.name.isdigit():
            widths.setdefault(len(video.name), video.name)
        if not _is_video(video.folder) and LAYOUT.find_videos(video.folder):
            places.faults.add(
                'nested-folder',
                video.folder,
                'folders of videos inside this folder',
                remedy=f'move what it holds up into {folder}',
            )
            continue
        stimulus = video.stimulus
        if video.problem:
            places.faults.add(
                'duplicate-frame',
                video.folder,
                video.problem,
                'one video file',
                f'remove all but one of them from {video.folder}',
            )
        elif stimulus is None:
            stimulus = video.folder / 'images'
        _add(places, video, split, stimulus, split != UNANNOTATED)
    if len(widths) > 1 and any(name.startswith('0') for name in widths.values()):
        places.faults.add(
            'numbering',
            folder,
            'videos named ' + ' and '.join(widths[width] for width in sorted(widths)),
            'as many digits in every name',
            'rename the folders of one of the two kinds',
        )


def _is_video(folder: Path) -> bool:
    found = LAYOUT.find_videos(folder)
    return bool(found) and found[0].folder == folder


def _add(
    places: Places, video: PublishedVideo, split: str, stimulus: Path | None, is_annotated: bool
) -> None:
    if split not in places.splits:
        places.splits.append(split)
    is_folder = stimulus is not None and (stimulus.is_dir() or stimulus.name == 'images')
    places.videos.append(
        VideoPlace(
            split,
            video.name,
            video.folder,
            images=stimulus if is_folder else None,
            video_path=None if is_folder else stimulus,
            maps=video.densities or video.folder / 'maps',
            fixation=video.fixations or video.folder / 'fixation',
            mats=video.mats or video.folder / 'fixation' / 'maps',
            is_annotated=is_annotated,
        )
    )


def _files_in(folder: Path) -> list[str]:
    """Names of the files in a folder, without those that operating systems leave."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_file() and not is_junk(e.name))


def _find_archives(folder: Path, faults: Faults) -> None:
    for name in _files_in(folder):
        if _ARCHIVE.fullmatch(name):
            faults.add('archive', folder / name, 'an archive')
