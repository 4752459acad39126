"""Shuffled AUC inside the Runner: the fixations of a data set's other frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from mmengine.logging import print_log

from ..errors import ConfigError
from ..media.maps import read_fixation_map
from .nonfixations import DatasetFixations, Size, rescale_points

if TYPE_CHECKING:
    from ..datasets.layout import VideoRecord


class FixationReader:
    """Reads the fixation files of a data set once, before the first frame is scored.

    Args:
        dataset: a `VideoSaliencyDataset`.
        pool: the protocol's rule; None where it has none.
        seed: of what is drawn.

    Attributes:
        unavailable: why there is nothing to read, or None.
    """

    def __init__(self, dataset: object, pool: str | None, seed: int = 0) -> None:
        self._rule, self._seed = pool, seed
        videos: Sequence[VideoRecord] = getattr(dataset, 'videos', ())
        self._videos = {video.name: video for video in videos}
        self.unavailable = self._reason()
        self._fixations: DatasetFixations | None = None

    def _reason(self) -> str | None:
        if self._rule is None:
            return 'the protocol has no shuffled AUC'
        if not self._videos:
            return 'the data set does not list the files of its videos'
        with_fixations = [video for video in self._videos.values() if video.fixations]
        if self._rule == 'other-videos' and len(with_fixations) < 2:
            return 'it needs fixations of other videos, and the data set has one video'
        if sum(len(video.fixations) for video in with_fixations) < 2:
            return 'it needs fixations of other frames, and the data set has none'
        return None

    def for_frame(self, video: str, frame: str, size: Size) -> np.ndarray:
        """(*size) counts of what a frame is scored against; see `NonfixationPool`.

        Raises:
            ConfigError: the protocol has no rule.
        """
        if self._rule is None:
            raise ConfigError(f'there is no shuffled AUC: {self.unavailable}')
        if self._fixations is None:
            self._fixations = self._read_all(self._rule)
        return self._fixations.for_frame(self._rule, video, frame, size)

    def _read_all(self, rule: str) -> DatasetFixations:
        count = sum(len(video.fixations) for video in self._videos.values())
        print_log(f'Reading the fixations of {count} frames for shuffled AUC', logger='current')
        fixations = DatasetFixations([rule], self._seed)
        for video in self._videos.values():
            if video.fixations:
                read = [_read_points(path) for path in video.fixations]
                size = read[0][1]
                points = [rescale_points(found, own_size, size) for found, own_size in read]
                fixations.add(video.name, [Path(f).stem for f in video.frames], points, size)
        return fixations


def _read_points(path: str) -> tuple[np.ndarray, Size]:
    """Fixated pixels (n, 2) of a file, and the size of its map."""
    fixations = read_fixation_map(path)
    return np.argwhere(fixations), fixations.shape
