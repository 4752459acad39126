"""Where the splits and videos of a data set lie, and what is wrong with the folders above them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from ...datasets.layout import SPLIT_FOLDERS, split_of
from ...datasets.published import LAYOUT, NO_SPLIT, PublishedVideo, dataset_at
from ...datasets.published.raw_layout import is_hidden
from ...errors import DataError
from ...utils.folders import check_folder
from ..sources import ARCHIVES, UNANNOTATED
from .faults import WARNING, Faults

SPLIT_NAMES = [name for names in SPLIT_FOLDERS.values() for name in names]


def names_in(folder: Path) -> set[str]:
    """What is in a folder, without hidden files and those that operating systems leave behind."""
    names = {name for name in os.listdir(folder) if not is_hidden(name)}
    return {name for name in names if name.lower() not in ('thumbs.db', 'desktop.ini')}


def find_places(
    root: Path, splits: Collection[str], faults: Faults, needs_fixations: bool = False
) -> list[PublishedVideo]:
    """Find the videos of a data set, with the places where their parts are expected.

    Args:
        root: of the data set, of a split or of one video; also a public data set as downloaded.
        splits: only these, under any of their names; none for all.
        faults: gets what is wrong with the folders above the videos.
        needs_fixations: whether fixation maps are expected even if no video has any.

    Returns:
        Every part of a video is set, but for ground truth that it need not have, and a stimulus
        that is not clear.

    Raises:
        DataError: no such folder or split, no videos, or ground truth that is not in images.
    """
    check_folder(root, 'the data root')
    dataset = dataset_at(root)
    for name in filter(ARCHIVES.fullmatch, sorted(names_in(root))):
        faults.add('archive', root / name, 'an archive')
    videos = _laid_out(root, faults) if dataset is LAYOUT else dataset.find_videos(root)
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
        raise DataError(f'{root}: holds no videos; expected {LAYOUT.layout}')
    has_fixations = needs_fixations or any(video.fixations or video.mats for video in videos)
    if videos and not has_fixations:
        faults.add(
            'missing-folder',
            root,
            'no video has a folder fixation',
            'fixation maps, for NSS and AUC',
            'set require_fixations=False of the data set in the config, if it has none',
            WARNING,
        )
    for number, video in enumerate(videos):
        if video.problem:
            remedy = 'remove all but one of them'
            faults.add('duplicate-frame', video.folder, video.problem, 'one video', remedy)
            video = replace(video, stimulus=None)
        if video.is_annotated or video.split not in (UNANNOTATED, *dataset.withheld):
            video = replace(video, densities=video.densities or video.folder / 'maps')
            if has_fixations:
                fixations = video.fixations or video.folder / 'fixation'
                mats = video.mats or video.folder / 'fixation' / 'maps'
                video = replace(video, fixations=fixations, mats=mats)
        videos[number] = video
    return videos


def _laid_out(root: Path, faults: Faults) -> list[PublishedVideo]:
    """The videos of a data set in salkit's own layout; what is wrong with its folders is added."""
    videos = LAYOUT.find_videos(root)
    if videos and videos[0].folder == root:
        return [replace(videos[0], split=split_of(root.parent.name) or NO_SPLIT)]
    by_folder: dict[Path, list[PublishedVideo]] = {}
    for video in videos:
        by_folder.setdefault(video.folder.parent, []).append(video)
    splits = {folder: inside[0].split for folder, inside in by_folder.items()}
    if root not in by_folder:
        splits = {folder: _split_meant(folder, faults) for folder in by_folder}
        _check_splits(splits, faults)
    found = []
    for folder, inside in by_folder.items():
        for video in inside:
            first = next(iter(LAYOUT.find_videos(video.folder)), video)
            if first.folder != video.folder:
                faults.add(
                    'nested-folder',
                    video.folder,
                    'folders of videos inside this folder',
                    remedy=f'move what it holds up into {folder}',
                )
            elif not is_hidden(video.name):
                found.append(replace(video, split=splits[folder]))
    return found


def _split_meant(folder: Path, faults: Faults) -> str:
    """The split that a folder is; a misspelt one is a fault."""
    name = folder.name.lower()
    if folder.name in SPLIT_NAMES:
        return split_of(name) or name
    # Such as train2 is another split on purpose.
    close = difflib.get_close_matches(name, SPLIT_NAMES, 1, 0.75) if name.isalpha() else []
    if not close:
        return folder.name
    right = folder.with_name(close[0])
    found = f'a folder {folder.name} of videos'
    expected = f'the split folder {close[0]}'
    faults.add('misspelt-split', folder, found, expected, f'mv {folder} {right}')
    return split_of(close[0]) or close[0]


def _check_splits(splits: dict[Path, str], faults: Faults) -> None:
    """Find splits that are there twice, and files that do not belong into them."""
    first: dict[str, Path] = {}
    for folder, split in splits.items():
        other = first.setdefault(split, folder)
        if other != folder:
            also = f'{other} is read as the split {split} too'
            faults.add('double-split', folder, also, remedy=f'merge {folder} into {other}')
        for name in sorted(names_in(folder)):
            if ARCHIVES.fullmatch(name):
                faults.add('archive', folder / name, 'an archive')
            elif (folder / name).is_file():
                found = 'a file beside the folders of videos'
                faults.add('stray-file', folder / name, found, 'folders only')
