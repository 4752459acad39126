"""The ground truth of a video, as data sets publish it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..datasets.file_list import FileList, list_files
from ..datasets.published import DensityArguments, PublishedVideo
from ..datasets.recorded_truth import RecordedTruth
from ..datasets.truth_video import FixationLists, TruthVideo
from ..errors import DataError
from ..functional.density import density_of
from ..media.images import IMAGE_SUFFIXES, image_size
from ..media.map_stacks import MapStack, places_within
from ..media.maps import checked_density, write_map
from ..utils.density_options import DensityOptions
from ..utils.parallel import check_stopped
from .fixations import Gaze, fixation_points, points_to_map
from .fixations.density import count_points
from .options import GazeOptions, PrepareOptions
from .stimulus import Stimulus, link_all


class Annotation(ABC):
    """Ground truth of one video."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """What a finished video remembers of it: another kind means that it is made again."""

    def lengths(self) -> dict[str, int]:
        """Number of frames of each part, by what a message calls the part.

        Empty where any number of frames fits.

        Raises:
            DataError: ground truth that cannot be read.
        """
        return {}

    def names(self) -> Sequence[str] | None:
        """Stems of the frames' files, where they have any."""
        return None

    def size(self) -> tuple[int, int] | None:
        """(rows, columns) of the first density map, where there is one before it is made."""
        return None

    @abstractmethod
    def write(
        self, folder: Path, names: Sequence[str], stimulus: Stimulus, options: PrepareOptions
    ) -> str:
        """Make `maps` and `fixation` in the folder of a video, one a frame in `names`.

        Returns:
            What a reader should know, mostly nothing.
        """


@dataclass(frozen=True)
class LinkedMaps(Annotation):
    """Published images, linked as they are.

    Args:
        video: says where they are.
    """

    video: PublishedVideo
    kind = 'published maps'

    @cached_property
    def _files(self) -> dict[str, FileList]:
        """The files by the folder that they go into."""
        places = (
            ('maps', self.video.densities, IMAGE_SUFFIXES),
            ('fixation', self.video.fixations, IMAGE_SUFFIXES),
            ('fixation/maps', self.video.mats, ('.mat',)),
        )
        lists = {into: list_files(place, suffixes) for into, place, suffixes in places if place}
        if self.video.frames is not None:
            for into, files in lists.items():
                within = places_within(files.stems(), self.video.frames)
                lists[into] = FileList.of_names(files.folder, [files.names[i] for i in within])
        return {into: files for into, files in lists.items() if files or into == 'maps'}

    def lengths(self) -> dict[str, int]:
        """Density maps, and fixation maps where there are any."""
        densities, *fixations = map(len, self._files.values())
        lengths = {'density maps': densities}
        return {**lengths, 'fixation maps': fixations[0]} if fixations else lengths

    def names(self) -> Sequence[str]:
        """Those of the density maps."""
        return self._files['maps'].stems()

    def size(self) -> tuple[int, int]:
        """From the header of the first file."""
        return image_size(self._files['maps'][0])

    def write(
        self, folder: Path, names: Sequence[str], stimulus: Stimulus, options: PrepareOptions
    ) -> str:
        """Link the files under their own names."""
        for into, files in self._files.items():
            link_all(files[: len(names)], folder / into, options.copy)
        if len(self._files) > 1:
            return ''
        return 'no fixation maps: its data set needs require_fixations=False'


