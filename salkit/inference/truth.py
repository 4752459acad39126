"""Ground truth to draw beside predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..datasets.file_list import FileList, list_files
from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES, read_image
from .stimulus import Stimulus


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
        self._stimulus = stimulus
        self._fixations = self._densities = FileList('')
        if fixations:
            self._fixations = self._listed(
                (folder / 'fixation', IMAGE_SUFFIXES), (folder / 'fixation' / 'maps', ('.mat',))
            )
        if densities:
            self._densities = self._listed((folder / 'maps', IMAGE_SUFFIXES))

    def _listed(self, *places: tuple[Path, tuple[str, ...]]) -> FileList:
        for folder, suffixes in places:
            files = list_files(folder, suffixes) if folder.is_dir() else ()
            if not files:
                continue
            if len(files) != len(self._stimulus):
                raise DataError(
                    f'{folder}: {len(files)} maps of ground truth, but '
                    f'{self._stimulus.path} has {len(self._stimulus)} frames'
                )
            return files
        raise DataError(f'{places[0][0]}: holds no ground truth of {self._stimulus.path}')

    @property
    def files(self) -> list[Path]:
        """All files that are read."""
        return [Path(path) for files in (self._fixations, self._densities) for path in files]

    def __call__(self, number: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Maps of frame `number`: (H, W) bool and (H, W) float32 in [0, 1], None if not wanted.

        Raises:
            DataError: a file that cannot be read.
        """
        fixation_map = density_map = None
        if self._fixations:
            fixation_map = _read_fixations(self._fixations[number])
        if self._densities:
            values = read_image(self._densities[number], 'unchanged')
            white = 1 if values.dtype.kind == 'b' else 255 if values.dtype == np.uint8 else 65535
            density_map = values.astype(np.float32) / np.float32(white)
        return fixation_map, density_map


def _read_fixations(path: str) -> np.ndarray:
    if path.endswith('.mat'):
        # Needs PyTorch beside it, which pictures do not.
        from ..media.fixation_maps import read_fixation_map

        return read_fixation_map(path)
    return read_image(path, 'unchanged') > 0
