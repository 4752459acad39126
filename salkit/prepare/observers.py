"""Who looked where: the list that `salkit baseline inter-observer` takes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..datasets.file_list import list_files
from ..datasets.recorded_truth import RecordedTruth
from ..media.images import IMAGE_SUFFIXES
from ..utils.files import whole_file
from .annotation import ListedFixations
from .sources import VideoSource

OBSERVERS = 'observers.csv'


def write_observers(videos: Iterable[VideoSource], root: Path) -> Path | None:
    """Write the fixations of each observer on each frame, as far as the data set tells them apart.

    Args:
        videos: that are prepared.
        root: folder that they are in; the file is `observers.csv` in it, with the columns
            video,frame,observer,row,col.

    Returns:
        The file; None where there is nothing to write.
    """
    truths = [
        (video, video.annotation.truth)
        for video in videos
        if isinstance(video.annotation, ListedFixations)
        and isinstance(video.annotation.truth, RecordedTruth)
    ]
    if not truths:
        return None
    with (
        whole_file(root / OBSERVERS) as temporary,
        open(temporary, 'w', newline='', encoding='utf-8') as file,
    ):
        table = csv.writer(file, lineterminator='\n')
        table.writerow(['video', 'frame', 'observer', 'row', 'col'])
        for video, truth in truths:
            table.writerows(_rows(video, truth, root / video.label))
    return root / OBSERVERS


def _rows(video: VideoSource, truth: RecordedTruth, folder: Path) -> Iterator[list[object]]:
    lists = truth.read_lists()
    for index, frame in enumerate(list_files(folder / 'maps', IMAGE_SUFFIXES).stems()):
        for (row, column), observer in zip(*lists.seen(index), strict=True):
            yield [video.name, frame, observer, row, column]
