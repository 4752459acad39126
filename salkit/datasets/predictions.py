"""Finds the predicted maps of every video."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError
from ..media.gray_video import VIDEO_SUFFIXES
from ..media.images import IMAGE_SUFFIXES
from ..media.map_stacks import FolderStack, MapStack, VideoStack, open_stack
from ..media.maps import MAP_SUFFIXES
from .layout import subfolders

EXPECTED = (
    'expected a folder of maps for each video (PNG, JPEG, WebP, TIFF, .npy or .npz, a file a '
    'frame), or an array file (T, H, W) or gray video for each'
)
# How many array files of a folder are opened to find out what they hold.
LOOKED_AT = 20
# Folders that `salkit predict` writes where it is asked for several formats, the most exact first.
FORMAT_FOLDERS = ('npz', 'png16', 'png', 'mp4', 'dhf1k')
# What it writes beside the maps of NAME and NAME.json, and is none.
_OVERLAY = '_overlay'


def find_predictions(root: str | Path) -> dict[str, MapStack]:
    """The maps of each video.

    Below `root`, or below folders that hold nothing but one folder: a folder a video with a file a
    frame (perhaps in one more folder, as `0601/maps`), or a file a video. `root` may also be a
    single video itself. Of the formats that `salkit predict` wrote side by side, the most exact is
    taken; its overlays are none.

    Returns:
        Maps by name of the video; none of them has been read.

    Raises:
        DataError: nothing found, or two places for one video.
    """
    root = Path(root).expanduser()
    if root.exists() and not root.is_dir():
        return {root.stem: open_stack(root)}
    if not root.exists():
        raise DataError(f'{root}: the folder of predictions does not exist')
    folder = root
    while True:
        names = [sub.name for sub in subfolders(folder)]
        formats = [name for name in FORMAT_FOLDERS if name in names]
        if formats and len(formats) == len(names) and not _map_files(folder):
            folder = folder / formats[0]
        videos = _videos_in(folder)
        if videos:
            return videos
        inside = subfolders(folder)
        if len(inside) != 1:
            raise DataError(f'{root}: holds no predictions; {EXPECTED}')
        folder = inside[0]


def _map_files(folder: Path) -> list[str]:
    files = FolderStack(folder, VIDEO_SUFFIXES + MAP_SUFFIXES).files
    return [file for file in files if not _is_overlay(folder / file)]


def _is_overlay(path: Path) -> bool:
    name = path.stem.removesuffix(_OVERLAY)
    return name != path.stem and path.with_name(f'{name}.json').is_file()


def _videos_in(folder: Path) -> dict[str, MapStack]:
    files = _map_files(folder)
    if any(file.lower().endswith(IMAGE_SUFFIXES) for file in files):
        return {folder.name: FolderStack(folder)}
    stacks = [open_stack(folder / file) for file in files]
    arrays = [stack for stack in stacks if not isinstance(stack, VideoStack)]
    if arrays and all(len(stack) == 1 for stack in arrays[:LOOKED_AT]):
        return {folder.name: FolderStack(folder)}
    inside = {sub.name: _maps_of_video(sub) for sub in subfolders(folder)}
    videos: dict[str, MapStack] = {name: stack for name, stack in inside.items() if len(stack)}
    for stack in stacks:
        name = stack.path.stem
        if name in videos:
            raise DataError(f'two predictions of one video: {videos[name].path} and {stack.path}')
        videos[name] = stack
    # Empty folders beside full ones are videos without frames.
    return {**inside, **videos} if videos else {}


def _maps_of_video(folder: Path) -> FolderStack:
    """The maps of a video: in its folder, or in the only one inside that has any."""
    own = FolderStack(folder)
    if not len(own.files):
        inside = [stack for sub in subfolders(folder) if (stack := FolderStack(sub)).files]
        if len(inside) == 1:
            return inside[0]
    return own
