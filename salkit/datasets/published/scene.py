"""Scene (Liang et al., 2015): 500 photos of the SUN 2012 set, looked at by 10 to 12 people each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import DataError
from ...media.mat_cells import described, read_mat_cells
from ...registry import DATASETS, PUBLISHED
from ..base import VideoSaliencyDataset
from .base import DensityArguments
from .pictures import SIGMA_WIDTH, PictureDataset

STEMS = [f'{number:03d}' for number in range(1, 501)]
# y, x, onset and duration.
COLUMNS = 4


class _Scene(PictureDataset):
    def read_fixations(self, path: Path) -> dict[str, list[np.ndarray]]:
        """Read cells with a row for each picture and a column for each observer.

        In a cell, each row is a fixation: y, x, onset and duration in seconds.
        """
        cells = read_mat_cells(path, 'fixations')
        if cells.ndim != 2 or len(cells) != len(STEMS):
            raise DataError(
                f'{path}: expected cells of {len(STEMS)} pictures by observers, got '
                f'{described(cells)}'
            )
        return {
            stem: [
                _points(cell, f'{path}, fixations{{{index + 1}, {number + 1}}}')
                for number, cell in enumerate(cells[index])
            ]
            for index, stem in enumerate(STEMS)
        }


def _points(cell: object, where: str) -> np.ndarray:
    """The fixations of an observer, (n, 2) y and x; an observer may not have seen a picture."""
    if isinstance(cell, np.ndarray) and cell.dtype != object:
        if not cell.size:
            return np.zeros((0, 2))
        if cell.ndim == 2 and cell.shape[1] == COLUMNS:
            return cell[:, :2].astype(np.float64)
    raise DataError(f'{where}: expected rows of y, x, onset and duration, got {described(cell)}')


PUBLISHED.add(
    _Scene(
        'scene',
        'Scene',
        dataset_type='SceneDataset',
        counts={'train': (350, 350), 'val': (50, 50), 'test': (100, 100)},
        video_names=r'scene-\d{3}',
        recipes={'scene': DensityArguments(sigma_width=SIGMA_WIDTH)},
        layout='data/stimuli/001.jpg ... 500.jpg and data/tidy/fixations.mat',
        stems=STEMS,
        fixations_file='data/tidy/fixations.mat',
    )
)


@DATASETS.register_module()
class SceneDataset(VideoSaliencyDataset):
    """Scene (Liang et al. 2015), each photo as a video of one frame.

    `<root>/train|val|test/<photo>`: 350 photos for training, 50 for validation and 100 for testing,
    by salkit's own fixed split.
    """

    single_split_serves_all = False
