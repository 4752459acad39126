"""A video or picture of a data set that publishes all fixations in one file."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...utils.density_options import DensityOptions
from ..recorded_truth import RecordedTruth, Recording
from ..truth_video import TruthVideo
from .base import DensityArguments
from .raw_layout import PublishedVideo


@dataclass(frozen=True)
class RecordedVideo(PublishedVideo):
    """A video or picture with its fixations, of a data set that lists those of all in one file.

    Attributes:
        recording: the fixations; None where the list has none.
        recipe: of its density maps.
    """

    recording: Recording | None = field(default=None, compare=False)
    recipe: DensityArguments = field(default_factory=DensityArguments, compare=False)

    @property
    def needs_densities(self) -> bool:
        """Its file tells the size."""
        return False

    def truth(self, prefer_mat: bool = False) -> TruthVideo:
        """Its ground truth, which is made of the fixations."""
        if self.stimulus is None or self.recording is None:
            return super().truth(prefer_mat)
        density = DensityOptions(**self.recipe)
        return RecordedTruth(self.name, self.stimulus, self.recording, density)
