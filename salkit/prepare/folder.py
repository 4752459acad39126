"""A folder of anybody's videos, with gaze or without."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from ..datasets.published.raw_layout import holds, is_hidden
from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES
from ..media.video import VIDEO_SUFFIXES
from ..utils.text import listed
from .annotation import GazeMaps
from .fixations import Gaze, read_gaze_csv
from .fixations.gaze import zeros_warning
from .options import FolderOptions, PrepareOptions
from .report import UNANNOTATED, PrepareReport
from .sources import NO_TRUTH, VideoSource, nothing_found

NO_VIDEO = 'gaze without a video'


def find_folder(root: Path, options: PrepareOptions, report: PrepareReport) -> list[VideoSource]:
    """Videos in a folder and the folders in it, by their paths; folders of images count as well.

    Raises:
        DataError: no videos, no gaze, or names that do not fit.
    """
    how = options.folder
    paths = _stimuli(root)
    if not paths:
        raise nothing_found(root, f'videos ({", ".join(VIDEO_SUFFIXES)}) or folders of images')
    if how.gaze_file is None or how.gaze is None:
        return [VideoSource(name, 'test', path) for name, path in paths.items()]
    looked = _by_name(read_gaze_csv(how.gaze_file, how.gaze), root, paths, report)
    if not looked:
        raise DataError(
            f'{how.gaze_file}: names none of the videos in {root}: it has '
            f'{listed(report.left_out[NO_VIDEO], 3)}, the folder {listed(paths, 3)}'
        )
    report.warnings += zeros_warning(looked.values())
    splits = split_videos(list(looked), how)
    sources = []
    for name, path in paths.items():
        if name in looked:
            annotation = GazeMaps(looked[name], how.gaze, options.map_bits)
            sources.append(VideoSource(name, splits[name], path, annotation))
        elif options.unannotated:
            sources.append(VideoSource(name, UNANNOTATED, path))
        else:
            report.leave_out(name, NO_TRUTH)
    return sources


def _stimuli(root: Path) -> dict[str, Path]:
    """Video files and folders of images by the names that they get."""
    paths: dict[str, Path] = {}

    def add(path: Path, parts: tuple[str, ...]) -> None:
        name = '_'.join(parts) or root.name
        if name in paths:
            raise DataError(f'{paths[name]} and {path} would both become {name}')
        paths[name] = path

    for place, folders, files in os.walk(root):
        folder = Path(place)
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        inside = folder.relative_to(root).parts
        for name in sorted(files):
            if name.lower().endswith(tuple(VIDEO_SUFFIXES)) and not is_hidden(name):
                add(folder / name, (*inside, Path(name).stem))
        if holds(folder, IMAGE_SUFFIXES):
            add(folder, inside[:-1] if inside[-1:] == ('images',) else inside)
    return paths


def _by_name(
    gaze: dict[str, Gaze], root: Path, paths: dict[str, Path], report: PrepareReport
) -> dict[str, Gaze]:
    """Gaze by the name of the video, whichever way the file calls it."""
    called: dict[str, set[str]] = {}
    for name, path in paths.items():
        inside = path.relative_to(root)
        ways = {name, path.name, inside.as_posix()}
        if not path.is_dir():
            ways |= {path.stem, inside.with_suffix('').as_posix()}
        for way in ways:
            called.setdefault(way, set()).add(name)
    looked: dict[str, Gaze] = {}
    for video, samples in gaze.items():
        names = called.get(video, set())
        if not names:
            report.leave_out(video, NO_VIDEO)
            continue
        if len(names) > 1:
            raise DataError(
                f'{root}: gaze on {video!r} fits several videos: {", ".join(sorted(names))}'
            )
        name = next(iter(names))
        if name in looked:
            raise DataError(f'gaze on {looked[name].video!r} and on {video!r} is on one video')
        looked[name] = samples
    return looked


def split_videos(names: Sequence[str], shares: FolderOptions) -> dict[str, str]:
    """Train, val or test for every video.

    The choice follows from the seed and the name, so that one video more moves few others. A share
    above 0 is at least one video, where that leaves one to train on.

    Args:
        names: of the videos.
        shares: of the splits, and the seed.
    """
    count = len(names)
    val = min(max(1, round(shares.val * count)), count - 1) if shares.val else 0
    test = min(max(1, round(shares.test * count)), count - 1 - val) if shares.test else 0
    order = sorted(names, key=lambda n: hashlib.sha256(f'{shares.seed}/{n}'.encode()).digest())
    chosen = dict.fromkeys(order[:val], 'val')
    chosen |= dict.fromkeys(order[val : val + test], 'test')
    return {name: chosen.get(name, 'train') for name in names}