class WrittenMaps(Annotation):
    """Ground truth that becomes an image a frame."""

    @abstractmethod
    def frames(self, count: int, stimulus: Stimulus) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Density map (H, W) in [0, 1] and fixation points (n, 2) of the first `count` frames."""

    def note(self) -> str:
        """What a reader should know of the frames, once all were read."""
        return ''

    def write(
        self, folder: Path, names: Sequence[str], stimulus: Stimulus, options: PrepareOptions
    ) -> str:
        """Write both as images."""
        format = 'png' if options.map_bits == 8 else 'png16'
        for part in ('maps', 'fixation'):
            (folder / part).mkdir()
        frames = self.frames(len(names), stimulus)
        for name, (density, points) in zip(names, frames, strict=True):
            check_stopped()
            write_map(density, folder / 'maps' / f'{name}.png', format)
            fixated = points_to_map(points, density.shape).astype(np.float32)
            write_map(fixated, folder / 'fixation' / f'{name}.png', 'png')
        return self.note()


@dataclass(frozen=True)
class ListedFixations(WrittenMaps):
    """A list of fixations for every frame, and density maps or the recipe to make them.

    Args:
        truth: the lists, and the density maps where there are any.
        recipe: arguments of `density_map` otherwise.
        bits: 8 or 16, of the density maps that are written.
    """

    truth: TruthVideo
    recipe: DensityArguments | None
    bits: int = 8

    @property
    def kind(self) -> str:
        """With the depth of the maps, and the recipe where they are made."""
        if isinstance(self.truth, RecordedTruth):
            return f'fixations {self.truth.recording.digest} and {self.recipe}, {self.bits} bits'
        if self.truth.densities is None:
            return f'fixations and {self.recipe}, {self.bits} bits'
        return f'saliency video and fixations.json, {self.bits} bits'

    @cached_property
    def _lists(self) -> FixationLists:
        lists = self.truth.read_lists()
        if lists is None:
            raise DataError(f'{self.truth.fixations}: expected lists of fixations')
        return lists

    def lengths(self) -> dict[str, int]:
        """Frames of the saliency video, lists of fixations."""
        lists = {f'entries in {self._lists.path.name}': len(self._lists)}
        stack = self._stack
        return lists if stack is None else {'saliency frames': len(stack), **lists}

    @property
    def _stack(self) -> MapStack | None:
        """Published density maps."""
        return None if self.truth.densities is None else self.truth.density_stack

    def frames(self, count: int, stimulus: Stimulus) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As the data set has them."""
        stack, size = self._stack, stimulus.size
        points = (self._lists.at(index, size) for index in range(count))
        if stack is None:
            density_options = DensityOptions(**(self.recipe or {}))
            for each in points:
                counts = count_points(each, size)
                yield density_of(counts, density_options, stimulus.pixel_aspect), each
            return
        for index, (density, each) in enumerate(zip(stack.read(range(count)), points, strict=True)):
            checked_density(density, stack.where(index))
            if density.shape != size:
                raise DataError(
                    f'{stack.where(index)}: the map is {density.shape[0]} x {density.shape[1]} '
                    f'pixels, its frame is {size[0]} x {size[1]}'
                )
            if np.issubdtype(density.dtype, np.integer):
                density = density.astype(np.float32) / np.iinfo(density.dtype).max
            yield density, each

    def note(self) -> str:
        """What is to be known of the lists."""
        return self._lists.note()


class GazeMaps(WrittenMaps):
    """Density and fixation maps made from gaze.

    Args:
        gaze: on this video.
        options: how.
        bits: 8 or 16, of the density maps.
    """

    def __init__(self, gaze: Gaze, options: GazeOptions, bits: int = 8) -> None:
        self.gaze, self.options, self.bits = gaze, options, bits
        self._left_out = 0

    @cached_property
    def kind(self) -> str:
        """With a digest of the samples."""
        content = self.gaze.points.tobytes() + self.gaze.moments.tobytes()
        if self.gaze.durations is not None:
            content += self.gaze.durations.tobytes()
        digest = hashlib.sha256(content).hexdigest()[:16]
        return f'gaze {digest}, {self.options}, {self.bits} bits'

    def frames(self, count: int, stimulus: Stimulus) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of the samples on each frame."""
        how, density = self.options, DensityOptions(**self.options.density)
        clock = how.fps if stimulus.times is None else stimulus.times
        points, self._left_out = fixation_points(
            self.gaze, stimulus.size, len(stimulus), clock, how, stimulus.pixel_aspect
        )
        for places in points[:count]:
            counts = count_points(places, stimulus.size)
            yield density_of(counts, density, stimulus.pixel_aspect), places

    def note(self) -> str:
        """How many samples are beside the video."""
        if not self._left_out:
            return ''
        return f'{self._left_out} of {len(self.gaze.points)} gaze samples are not on the video'
