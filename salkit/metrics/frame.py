"""A prediction and its ground truth, in the forms that measures take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import DataError
from ..functional import count_fixations

# What a measure may need, and what a data set lacks where it is not there.
NEEDS = {
    'density': 'density maps',
    'fixations': 'fixation maps',
    'nonfixations': 'fixations of other frames',
    'baseline': 'a baseline density',
}


@dataclass(frozen=True)
class Truth:
    """Ground truth of one frame; what there is none of is None.

    Attributes:
        density: (H, W) uint8 or float, >= 0, any unit.
        fixation_map: (H, W), > 0 where fixated.
        fixation_points: (n, 2) whole numbers, row and column of each fixation, repeats kept.
        nonfixations: (H, W) counts >= 0: where other frames were fixated, for shuffled AUC.
        baseline: (H, W) >= 0, the density that information gain is counted from.
    """

    density: np.ndarray | None = None
    fixation_map: np.ndarray | None = None
    fixation_points: np.ndarray | None = None
    nonfixations: np.ndarray | None = None
    baseline: np.ndarray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the frame.

        Raises:
            DataError: there are no maps, whose size would be known.
        """
        for each in (self.density, self.fixation_map, self.nonfixations, self.baseline):
            if each is not None:
                rows, columns = each.shape
                return rows, columns
        raise DataError('expected a density map or a fixation map, got none')

    @property
    def has_fixations(self) -> bool:
        """Whether anything was looked at."""
        if self.fixation_map is not None:
            return bool(np.any(self.fixation_map > 0))
        return self.fixation_points is not None and len(self.fixation_points) > 0

    @property
    def is_surprising(self) -> bool:
        """Whether the baseline is 0 where the frame was looked at, which nothing could foresee."""
        if self.baseline is None or not self.has_fixations:
            return False
        if self.fixation_map is not None:
            return not self.baseline[self.fixation_map > 0].all()
        assert self.fixation_points is not None
        return not self.baseline[tuple(self.fixation_points.T)].all()

    def holds(self, need: str) -> bool:
        """Whether there is ground truth of this kind, one of `NEEDS`."""
        if need == 'fixations':
            return self.fixation_map is not None or self.fixation_points is not None
        return getattr(self, need) is not None


class Frame:
    """A prediction and its ground truth in the forms that measures take.

    A measure asks only for what its `Measure.needs` names.

    Attributes:
        prediction: (H, W) in the type it came in, for what looks at the order only.
        truth: as given.
        original: (h, w), the prediction before it was prepared.
    """

    def __init__(
        self, prediction: np.ndarray, truth: Truth, original: np.ndarray | None = None
    ) -> None:
        self.prediction = prediction
        self.truth = truth
        self.original = prediction if original is None else original

    @cached_property
    def values(self) -> np.ndarray:
        """The prediction (H, W) as float64."""
        return np.asarray(self.prediction, np.float64)

    @property
    def stored_density(self) -> np.ndarray:
        """The density map (H, W) in the type it came in."""
        assert self.truth.density is not None
        return self.truth.density

    @cached_property
    def density(self) -> np.ndarray:
        """The density map (H, W), whole numbers or float64."""
        density = self.stored_density
        return density.astype(np.float64) if density.dtype.kind == 'f' else density

    @property
    def nonfixations(self) -> np.ndarray:
        """(H, W) counts: where other frames were fixated."""
        assert self.truth.nonfixations is not None
        return self.truth.nonfixations

    @property
    def baseline(self) -> np.ndarray:
        """(H, W) float64, the density that information gain is counted from."""
        assert self.truth.baseline is not None
        return np.asarray(self.truth.baseline, np.float64)

    @cached_property
    def fixations(self) -> np.ndarray:
        """(H, W) bool, the fixated pixels."""
        if self.truth.fixation_map is not None:
            return self.truth.fixation_map > 0
        return self.counts > 0

    @cached_property
    def fixation_map(self) -> np.ndarray:
        """(H, W) bool; of a float prediction float64, so that the AUC of a float32 map is too."""
        is_float = self.prediction.dtype.kind == 'f'
        return self.fixations.astype(np.float64) if is_float else self.fixations

    @cached_property
    def counts(self) -> np.ndarray:
        """(H, W) int64, the fixations on each pixel; 1 a pixel where only a map is known."""
        if self.truth.fixation_points is None:
            return self.fixations.astype(np.int64)
        return count_fixations(self.truth.fixation_points, self.prediction.shape)
