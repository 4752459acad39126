"""The folders that a data set is read from: `<root>/<split>/<video>/{images,maps,fixation}/`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp')
SPLIT_FOLDERS = {
    'train': ('train', 'training'),
    'val': ('val', 'validation', 'valid'),
    'test': ('test', 'testing'),
}


@dataclass(frozen=True)
class VideoRecord:
    """Files of one video, paired frame by frame.

    Attributes:
        name: folder name.
        frames: images, in order of time.
        densities: density maps, one a frame.
        fixations: fixation maps (images or .mat), one a frame; empty where there are none.
    """

    name: str
    frames: tuple[str, ...]
    densities: tuple[str, ...]
    fixations: tuple[str, ...]


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Sort key under which `frame_9` comes before `frame_10`."""
    parts = re.split(r'(\d+)', name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def list_files(folder: Path, suffixes: Sequence[str]) -> list[str]:
    """Paths of the files in `folder` with one of `suffixes`, in natural order of their names."""
    with os.scandir(folder) as entries:
        names = [
            e.name
            for e in entries
            if e.name.lower().endswith(tuple(suffixes)) and not e.name.startswith('.')
        ]
    return [str(folder / name) for name in sorted(names, key=natural_key)]


def _last_number(path: str) -> int | None:
    numbers = re.findall(r'\d+', Path(path).stem)
    return int(numbers[-1]) if numbers else None


def _check_pairs(video: Path, frames: list[str], maps: list[str], kind: str) -> None:
    """Raise DataError unless `maps` belongs to `frames` one by one, by sorted name."""
    frame_stems, map_stems = [Path(p).stem for p in frames], [Path(p).stem for p in maps]
    if len(frames) != len(maps):
        message = f'{video}: {len(frames)} frames but {len(maps)} {kind}s'
        lacking = [stem for stem in frame_stems if stem not in set(map_stems)]
        extra = [stem for stem in map_stems if stem not in set(frame_stems)]
        if lacking and len(lacking) < len(frames):
            message += f'; no {kind} for frame {lacking[0]}'
        elif extra and len(extra) < len(maps):
            message += f'; no frame for {kind} {extra[0]}'
        raise DataError(message)
    if frame_stems == map_stems:
        return
    # Other naming schemes are fine as long as the numbers run in step.
    numbers = [(_last_number(f), _last_number(m)) for f, m in zip(frames, maps, strict=True)]
    if any(None in pair for pair in numbers):
        return
    offset = numbers[0][0] - numbers[0][1]
    for (frame_number, map_number), frame, path in zip(numbers, frames, maps, strict=True):
        if frame_number - map_number != offset:
            raise DataError(f'{path}: this {kind} would be paired with {frame}, another number')


def read_video(folder: Path, require_fixations: bool = True) -> VideoRecord:
    """List and pair the files of one video.

    Args:
        folder: holds `images`, `maps` and `fixation`; fixations may be images in `fixation` or
            .mat files in `fixation/maps`, images first.
        require_fixations: whether a video without fixation maps is an error.

    Raises:
        DataError: a missing folder, no frames, or files that do not pair up.
    """
    for name in ('images', 'maps'):
        if not (folder / name).is_dir():
            raise DataError(f'{folder / name}: the folder does not exist')
    frames = list_files(folder / 'images', IMAGE_SUFFIXES)
    if not frames:
        raise DataError(f'{folder / "images"}: holds no {", ".join(IMAGE_SUFFIXES)} files')
    densities = list_files(folder / 'maps', IMAGE_SUFFIXES)
    _check_pairs(folder, frames, densities, 'density map')
    fixations: list[str] = []
    for place, suffixes in (
        (folder / 'fixation', IMAGE_SUFFIXES),
        (folder / 'fixation' / 'maps', ('.mat',)),
    ):
        if not fixations and place.is_dir():
            fixations = list_files(place, suffixes)
    if fixations or require_fixations:
        _check_pairs(folder, frames, fixations, 'fixation map')
    return VideoRecord(folder.name, tuple(frames), tuple(densities), tuple(fixations))


def subfolders(folder: Path) -> list[Path]:
    """Folders inside `folder` in natural order, hidden ones left out."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.is_dir() and not e.name.startswith('.')]
    return [folder / name for name in sorted(names, key=natural_key)]


def holds_videos(folder: Path) -> bool:
    """Whether any folder inside `folder` looks like a video."""
    return any((sub / 'images').is_dir() for sub in subfolders(folder))


def find_split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split under any of its usual names, or None."""
    for name in SPLIT_FOLDERS[split]:
        if (root / name).is_dir():
            return root / name
    return None
