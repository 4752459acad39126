"""Recorded gaze in place of a model: density maps of the fixations on each frame."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from ..functional.density import density_of
from ..inference.regions import RecordedGaze
from ..inference.stimulus import Stimulus
from ..prepare.fixations.density import count_points
from ..utils.density_options import DensityOptions

# Standard deviation of the Gaussian around a fixation, as a share of the frame's width.
SIGMA_WIDTH = 0.03


class GazeMaps:
    """Densities of fixations: a sequence of (H, W) float32 like `SaliencyMaps`, 1 at each peak.

    A frame on which nobody looked has a map of zeros.

    Raises:
        DataError: there is no gaze on the stimulus.
    """

    def __init__(self, stimulus: Stimulus, gaze: RecordedGaze) -> None:
        self.stimulus, self.gaze = stimulus, gaze
        self.frames: Sequence[int] = range(len(stimulus))
        self.names = stimulus.names
        self.times, self.fps = stimulus.times, stimulus.fps
        self.shape: tuple[int, int, int] = (len(stimulus), *stimulus.size)
        # No file holds them.
        self.peaks, self.bytes = np.ones(1, np.float32), 0
        self._looked = gaze.on(stimulus)
        self._options = DensityOptions(sigma_width=SIGMA_WIDTH)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Generator[np.ndarray, None, None]:
        for index in range(len(self)):
            yield self[index]

    def __getitem__(self, index: int) -> np.ndarray:
        points, _ = self._looked.at(float(self.times[index]))
        counts = count_points(points, self.stimulus.size)
        return density_of(counts, self._options, self.stimulus.pixel_aspect)
