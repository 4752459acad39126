"""The videos of a public data set that can be prepared, and why others are left out."""

from __future__ import annotations

from pathlib import Path

from ..datasets.published import PublishedVideo, get_published
from ..errors import DataError
from .annotation import Annotation, FolderAnnotation, StackAnnotation
from .source import UNANNOTATED, Found, VideoSource, nothing_found

NO_TRUTH = 'no ground truth (--unannotated prepares the frames)'
SPLITS = ('train', 'val', 'test')


def find_published(kind: str, root: Path, unannotated: bool = False, bits: int = 8) -> Found:
    """Find the videos of a public data set.

    Args:
        kind: its name.
        root: where it was unpacked to.
        unannotated: also those without ground truth.
        bits: 8 or 16, of density maps that have to be written.

    Raises:
        ConfigError: no such data set.
        DataError: nothing of it in `root`.
    """
    dataset = get_published(kind)
    videos = dataset.find_videos(root)
    if not any(video.has_stimulus for video in videos):
        if videos:
            raise DataError(
                f'{root}: holds the annotation of {len(videos)} videos and none of the videos; '
                f'expected {dataset.layout}'
            )
        raise nothing_found(root, f'{dataset.layout} ({dataset.title})')
    found = Found(expected=dict(dataset.counts))
    for video in videos:
        annotation = _annotation(video, bits)
        withheld = video.split in dataset.withheld
        if video.problem or not video.has_stimulus:
            found.leave_out(video.name, video.problem or 'no video')
        elif video.split not in SPLITS:
            found.leave_out(video.name, f'of no split of {dataset.title}')
        elif annotation is None and not unannotated:
            reason = NO_TRUTH if withheld else f'no annotation, part of {video.split}'
            found.leave_out(video.name, reason)
        else:
            split = video.split if annotation or withheld else UNANNOTATED
            found.videos.append(VideoSource(video.name, split, video.stimulus, annotation))
    return found


def _annotation(video: PublishedVideo, bits: int) -> Annotation | None:
    if video.densities is None:
        return None
    if video.fixations is not None and video.fixations.is_file():
        return StackAnnotation(video.densities, video.fixations, bits)
    return FolderAnnotation(video.folder) if video.densities.is_dir() else None
