"""The ground truth of one split, to score against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...utils.folders import check_folder
from ..layout import SPLIT_FOLDERS, split_of
from ..truth_video import TruthVideo
from .base import LAYOUT, dataset_at, published_datasets
from .raw_layout import NO_SPLIT, PublishedVideo


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
        root: of the data set in salkit's layout or as published, of a split or of a single video.
        split: 'train', 'val', 'test' under any of their names, the name of a folder, or another
            group of videos that the data set knows. None where there is only one.
        prefer_mat: take fixations from .mat files where there are both these and images.

    Raises:
        DataError: nothing in a known layout, a split that is not there or not given, or a video of
            which it is not known which files are its own.
    """
    root = Path(root).expanduser()
    check_folder(root, 'the folder of ground truth')
    dataset = dataset_at(root)
    found = dataset.find_videos(root)
    videos = [video for video in found if video.is_annotated]
    if not videos:
        layouts = dict.fromkeys([LAYOUT.layout, *(d.layout for d in published_datasets().values())])
        raise DataError(f'{root}: holds no ground truth; expected {"; or ".join(layouts)}')
    splits = list(dict.fromkeys(video.split for video in videos))
    splits.sort(key=[*SPLIT_FOLDERS, *splits].index)
    if split is not None and (splits != [NO_SPLIT] or any(video.groups for video in found)):
        videos = _of_split(root, found, split)
    elif len(splits) > 1:
        counts = {name: sum(video.split == name for video in videos) for name in splits}
        held = ', '.join(f'{name} ({count} videos)' for name, count in counts.items())
        raise DataError(f'{root}: holds several splits: {held}; --split says which to score')
    for video in videos:
        if video.problem:
            raise DataError(f'{root}: {video.name}: {video.problem}')
        if video.needs_densities:
            raise DataError(
                f'{root}: no density maps of {video.name}; {video.fixations} alone does not say '
                'how large the frames are'
            )
    name = (split_of(split) or split) if split else splits[0]
    title = dataset.title or _name_of(root, videos)
    return GroundTruth(title, name, [video.truth(prefer_mat) for video in videos])


def _of_split(root: Path, found: list[PublishedVideo], split: str) -> list[PublishedVideo]:
    """The videos of a split, or of another group that they are in."""
    wanted = split_of(split) or split
    chosen = [video for video in found if split in video.groups or video.split == wanted]
    annotated = [video for video in chosen if video.is_annotated]
    if not annotated:
        names = sorted({name for v in found if v.is_annotated for name in (v.split, *v.groups)})
        raise DataError(f'{root}: has no split {split!r}; it has {", ".join(names)}')
    lacking = [video.name for video in chosen if not video.is_annotated and video.groups]
    if lacking:
        raise DataError(
            f'{root}: no ground truth of {len(lacking)} videos of the split {split!r}, '
            f'{lacking[0]} for one'
        )
    return annotated


def _name_of(root: Path, videos: list[PublishedVideo]) -> str:
    """What a data set in salkit's layout is called after: the folder above its splits."""
    folder = videos[0].folder
    if folder == root or (folder.parent == root and videos[0].split != NO_SPLIT):
        return root.parent.name
    return root.name
