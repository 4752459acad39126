"""Maps of a video that were predicted before, by whatever model."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..media.map_stacks import open_stack
from ..media.maps import checked_density
from .outputs import OnFrame
from .stimulus import Stimulus


class StoredMaps:
    """The maps in a folder, .npy, .npz or video, a map for each frame of a stimulus.

    Args:
        path: of the folder or file, see `open_stack`.
        stimulus: the video.

    Attributes:
        stimulus: the video.
        shape: (T, H, W) of the stimulus' frames.
        frames: numbers of all of them, from 0.
        names: of the frames.
        times: (T,) seconds from the first frame to each.
        fps: frames per second.

    Raises:
        DataError: nothing that holds maps, or more or fewer than there are frames.
    """

    def __init__(self, path: str | Path, stimulus: Stimulus) -> None:
        self._stack = open_stack(Path(path))
        if len(self._stack) != len(stimulus):
            raise DataError(
                f'{path}: holds {len(self._stack)} maps, expected {len(stimulus)}, one for each '
                f'frame of {stimulus.path or stimulus.name}'
            )
        self.stimulus = stimulus
        self.shape = (len(stimulus), *stimulus.size)
        self.frames: Sequence[int] = range(len(stimulus))
        self.names = stimulus.names
        self.times, self.fps = stimulus.times, stimulus.fps

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Generator[np.ndarray, None, None]:
        for place, saliency_map in enumerate(self._stack.read(range(len(self)))):
            yield checked_density(saliency_map, self._stack.where(place))

    @contextmanager
    def kept(
        self, folder: str | Path | None = None, on_frame: OnFrame | None = None
    ) -> Iterator[StoredMaps]:
        """Yield these maps: they are stored already."""
        yield self

    def __getitem__(self, index: int) -> np.ndarray:
        return next(self._stack.read([index]))
