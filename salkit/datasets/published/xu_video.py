"""The films of Xu et al. (TIP 2017), looked at by 32 people: a set to test with."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...media.gaze_csv import GazeRow, read_gaze_rows
from ...registry import PUBLISHED
from ..recorded_truth import Recording
from .base import DensityArguments, PublishedDataset
from .raw_layout import PublishedVideo, video_files
from .recorded_video import RecordedVideo

FIXATIONS, VIDEOS = 'fixations.csv', 'videos'
# About a degree of visual angle, as a share of the width of a film.
SIGMA_WIDTH = 0.045
RECIPE = DensityArguments(sigma_width=SIGMA_WIDTH)


class _XuVideo(PublishedDataset):
    def is_at(self, root: Path) -> bool:
        """Whether there are `fixations.csv` and `videos/*.avi`."""
        return (root / FIXATIONS).is_file() and (root / VIDEOS).is_dir()

    def find_videos(self, root: Path) -> list[PublishedVideo]:
        """Every film that is there, or has fixations.

        Raises:
            DataError: a list of fixations of another layout.
        """
        path, folder = root / FIXATIONS, root / VIDEOS
        if not folder.is_dir():
            return []
        files = {file.stem: file for file in video_files(folder)}
        # What is there and is no file is refused by the reader.
        recordings = read_recordings(path) if os.path.lexists(path) else {}
        return [
            RecordedVideo(
                name,
                'test',
                folder,
                files.get(name),
                fixations=path if name in recordings and name in files else None,
                recording=recordings.get(name),
                recipe=RECIPE,
            )
            for name in sorted({*files, *recordings})
        ]


def read_recordings(path: Path) -> dict[str, Recording]:
    """Read the fixations on each film: video,time_s,duration_s,x,y,observer.

    Raises:
        DataError: another file, or a value that is none; with the line's number.
    """
    rows: dict[str, list[GazeRow]] = defaultdict(list)
    for row in read_gaze_rows(path, ('time_s', 'duration_s', 'observer')):
        if row.seconds is None or row.duration is None or math.isnan(row.y + row.x):
            raise DataError(
                f'{row.where}: expected the time, the duration and the place of a fixation'
            )
        rows[row.video].append(row)
    return {
        video: Recording(
            np.array([(row.y, row.x) for row in found]),
            np.array([row.observer for row in found]),
            f'{path}, {video}',
            np.array([row.seconds for row in found]),
            np.array([row.duration for row in found]),
        )
        for video, found in rows.items()
    }


PUBLISHED.add(
    _XuVideo(
        'xu-video',
        'Xu et al. 2017',
        counts={'test': (33, None)},
        recipes={'xu-video': RECIPE},
        layout='videos/<name>.avi and fixations.csv',
    )
)
