"""Where the splits and videos of a data set lie, and what is wrong with the folders above them."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from ...datasets.layout import SPLIT_FOLDERS, split_of, subfolders
from ...datasets.published import LAYOUT, NO_SPLIT, PublishedVideo, dataset_at
from ...errors import DataError
from ..sources import UNANNOTATED
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


def is_junk(name: str) -> bool:
    """Whether a file is hidden, or one that operating systems leave behind."""
    return name.startswith('.') or name.lower() in JUNK


def find_places(root: Path, splits: Collection[str], faults: Faults) -> list[PublishedVideo]:
    """Find the videos of a data set, with the places where their parts are expected.

    Args:
        root: of the data set, of a split or of one video; also a public data set as downloaded.
        splits: only these, under any of their names; none for all.
        faults: gets what is wrong with the folders above the videos.

    Returns:
        Every part of a video is set, but for ground truth that it need not have, and a stimulus
        that is not clear.

    Raises:
        DataError: no such folder or split, no videos, or ground truth that is not in images.
    """
    if not root.is_dir():
        raise DataError(f'{root}: the data root does not exist')
    dataset = dataset_at(root)
    _find_archives(root, faults)
    if dataset is LAYOUT:
        videos = _laid_out(root, faults)
    else:
        videos = dataset.find_videos(root)
        if any(p and p.is_file() for video in videos for p in (video.densities, video.fixations)):
            raise DataError(
                f'{root}: expected density and fixation maps as images; {dataset.title} has videos '
                'and lists, which salkit prepare makes images of'
            )
    if splits:
        there = dict.fromkeys(video.split for video in videos)
        wanted = {split_of(split) or split for split in splits}
        for split in wanted - {*there}:
            raise DataError(f'{root}: has no split {split!r}; it has {", ".join(there) or "none"}')
        videos = [video for video in videos if video.split in wanted]
    if not videos and not faults:
        raise DataError(f'{root}: holds no videos; {EXPECTED}')
    found = []
    for video in videos:
        if video.problem:
            remedy = 'remove all but one of them'
            faults.add('duplicate-frame', video.folder, video.problem, 'one video', remedy)
            video = replace(video, stimulus=None)
        if video.is_annotated or video.split not in (UNANNOTATED, *dataset.withheld):
            video = replace(
                video,
                densities=video.densities or video.folder / 'maps',
                fixations=video.fixations or video.folder / 'fixation',
                mats=video.mats or video.folder / 'fixation' / 'maps',
            )
        found.append(video)
    return found


def _laid_out(root: Path, faults: Faults) -> list[PublishedVideo]:
    """The videos of a data set in salkit's own layout; what is wrong with its folders is added."""
    videos = LAYOUT.find_videos(root)
    if videos and videos[0].folder == root:
        return _in_split(split_of(root.parent.name) or NO_SPLIT, root.parent, videos, faults)
    by_folder: dict[Path, list[PublishedVideo]] = {}
    for video in videos:
        if not is_junk(video.name):
            by_folder.setdefault(video.folder.parent, []).append(video)
    if root in by_folder:
        return _in_split(videos[0].split, root, by_folder[root], faults)
    above = videos[0].folder.parent.parent if videos else root
    splits: dict[Path, str] = {}
    for folder in subfolders(above):
        if folder in by_folder or split_of(folder.name):
            splits[folder] = _split_meant(folder, faults)
        elif _is_video(folder):
            faults.add(
                'stray-file',
                folder,
                'a video beside the split folders',
                'every video inside a split',
                'move it into the folder of its split',
            )
    first: dict[str, Path] = {}
    found = []
    order = [*SPLIT_FOLDERS, *splits.values()]
    for folder, split in sorted(splits.items(), key=lambda item: order.index(item[1])):
        _find_archives(folder, faults)
        other = first.setdefault(split, folder)
        if other != folder:
            also = f'{other} is read as the split {split} too'
            faults.add('double-split', folder, also, remedy=f'merge {folder} into {other}')
        if folder not in by_folder:
            faults.add('empty-split', folder, 'no videos')
        found += _in_split(split, folder, by_folder.get(folder, []), faults)
        for name in _files_in(folder):
            if not _ARCHIVE.fullmatch(name):
                faults.add(
                    'stray-file',
                    folder / name,
                    'a file beside the folders of videos',
                    'folders only',
                    'move it away: no video is read from it',
                )
    return found


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


def _in_split(
    split: str, folder: Path, videos: Sequence[PublishedVideo], faults: Faults
) -> list[PublishedVideo]:
    """The videos of one split; what is wrong with their folders is added."""
    found = []
    # A split's padding: names such as 001 among names such as 0002.
    widths: dict[int, str] = {}
    for video in videos:
        if video.name.isdigit():
            widths.setdefault(len(video.name), video.name)
        if not _is_video(video.folder) and LAYOUT.find_videos(video.folder):
            faults.add(
                'nested-folder',
                video.folder,
                'folders of videos inside this folder',
                remedy=f'move what it holds up into {folder}',
            )
            continue
        found.append(replace(video, split=split))
    if len(widths) > 1 and any(name.startswith('0') for name in widths.values()):
        faults.add(
            'numbering',
            folder,
            'videos named ' + ' and '.join(widths[width] for width in sorted(widths)),
            'as many digits in every name',
            'rename the folders of one of the two kinds',
        )
    return found


def _is_video(folder: Path) -> bool:
    found = LAYOUT.find_videos(folder)
    return bool(found) and found[0].folder == folder


def _files_in(folder: Path) -> list[str]:
    """Names of the files in a folder, without those that operating systems leave."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_file() and not is_junk(e.name))


def _find_archives(folder: Path, faults: Faults) -> None:
    for name in _files_in(folder):
        if _ARCHIVE.fullmatch(name):
            faults.add('archive', folder / name, 'an archive')
