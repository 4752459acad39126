"""Finds the predicted maps of every video."""

from __future__ import annotations

import os
from pathlib import Path

from ..datasets.layout import subfolders
from ..errors import DataError
from ..media.gray_video import VIDEO_SUFFIXES
from ..media.images import IMAGE_SUFFIXES
from ..media.map_stacks import ArrayStack, FolderStack, MapStack, ZipStack, open_stack
from ..media.maps import ARRAY_SUFFIXES, MAP_SUFFIXES

EXPECTED = (
    'expected a folder of maps for each video (PNG, JPEG, .npy or .npz, a file a frame), or an '
    'array file (T, H, W) or grey video for each'
)


def find_predictions(root: str | Path) -> dict[str, Path]:
    """Where the maps of each video are.

    Below `root`, or below folders that hold nothing but one folder: a folder a video with a file a
    frame (perhaps in one more folder, as `0601/maps`), or a file a video. `root` may also be a
    single video itself.

    Returns:
        Folder or file by name of the video; nothing in them has been read.

    Raises:
        DataError: nothing found, or two places for one video.
    """
    root = Path(root).expanduser()
    if root.is_file():
        open_stack(root)
        return {root.stem: root}
    if not root.is_dir():
        raise DataError(f'{root}: the folder of predictions does not exist')
    folder = root
    while True:
        videos = _videos_in(folder)
        if videos:
            return videos
        inside = subfolders(folder)
        if len(inside) != 1:
            raise DataError(f'{root}: holds no predictions; {EXPECTED}')
        folder = inside[0]


def _has_files(folder: Path, suffixes: tuple[str, ...]) -> bool:
    with os.scandir(folder) as entries:
        return any(
            entry.name.lower().endswith(suffixes) and not entry.name.startswith('.')
            for entry in entries
        )


def _videos_in(folder: Path) -> dict[str, Path]:
    if _has_files(folder, IMAGE_SUFFIXES):
        return {folder.name: folder}
    files = FolderStack(folder, VIDEO_SUFFIXES + ARRAY_SUFFIXES)
    paths = [Path(files.where(i)) for i in range(len(files.stamps()))]
    arrays = [path for path in paths if path.suffix.lower() in ARRAY_SUFFIXES]
    if arrays and not any(map(_is_video, arrays[:20])):
        return {folder.name: folder}
    videos: dict[str, Path] = {}
    inside = {sub.name: _maps_folder(sub) for sub in subfolders(folder)}
    found = {name: sub for name, sub in inside.items() if sub is not None}
    for name, path in [*found.items(), *((path.stem, path) for path in paths)]:
        if name in videos:
            raise DataError(f'two predictions of one video: {videos[name]} and {path}')
        videos[name] = path
    if videos:
        # Empty folders beside full ones are videos without frames.
        empty = {name: folder / name for name, sub in inside.items() if sub is None}
        videos = {**empty, **videos}
    return videos


def _is_video(path: Path) -> bool:
    """Whether an array file holds the maps of a video, not a single one."""
    stack: MapStack = ArrayStack(path) if path.suffix.lower() == '.npy' else ZipStack(path)
    try:
        return len(stack) > 1
    except DataError:
        # A single map, or a broken file among single maps or videos: the reader will say.
        return False


def _maps_folder(folder: Path) -> Path | None:
    """Where the maps of a video are: in its folder, or in the only one inside that has any."""
    if _has_files(folder, MAP_SUFFIXES):
        return folder
    inside = [sub for sub in subfolders(folder) if _has_files(sub, MAP_SUFFIXES)]
    return inside[0] if len(inside) == 1 else None
