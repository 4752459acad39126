"""Finds the ground truth of every video, in the layouts that data sets come in."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...media.gray_video import VIDEO_SUFFIXES
from ...media.images import IMAGE_SUFFIXES
from ..layout import SPLIT_FOLDERS, find_split_folder, subfolders
from ..truth_video import TruthVideo

# Videos of DHF1K by split; those after 700 have no public ground truth.
DHF1K_SPLITS = {'train': (1, 600), 'val': (601, 700), 'test': (701, 1000)}
EXPECTED = (
    'expected <root>/[<split>/]<video>/{maps,fixation}/, annotation/<video>/{maps,fixation}/ '
    '(DHF1K), or fixations.json files and saliency videos (AViMoS)'
)


@dataclass
class GroundTruth:
    """Videos to score against.

    Attributes:
        dataset: name of the data set.
        split: name of the split.
        videos: in natural order; nothing in them has been read.
    """

    dataset: str
    split: str
    videos: list[TruthVideo]


def find_ground_truth(
    root: str | Path, split: str | None = None, prefer_mat: bool = False
) -> GroundTruth:
    """Find the videos of a split.

    Args:
        root: of the data set, of a split or of a single video.
        split: 'train', 'val', 'test' under any of their names, or the name of a folder; for AViMoS
            also a key of `TrainTestSplit.json`. None where there is only one.
        prefer_mat: take fixations from .mat files where there are both these and images.

    Raises:
        DataError: nothing in a known layout, or a split that is not there or not given.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DataError(f'{root}: the folder of ground truth does not exist')
    lists = _find_lists(root)
    if lists:
        return _avimos(root, lists, split)
    if (root / 'annotation').is_dir():
        root = root / 'annotation'
    if root.name == 'annotation':
        return _dhf1k(root, split, prefer_mat)
    if _is_video(root):
        return GroundTruth(root.parent.name, split or 'all', [_video(root, prefer_mat)])
    name, folders = _split_folders(root, split)
    dataset = root.parent.name if folders == _videos_in(root) and name != 'all' else root.name
    return GroundTruth(dataset, name, [_video(folder, prefer_mat) for folder in folders])


def _is_video(folder: Path) -> bool:
    return (folder / 'maps').is_dir() or (folder / 'fixation').is_dir()


def _videos_in(folder: Path) -> list[Path]:
    return [sub for sub in subfolders(folder) if _is_video(sub)]


def _video(folder: Path, prefer_mat: bool) -> TruthVideo:
    maps, images, mats = folder / 'maps', folder / 'fixation', folder / 'fixation' / 'maps'
    has_images, has_mats = _holds(images, IMAGE_SUFFIXES), _holds(mats, ('.mat',))
    fixations = mats if has_mats and (prefer_mat or not has_images) else images
    return TruthVideo(
        folder.name,
        maps if _holds(maps, IMAGE_SUFFIXES) else None,
        fixations if has_images or has_mats else None,
    )


def _holds(folder: Path, suffixes: tuple[str, ...]) -> bool:
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(suffixes) for entry in entries)


def _split_name(folder: str) -> str | None:
    return next((key for key, names in SPLIT_FOLDERS.items() if folder in names), None)


def _split_folders(root: Path, split: str | None) -> tuple[str, list[Path]]:
    """The split's name and the folders of its videos."""
    if split is not None:
        key = split if split in SPLIT_FOLDERS else _split_name(split)
        folder = find_split_folder(root, key) if key else root / split
        if folder is not None and folder.is_dir():
            return key or split, _some_videos(folder)
        # The root may be that split itself.
        if _videos_in(root) and _split_name(root.name) in (key, None):
            return key or split, _videos_in(root)
    elif _videos_in(root):
        return _split_name(root.name) or 'all', _videos_in(root)
    splits = [sub for sub in subfolders(root) if _videos_in(sub)]
    if split is None and len(splits) == 1:
        return _split_name(splits[0].name) or splits[0].name, _videos_in(splits[0])
    if not splits:
        raise DataError(f'{root}: holds no ground truth; {EXPECTED}')
    names = ', '.join(sub.name for sub in splits)
    if split is None:
        raise DataError(f'{root}: holds several splits: {names}; --split says which to score')
    raise DataError(f'{root}: has no split {split!r}; it has {names}')


