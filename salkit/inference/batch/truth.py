"""Ground truth to draw beside predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...datasets.file_list import list_files
from ...errors import DataError
from ...media.images import IMAGE_SUFFIXES
from ...media.maps import read_fixation_map, read_map
from ..stimulus import Stimulus


class StimulusTruth:
    """Fixation and density maps of a stimulus, by number of its frame.

    Args:
        folder: holds `fixation` and `maps`, as a data set's folder of a video; fixations are
            images, or .mat files in `fixation/maps`.
        stimulus: what they belong to.
        fixations: whether fixation maps are wanted.
        densities: whether density maps are.

    Raises:
        DataError: maps that are wanted are not there, or not as many as there are frames.
    """

    def __init__(
        self, folder: Path, stimulus: Stimulus, fixations: bool = True, densities: bool = True
    ) -> None:
        self._fixations: Sequence[str] = ()
        self._densities: Sequence[str] = ()
        if fixations:
            places = {folder / 'fixation': IMAGE_SUFFIXES, folder / 'fixation/maps': ('.mat',)}
            self._fixations = _files(places, stimulus)
        if densities:
            self._densities = _files({folder / 'maps': IMAGE_SUFFIXES}, stimulus)

    def __call__(self, number: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Maps of frame `number`: (H, W) bool and (H, W) >= 0, None if not wanted.

        Raises:
            DataError: a file that cannot be read.
        """
        return (
            read_fixation_map(self._fixations[number]) if self._fixations else None,
            read_map(self._densities[number]) if self._densities else None,
        )


def _files(places: dict[Path, tuple[str, ...]], stimulus: Stimulus) -> Sequence[str]:
    """The files in the first of the folders that has any, a file for each frame."""
    for folder, suffixes in places.items():
        files = list_files(folder, suffixes) if folder.is_dir() else ()
        if files and len(files) != len(stimulus):
            raise DataError(
                f'{folder}: {len(files)} maps of ground truth, but {stimulus.path} has '
                f'{len(stimulus)} frames'
            )
        if files:
            return files
    raise DataError(f'{next(iter(places))}: holds no ground truth of {stimulus.path}')
