"""Recorded gaze in place of a model: density maps of the fixations on each frame."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..functional.density import density_of
from ..inference.stimulus import Stimulus, VideoStimulus
from ..prepare.fixations import Gaze, fixation_points
from ..prepare.fixations.density import count_points
from ..utils.density_options import DensityOptions
from ..utils.text import listed

# Standard deviation of the Gaussian around a fixation, as a share of the frame's width.
SIGMA_WIDTH = 0.03


def pixel_aspect(stimulus: Stimulus) -> float:
    """Width of a pixel as shown by its height."""
    return stimulus.info.pixel_aspect if isinstance(stimulus, VideoStimulus) else 1.0


def gaze_on(stimulus: Stimulus, gaze: Mapping[str, Gaze]) -> Gaze:
    """The gaze on one stimulus, which the file calls by its name, with or without the ending.

    Raises:
        DataError: there is none.
    """
    named = {Path(video).name: each for video, each in gaze.items()}
    path = stimulus.path or Path(stimulus.name)
    for name in (path.name, path.stem):
        if name in named:
            return named[name]
    raise DataError(f'there is no gaze on {path.name}; the gaze file has {listed(gaze, 3)}')


class GazeMaps:
    """Densities of fixations: a sequence of (H, W) float32 like `SaliencyMaps`, 1 at each peak.

    A frame on which nobody looked has a map of zeros.

    Raises:
        DataError: not a single sample lies on the stimulus.
    """

    def __init__(self, stimulus: Stimulus, gaze: Gaze) -> None:
        self.stimulus, self.gaze = stimulus, gaze
        self.frames: Sequence[int] = range(len(stimulus))
        self.names = stimulus.names
        self.times, self.fps = stimulus.times, stimulus.fps
        self.shape: tuple[int, int, int] = (len(stimulus), *stimulus.size)
        # No file holds them.
        self.peaks, self.bytes = np.ones(1, np.float32), 0
        self._aspect = pixel_aspect(stimulus)
        self._points, _ = fixation_points(
            gaze, stimulus.size, len(stimulus), stimulus.times, pixel_aspect=self._aspect
        )
        self._options = DensityOptions(sigma_width=SIGMA_WIDTH)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Generator[np.ndarray, None, None]:
        for index in range(len(self)):
            yield self[index]

    def __getitem__(self, index: int) -> np.ndarray:
        counts = count_points(self._points[index], self.stimulus.size)
        return density_of(counts, self._options, self._aspect)