def _some_videos(folder: Path) -> list[Path]:
    videos = _videos_in(folder)
    if not videos:
        raise DataError(f'{folder}: holds no videos; {EXPECTED}')
    return videos


def _dhf1k(root: Path, split: str | None, prefer_mat: bool) -> GroundTruth:
    by_split: dict[str, list[Path]] = {}
    for folder in _some_videos(root):
        number = int(folder.name) if folder.name.isdigit() else 0
        for name, (first, last) in DHF1K_SPLITS.items():
            if first <= number <= last:
                by_split.setdefault(name, []).append(folder)
    if split is None and len(by_split) > 1:
        held = ', '.join(f'{name} ({len(found)} videos)' for name, found in by_split.items())
        raise DataError(f'{root}: holds several splits: {held}; --split says which to score')
    split = split or next(iter(by_split), 'all')
    if split not in by_split:
        raise DataError(
            f'{root}: has no videos of the split {split!r}; it has {", ".join(by_split) or "none"}'
        )
    return GroundTruth('DHF1K', split, [_video(folder, prefer_mat) for folder in by_split[split]])


# AViMoS ----------------------------------------------------------------------------------------


def _find_lists(root: Path) -> list[Path]:
    """Folders whose folders hold `fixations.json` files, at most two levels down."""
    levels = [root]
    found = []
    for _ in range(3):
        for folder in levels:
            inside = subfolders(folder)
            # The first few tell: a data set has thousands of folders.
            if any((sub / 'fixations.json').is_file() for sub in inside[:5]):
                found.append(folder)
        levels = [
            sub
            for folder in levels
            if folder not in found and not _is_video(folder)
            for sub in subfolders(folder)[:50]
        ]
    return found


def _avimos(root: Path, lists: list[Path], split: str | None) -> GroundTruth:
    listed = {
        sub.name: sub / 'fixations.json'
        for folder in lists
        for sub in subfolders(folder)
        if (sub / 'fixations.json').is_file()
    }
    if split is None and len(lists) > 1:
        names = ', '.join(folder.name for folder in lists)
        raise DataError(f'{root}: holds several splits: {names}; --split says which to score')
    if split is not None:
        wanted = _names_of_split(root, lists, split)
        absent = [name for name in wanted if name not in listed]
        if absent:
            raise DataError(
                f'{root}: no fixations.json of {len(absent)} videos of the split {split!r}, '
                f'{absent[0]} for one'
            )
        listed = {name: listed[name] for name in wanted}
    maps = _saliency_maps(root)
    videos = []
    for name, file in listed.items():
        if name not in maps:
            raise DataError(
                f'{root}: no saliency video {name}; expected it in a folder named like SaliencyTest'
            )
        videos.append(TruthVideo(name, maps[name], file))
    default = lists[0].name if lists[0] != root else root.name
    return GroundTruth('AViMoS', split or _split_name(default.lower()) or 'all', videos)


def _names_of_split(root: Path, lists: list[Path], split: str) -> list[str]:
    file = root / 'TrainTestSplit.json'
    keys: list[str] = []
    if file.is_file():
        try:
            splits = json.loads(file.read_text(encoding='utf-8'))
            keys = list(splits)
        except (ValueError, TypeError) as error:
            raise DataError(f'{file}: cannot be read as JSON ({error})') from error
        if split in keys:
            return [Path(name).stem for name in splits[split]]
    named = {folder.name.lower(): folder for folder in lists}
    if split.lower() in named:
        return [sub.name for sub in subfolders(named[split.lower()])]
    raise DataError(f'{root}: has no split {split!r}; it has {", ".join([*keys, *named])}')


def _saliency_maps(root: Path) -> dict[str, Path]:
    """Saliency video, or folder of its frames, by name of the video."""
    found: dict[str, Path] = {}
    for folder, folders, files in os.walk(root):
        inside = Path(folder)
        if inside != root and 'saliency' not in str(inside.relative_to(root)).lower():
            if len(inside.relative_to(root).parts) >= 2:
                folders.clear()
            continue
        for name in sorted(files):
            if name.lower().endswith(VIDEO_SUFFIXES):
                found[Path(name).stem] = inside / name
            elif name.lower().endswith(IMAGE_SUFFIXES) and inside != root:
                found.setdefault(inside.name, inside)
                break
    return found
