"""What writers need of maps, whoever made them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeAlias

import numpy as np

# Called with 1 after each frame; an error that it raises ends the work.
OnFrame: TypeAlias = Callable[[int], object]
# Ground truth of a frame, by its number in the stimulus: fixation_map and density_map or None.
Truth: TypeAlias = Callable[[int], tuple[np.ndarray | None, np.ndarray | None]]


class MapSequence(Protocol):
    """Maps (H, W) float32 in [0, 1] of some frames of a stimulus."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, H, W)."""

    @property
    def frames(self) -> Sequence[int]:
        """Numbers (from 0) of the stimulus' frames that have a map."""

    @property
    def names(self) -> Sequence[str]:
        """Of these frames."""

    @property
    def times(self) -> np.ndarray:
        """(T,) of these frames, seconds from the stimulus' first."""

    @property
    def fps(self) -> float:
        """Frames per second of these."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Generator[np.ndarray, None, None]: ...

    def __getitem__(self, index: int, /) -> np.ndarray: ...
