"""The folders that a data set is read from.

`<root>/<split>/<video>/{images,maps,fixation}/`, or a file `video.<suffix>` instead of `images`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES
from ..utils.files import natural_key
from .file_list import FileList, Numbering, list_files

SPLIT_FOLDERS = {
    'train': ('train', 'training'),
    'val': ('val', 'validation', 'valid'),
    'test': ('test', 'testing'),
}
# The stem of a video that is kept as it is, in place of a folder of its frames.
VIDEO_STEM = 'video'
LISTING_THREADS = 8


@dataclass(frozen=True)
class VideoRecord:
    """Files of one video, paired frame by frame.

    Attributes:
        name: folder name.
        frames: images, in order of time. Of a video that is kept as a file, `<file>/<frame>`:
            what the frames would be called.
        densities: density maps, one a frame.
        fixations: fixation maps (images or .mat), one a frame; empty where there are none.
        video_path: the file that the frames are decoded from, None where they are images.
    """

    name: str
    frames: FileList
    densities: FileList
    fixations: FileList = field(default_factory=lambda: FileList(''))
    video_path: str | None = None

    @property
    def folder(self) -> Path:
        """The video's folder."""
        return Path(self.video_path or Path(self.frames[0]).parent).parent


def _last_number(path: str) -> int | None:
    numbers = re.findall(r'\d+', Path(path).stem)
    return int(numbers[-1]) if numbers else None


def _check_pairs(video: Path, frames: FileList, maps: FileList, kind: str) -> None:
    """Raise DataError unless `maps` belongs to `frames` one by one, by sorted name."""
    # Numbers that count up by one on both sides run in step.
    numbered = isinstance(frames.names, Numbering) and isinstance(maps.names, Numbering)
    if len(frames) == len(maps) and numbered:
        return
    frame_stems, map_stems = frames.stems(), maps.stems()
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
    steps = [f - m for f, m in numbers if f is not None and m is not None]
    if len(steps) < len(numbers):
        return
    for step, frame, path in zip(steps, frames, maps, strict=True):
        if step != steps[0]:
            raise DataError(f'{path}: this {kind} would be paired with {frame}, another number')


def find_video_file(folder: Path) -> Path | None:
    """The file `video.<suffix>` of a video that is kept as it is, or None.

    Raises:
        DataError: there are several.
    """
    from ..media.video import VIDEO_SUFFIXES

    with os.scandir(folder) as entries:
        found = sorted(
            entry.name
            for entry in entries
            if os.path.splitext(entry.name)[0] == VIDEO_STEM
            and entry.name.lower().endswith(tuple(VIDEO_SUFFIXES))
        )
    if len(found) > 1:
        raise DataError(f'{folder}: expected one video file, found {", ".join(found)}')
    return folder / found[0] if found else None


def _frames_of_file(path: Path, densities: FileList) -> FileList:
    """The frames of a video file, called as its density maps are."""
    from ..media.video import open_video

    count = len(open_video(path))
    names: Sequence[str] | Numbering = Numbering('', 1, 4, '', count)
    if isinstance(densities.names, Numbering) and len(densities) == count:
        names = replace(densities.names, suffix='')
    elif len(densities) == count:
        names = densities.stems()
    return FileList(str(path), names)


def read_video(folder: Path, require_fixations: bool = True) -> VideoRecord:
    """List and pair the files of one video.

    Args:
        folder: holds `images` or a file `video.<suffix>`, `maps` and `fixation`; fixations may be
            images in `fixation` or .mat files in `fixation/maps`, images first.
        require_fixations: whether a video without fixation maps is an error.

    Raises:
        DataError: a missing folder, no frames, or files that do not pair up.
    """
    has_images = (folder / 'images').is_dir()
    video_path = None if has_images else find_video_file(folder)
    for name in ('images', 'maps'):
        if not (folder / name).is_dir() and not (name == 'images' and video_path):
            raise DataError(f'{folder / name}: the folder does not exist')
    densities = list_files(folder / 'maps', IMAGE_SUFFIXES)
    if video_path:
        frames = _frames_of_file(video_path, densities)
    else:
        frames = list_files(folder / 'images', IMAGE_SUFFIXES)
        if not frames:
            raise DataError(f'{folder / "images"}: holds no {", ".join(IMAGE_SUFFIXES)} files')
    _check_pairs(folder, frames, densities, 'density map')
    fixations = FileList('')
    for place, suffixes in (
        (folder / 'fixation', IMAGE_SUFFIXES),
        (folder / 'fixation' / 'maps', ('.mat',)),
    ):
        if not fixations and place.is_dir():
            fixations = list_files(place, suffixes)
    if fixations or require_fixations:
        _check_pairs(folder, frames, fixations, 'fixation map')
    path = None if video_path is None else str(video_path)
    return VideoRecord(folder.name, frames, densities, fixations, path)


def read_videos(folders: Sequence[Path], require_fixations: bool = True) -> list[VideoRecord]:
    """`read_video` of each folder, in their order; several at a time, as disks may be far away."""
    with ThreadPoolExecutor(LISTING_THREADS) as pool:
        return list(pool.map(partial(read_video, require_fixations=require_fixations), folders))


def subfolders(folder: Path) -> list[Path]:
    """Folders inside `folder` in natural order, hidden ones left out."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.is_dir() and not e.name.startswith('.')]
    return [folder / name for name in sorted(names, key=natural_key)]


def holds_videos(folder: Path) -> bool:
    """Whether any folder inside `folder` looks like a video."""
    return any(
        (sub / 'images').is_dir() or ((sub / 'maps').is_dir() and find_video_file(sub))
        for sub in subfolders(folder)
    )


def split_of(folder: str) -> str | None:
    """The split that a folder of this name holds, in any spelling; None for another name."""
    return next((s for s, names in SPLIT_FOLDERS.items() if folder.lower() in names), None)


def find_split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split under any of its usual names, or None."""
    for name in SPLIT_FOLDERS[split]:
        if (root / name).is_dir():
            return root / name
    return None
