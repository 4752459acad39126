"""Ground truth made from recorded fixations when it is asked for; nothing of it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..functional.density import density_of
from ..functional.fixations import count_fixations
from ..media.images import image_size
from ..media.map_stacks import MapStack, fingerprint_of
from ..utils.density_options import DensityOptions
from .truth_video import FixationLists, TruthVideo


@dataclass(frozen=True, eq=False)
class Recording:
    """The fixations of all observers on one picture.

    Attributes:
        points: (n, 2) float64 y and x in pixels.
        observers: (n,) numbers of the observers, from 1.
        where: what a message calls them.
    """

    points: np.ndarray
    observers: np.ndarray
    where: str

    def __len__(self) -> int:
        return len(self.points)

    def inside(self, size: tuple[int, int]) -> np.ndarray:
        """Which of them, (n,) bool, lie in a frame of `size` (H, W); a lost eye does nowhere."""
        return np.all((self.points >= 0) & (self.points < size), axis=1)

    @property
    def digest(self) -> str:
        """Changes when they do."""
        content = self.points.tobytes() + self.observers.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]


class RecordedLists(FixationLists):
    """Recorded fixations, frame by frame; those beside the frames are left out.

    Args:
        recording: of one picture.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.path = Path(recording.where)
        self._left_out = 0

    def __len__(self) -> int:
        return 1

    def at(self, index: int, size: tuple[int, ...]) -> np.ndarray:
        """The fixations on a frame of `size` (H, W), (n, 2) int64."""
        inside = self.recording.inside((size[0], size[1]))
        self._left_out = int((~inside).sum())
        return np.floor(self.recording.points[inside]).astype(np.int64)

    def note(self) -> str:
        """How many fixations are beside the frames that were read."""
        if not self._left_out:
            return ''
        total = len(self.recording)
        return f'{self._left_out} of {total} fixations are not on the picture and were left out'


class RecordedStack(MapStack):
    """The density maps of recorded fixations, made as they are read.

    Args:
        path: of the picture.
        lists: of its fixations.
        density: how it is made.
    """

    def __init__(self, path: Path, lists: RecordedLists, density: DensityOptions) -> None:
        super().__init__(path)
        self._lists, self._density = lists, density

    @cached_property
    def count(self) -> int:
        """A picture is one frame."""
        return len(self._lists)

    @cached_property
    def names(self) -> list[str]:
        """The frame is called as the picture is."""
        return [self.path.stem]

    @property
    def named(self) -> bool:
        """Pictures have names."""
        return True

    def read(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Make them."""
        size = image_size(self.path)
        for index in indices:
            yield density_of(count_fixations(self._lists.at(index, size), size), self._density)

    def fingerprint(self) -> str:
        """Changes when the fixations or the recipe do."""
        return fingerprint_of([self._lists.recording.digest, self._density.to_json()])


class RecordedTruth(TruthVideo):
    """Ground truth of a picture whose data set publishes lists of fixations for all of them.

    Args:
        name: of the video that the picture is.
        stimulus: the picture.
        recording: its fixations.
        density: how density maps are made of them.
    """

    def __init__(
        self, name: str, stimulus: Path, recording: Recording, density: DensityOptions
    ) -> None:
        super().__init__(name, None, None)
        self.stimulus, self.recording, self.density = stimulus, recording, density

    @cached_property
    def density_stack(self) -> MapStack:
        """Made as they are read."""
        return RecordedStack(self.stimulus, RecordedLists(self.recording), self.density)

    @property
    def is_list(self) -> bool:
        """Fixations are lists of points."""
        return True

    def fingerprint(self) -> str:
        """Changes when the fixations or the recipe do."""
        return self.density_stack.fingerprint()

    def read_lists(self) -> FixationLists:
        """The fixations of each frame."""
        return RecordedLists(self.recording)
