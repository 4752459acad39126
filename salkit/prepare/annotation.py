"""The ground truth of a video, as data sets publish it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..datasets.file_list import FileList, list_files
from ..datasets.truth_video import PointLists
from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES
from ..media.map_stacks import MapStack, open_stack
from .fixations import points_to_map
from .linking import link_or_copy
from .options import PrepareOptions
from .stimulus import Stimulus


class Annotation(ABC):
    """Ground truth of one video."""

    # What a finished video remembers of it: a changed answer means that it has to be made again.
    kind: Any

    @abstractmethod
    def lengths(self) -> dict[str, int]:
        """Number of frames of each part, by what a message calls the part.

        Empty where any number of frames fits.

        Raises:
            DataError: ground truth that cannot be read.
        """

    def names(self) -> Sequence[str] | None:
        """Stems of the frames' files, where they have any."""
        return None

    def size(self) -> tuple[int, int] | None:
        """(rows, columns) of the first density map, where there is one before it is made."""
        return None

    @abstractmethod
    def write(
        self,
        folder: Path,
        names: Sequence[str],
        stimulus: Stimulus,
        options: PrepareOptions,
        advance: Callable,
    ) -> str:
        """Make `maps` and `fixation` in `folder`, as many frames as there are `names`.

        Args:
            folder: of the video.
            names: stems of the frames' files.
            stimulus: the frames that it belongs to.
            options: how.
            advance: called with 0 now and then, to see whether to go on.

        Returns:
            What a reader should know, mostly nothing.
        """


def _list(folder: Path | None, suffixes: Sequence[str]) -> FileList:
    if folder is None or not folder.is_dir():
        return FileList('')
    return list_files(folder, suffixes)


@dataclass(frozen=True)
class FolderAnnotation(Annotation):
    """Published images, linked as they are: `maps`, `fixation` and `fixation/maps/*.mat`.

    Args:
        folder: holds them.
    """

    folder: Path
    kind = 'published maps'

    @cached_property
    def _densities(self) -> FileList:
        return _list(self.folder / 'maps', IMAGE_SUFFIXES)

    @cached_property
    def _fixations(self) -> FileList:
        return _list(self.folder / 'fixation', IMAGE_SUFFIXES)

    @cached_property
    def _mats(self) -> FileList:
        return _list(self.folder / 'fixation' / 'maps', ('.mat',))

    def lengths(self) -> dict[str, int]:
        """Density maps, and fixation maps where there are any."""
        fixations = len(self._fixations or self._mats)
        lengths = {'density maps': len(self._densities)}
        return {**lengths, 'fixation maps': fixations} if fixations else lengths

    def names(self) -> Sequence[str]:
        """Those of the density maps."""
        return self._densities.stems()

    def size(self) -> tuple[int, int]:
        """From the header of the first file."""
        path = self._densities[0]
        try:
            with Image.open(path) as image:
                return image.height, image.width
        except Exception as error:
            # Pillow raises whatever the broken bytes lead it to.
            raise DataError(f'{path}: cannot be read as an image ({error})') from error

    def write(
        self,
        folder: Path,
        names: Sequence[str],
        stimulus: Stimulus,
        options: PrepareOptions,
        advance: Callable,
    ) -> str:
        """Link the files under their own names."""
        parts = ((self._densities, 'maps'), (self._fixations, 'fixation'))
        for files, place in (*parts, (self._mats, 'fixation/maps')):
            if files:
                (folder / place).mkdir(parents=True)
            for path in files[: len(names)]:
                link_or_copy(path, folder / place / Path(path).name, options.copy)
                advance(0)
        if not self._fixations and not self._mats:
            return 'no fixation maps: its data set has to be told require_fixations=False'
        return ''


@dataclass(frozen=True)
class StackAnnotation(Annotation):
    """A saliency video and a list of fixations for every frame, as AViMoS has them.

    Args:
        densities: grey video, or folder of images.
        fixations: JSON file: for every frame a list of [row, column].
        bits: 8 or 16, of the density maps written.
    """

    densities: Path
    fixations: Path
    bits: int = 8

    @property
    def kind(self) -> str:
        """With the depth of the maps."""
        return f'saliency video and fixations.json, {self.bits} bits'

    @cached_property
    def _stack(self) -> MapStack:
        return open_stack(self.densities)

    @cached_property
    def _lists(self) -> PointLists:
        return PointLists(self.fixations)

    def lengths(self) -> dict[str, int]:
        """Frames of the saliency video, entries of the list."""
        return {
            'saliency frames': len(self._stack),
            f'entries in {self.fixations.name}': len(self._lists),
        }

    def write(
        self,
        folder: Path,
        names: Sequence[str],
        stimulus: Stimulus,
        options: PrepareOptions,
        advance: Callable,
    ) -> str:
        """Write both as images."""
        densities = self._stack.read(range(len(names)))
        for index, (name, density) in enumerate(zip(names, densities, strict=True)):
            if density.shape != tuple(stimulus.size):
                raise DataError(
                    f'{self._stack.where(index)}: the map is {density.shape[0]} x '
                    f'{density.shape[1]} pixels, its frame is '
                    f'{stimulus.size[0]} x {stimulus.size[1]}'
                )
            if np.issubdtype(density.dtype, np.integer):
                density = density.astype(np.float32) / np.iinfo(density.dtype).max
            save_density(density, folder / 'maps' / f'{name}.png', self.bits)
            points = self._lists.at(index, density.shape)
            save_fixations(points, density.shape, folder / 'fixation' / f'{name}.png')
            advance(0)
        return ''


def save_density(density: np.ndarray, path: Path, bits: int = 8) -> None:
    """Write a map (H, W) in [0, 1] as a grey PNG of 8 or 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dtype = np.uint8 if bits == 8 else np.uint16
    levels = np.rint(np.clip(density, 0, 1) * np.float32(np.iinfo(dtype).max))
    Image.fromarray(levels.astype(dtype)).save(path, compress_level=1)


def save_fixations(points: np.ndarray, size: tuple[int, int], path: Path) -> None:
    """Write points (n, 2), rows and columns, as a PNG of `size` that is 255 where they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fixation_map = points_to_map(points, size)
    Image.fromarray(fixation_map.astype(np.uint8) * np.uint8(255)).save(path)
