"""AViMoS (Moskalenko et al., AIM 2024), and its extension of NTIRE 2026."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ...errors import DataError
from ...media.images import IMAGE_SUFFIXES
from ...media.video import VIDEO_SUFFIXES
from ...registry import PUBLISHED
from ...utils.files import natural_key
from ...utils.input_files import read_input_json
from ..layout import SPLIT_FOLDERS, split_of, subfolders
from .base import PublishedDataset
from .raw_layout import NO_SPLIT, PublishedVideo, is_hidden

SPLIT_FILE = 'TrainTestSplit.json'
POINTS = 'fixations.json'


class _AViMoS(PublishedDataset):
    def is_at(self, root: Path) -> bool:
        """Whether there is `[Fixations*/][*/]<video>/fixations.json`."""
        folders = [root, *(sub for sub in subfolders(root)[:50] if 'fixations' in sub.name.lower())]
        folders += [sub for folder in folders[1:] for sub in subfolders(folder)[:5]]
        return any(
            (video / POINTS).is_file() for folder in folders for video in subfolders(folder)[:5]
        )

    def find_videos(self, root: Path) -> list[PublishedVideo]:
        """Videos, saliency videos of the same names, `fixations.json`, and a file of the splits.

        A video's files are found by its name: `<name>.mp4`, a saliency video (or folder of its
        frames) of that name in a folder called `Saliency...`, and `<name>/fixations.json`.
        `TrainTestSplit.json` names the videos of each split; all whose key is not that of training
        or validation are for testing. Those that it does not name are of the split that the folder
        of their fixations is called after.
        """
        videos: dict[str, list[Path]] = {}
        saliency: dict[str, list[Path]] = {}
        points: dict[str, list[Path]] = {}
        groups: dict[str, str] = {}
        for place, folders, files in os.walk(root):
            folder = Path(place)
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            is_saliency = 'saliency' in str(folder.relative_to(root)).lower()
            if POINTS in files:
                points.setdefault(folder.name, []).append(folder / POINTS)
                # Beside it lie the same points as images, thousands of them.
                folders.clear()
                continue
            if SPLIT_FILE in files and not groups:
                groups = _read_split(folder / SPLIT_FILE)
            for name in sorted(files):
                path = folder / name
                if is_hidden(name):
                    continue
                if name.lower().endswith(tuple(VIDEO_SUFFIXES)):
                    kind = saliency if is_saliency else videos
                    kind.setdefault(path.stem, []).append(path)
                elif is_saliency and name.lower().endswith(IMAGE_SUFFIXES):
                    saliency.setdefault(folder.name, []).append(folder)
                    break
        found = []
        for name in sorted({*groups, *points, *videos}, key=natural_key):
            parts = [kind.get(name, []) for kind in (videos, saliency, points)]
            stimulus, densities, at = (part[0] if part else None for part in parts)
            twice = next((part for part in parts if len(part) > 1), [])
            video = PublishedVideo(
                name,
                _split_of_key(groups[name]) if name in groups else _split_at(at, root),
                at.parent if at else root,
                stimulus,
                densities,
                at,
                groups=(groups[name],) if name in groups else (),
                problem=f'there twice: {twice[0]} and {twice[1]}' if twice else '',
            )
            found.append(video)
        order = [*SPLIT_FOLDERS, NO_SPLIT]
        return sorted(found, key=lambda video: order.index(video.split))


def _split_of_key(key: str) -> str:
    splits = [split_of(word) for word in re.split(r'[^a-z]+', key.lower())]
    return next((split for split in splits if split in ('train', 'val')), None) or 'test'


def _split_at(points: Path | None, root: Path) -> str:
    """The split that the folders above a video are called after."""
    if points is None:
        return NO_SPLIT
    above = points.parent.parent.relative_to(root.parent).as_posix()
    found = re.findall('train|val|test', above.lower())
    return found[-1] if found else NO_SPLIT


def _read_split(path: Path) -> dict[str, str]:
    """The key of `TrainTestSplit.json` by name of the video."""
    content = read_input_json(path)
    try:
        if not isinstance(content, dict):
            raise TypeError('no object with names')
        if not all(isinstance(names, list) for names in content.values()):
            raise TypeError('names in no list')
        listed = {key: [Path(name).stem for name in names] for key, names in content.items()}
    except TypeError as error:
        raise DataError(f'{path}: expected lists of videos by split ({error})') from error
    keys: dict[str, str] = {}
    for key, names in listed.items():
        for name in names:
            if keys.setdefault(name, key) != key:
                raise DataError(f'{path}: lists {name} as {keys[name]} and as {key}')
    return keys


PUBLISHED.add(
    _AViMoS(
        'avimos',
        'AViMoS',
        # AIM 2024 and NTIRE 2026.
        totals=(1500, 2000),
        layout='videos, TrainTestSplit.json, Saliency*/*/<video>.mp4 and '
        'Fixations*/*/<video>/fixations.json',
    )
)
