"""The videos of a public data set that can be prepared, and why others are left out."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..datasets.layout import subfolders
from ..datasets.published import DensityArguments, PublishedVideo
from ..datasets.published.raw_layout import folds_of, in_fold, is_hidden
from ..errors import ConfigError, DataError
from ..media.images import IMAGE_SUFFIXES
from ..utils.text import listed
from .annotation import Annotation, LinkedMaps, ListedFixations
from .options import PrepareOptions
from .report import SPLITS, UNANNOTATED, PrepareReport

ARCHIVES = re.compile(r'.*\.(zip|rar|7z|tar|tgz|tar\.gz)', re.IGNORECASE)
NO_TRUTH = 'no ground truth (--unannotated prepares the frames)'


@dataclass(frozen=True)
class VideoSource:
    """One video to prepare.

    Attributes:
        name: of its folder.
        split: folder that it goes into, one of `SPLITS`.
        stimulus: video file, image file, or folder of its frames.
        annotation: its ground truth; None where it has none.
        frames: how many of its frames count, from the first; None for all.
    """

    name: str
    split: str
    stimulus: Path
    annotation: Annotation | None = None
    frames: int | None = None

    @property
    def label(self) -> str:
        """`<split>/<name>`."""
        return f'{self.split}/{self.name}'


def find_published(root: Path, options: PrepareOptions, report: PrepareReport) -> list[VideoSource]:
    """The videos of the public data set of `report`, unpacked to `root`.

    Raises:
        DataError: nothing of it in `root`.
        ConfigError: it is split several times, and no fold is chosen, or one that it does not have.
    """
    dataset = report.dataset
    videos = dataset.find_videos(root)
    if not any(video.has_stimulus for video in videos):
        if videos:
            raise DataError(
                f'{root}: holds the annotation of {len(videos)} videos and none of the videos; '
                f'expected {dataset.layout}'
            )
        raise nothing_found(root, f'{dataset.layout} ({dataset.title})')
    report.fold = _check_fold(options.fold, folds_of(videos), dataset.title)
    if report.fold is not None:
        videos = [in_fold(video, report.fold) for video in videos]
    recipe = next(iter(dataset.recipes.values()), None)
    sources = []
    for video in videos:
        annotation = _annotation(video, recipe, options.map_bits)
        withheld = video.split in dataset.withheld
        if video.problem or not video.has_stimulus or video.stimulus is None:
            report.leave_out(video.name, video.problem or 'no video')
        elif video.split not in SPLITS:
            report.leave_out(video.name, f'of no split of {dataset.title}')
        elif annotation is None and not options.unannotated:
            reason = NO_TRUTH if withheld else f'no annotation, part of {video.split}'
            report.leave_out(video.name, reason)
        else:
            split = video.split if annotation or withheld else UNANNOTATED
            source = VideoSource(video.name, split, video.stimulus, annotation, video.frames)
            sources.append(source)
    return sources


def _check_fold(fold: int | None, folds: Sequence[int], title: str) -> int | None:
    """The fold that is chosen; None for a data set that is split once."""
    numbers = ', '.join(map(str, folds))
    if folds and fold is None:
        raise ConfigError(f'{title} is split {len(folds)} times: --fold ({numbers}) says how')
    if fold is not None and fold not in folds:
        raise ConfigError(f'--fold {fold}: {title} has {f"folds {numbers}" if folds else "none"}')
    return fold


def _annotation(
    video: PublishedVideo, recipe: DensityArguments | None, bits: int
) -> Annotation | None:
    truth = video.truth()
    if truth.is_list:
        return ListedFixations(truth, recipe, bits) if truth.densities or recipe else None
    maps = video.densities
    linkable = maps and (maps.is_dir() or maps.name.lower().endswith(IMAGE_SUFFIXES))
    return LinkedMaps(video) if linkable else None


def nothing_found(root: Path, expected: str) -> DataError:
    """The error for a folder that does not hold the data set."""
    archives = [
        name
        for folder in (root, *subfolders(root)[:100])
        for name in sorted(os.listdir(folder))
        if ARCHIVES.fullmatch(name) and not is_hidden(name)
    ]
    if archives:
        return DataError(
            f'{root}: holds archives and nothing to prepare: unpack {listed(archives)} first, such '
            f'as with unzip, unrar or 7z; expected then: {expected}'
        )
    return DataError(f'{root}: expected {expected}, found {listed(sorted(os.listdir(root)), 8)}')
