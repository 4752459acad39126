"""The ground truth of one video, read frame by frame."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import DataError
from ..media.images import IMAGE_SUFFIXES
from ..media.map_stacks import (
    FolderStack,
    MapStack,
    fingerprint_of,
    fingerprint_of_file,
    open_stack,
)
from ..media.maps import checked_density, read_fixation_map
from ..utils.input_files import read_input_json
from .matching import match_frames


@dataclass
class TruthFrame:
    """What is known of one frame.

    Attributes:
        density: (H, W) as stored, or None.
        fixation_map: (H, W) bool, or None.
        points: (n, 2) rows and columns with repeats, where the data set has lists; else None.
        size: (H, W).
    """

    density: np.ndarray | None
    fixation_map: np.ndarray | None
    points: np.ndarray | None
    size: tuple[int, int]


class FixationLists(Protocol):
    """For every frame of a video a list of fixations.

    Attributes:
        path: of the file that they are from.
    """

    path: Path

    def __len__(self) -> int:
        """Number of frames."""

    def at(self, index: int, size: tuple[int, ...]) -> np.ndarray:
        """The fixations of a frame of `size` (H, W), (n, 2) int64 y and x."""

    def note(self) -> str:
        """What a reader should know of them, once all were read."""
        return ''


class PointLists(FixationLists):
    """The content of a `fixations.json`: for every frame a list of [row, column].

    Args:
        path: of the file.

    Raises:
        DataError: no such file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lists = read_input_json(path)
        if not isinstance(lists, list):
            raise DataError(f'{path}: expected a list with an entry for every frame')
        self._lists = lists

    def __len__(self) -> int:
        return len(self._lists)

    def at(self, index: int, size: tuple[int, ...]) -> np.ndarray:
        """The fixations of a frame of `size` (H, W), (n, 2) int64.

        Raises:
            DataError: no such list, or a fixation outside.
        """
        where = f'{self.path}, frame {index + 1}'
        try:
            points = np.array(self._lists[index], dtype=np.float64).reshape(-1, 2)
        except (TypeError, ValueError, OverflowError):
            raise DataError(f'{where}: expected a list of [row, column]') from None
        outside = ~((points >= 0) & (points < size)).all(1)
        if outside.any():
            row, column = points[outside][0]
            raise DataError(
                f'{where}: the fixation [{row:g}, {column:g}] lies outside the frame of '
                f'{size[0]} rows and {size[1]} columns'
            )
        return points.astype(np.int64)


class TruthVideo:
    """Ground truth of a video.

    Files are listed and frames are paired once, when they are first asked for; a video goes to
    another process with what is known of it.

    Args:
        name: of the video.
        densities: folder of density maps, a file a frame, or a saliency video.
        fixations: folder of fixation maps: images, or .mat files; or a `fixations.json` with a list
            of [row, column] for every frame.
        most: how many frames of folders count, from the first; all by default.

    Attributes:
        note: what a reader should know of the fixations, once they were read.
    """

    def __init__(
        self,
        name: str,
        densities: Path | None,
        fixations: Path | None,
        most: int | None = None,
    ) -> None:
        self.name, self.most = name, most
        self.densities = densities
        self.fixations = fixations
        self.note = ''

    @cached_property
    def density_stack(self) -> MapStack | None:
        """The density maps."""
        if self.densities is None:
            return None
        if self.densities.is_dir():
            return FolderStack(self.densities, IMAGE_SUFFIXES, self.most)
        return open_stack(self.densities)

    @cached_property
    def fixation_stack(self) -> FolderStack | None:
        """The files of the fixation maps; None where there are none, or lists."""
        if self.fixations is None or self.is_list:
            return None
        images = FolderStack(self.fixations, IMAGE_SUFFIXES, self.most)
        return images if len(images) else FolderStack(self.fixations, ('.mat',), self.most)

    @property
    def is_list(self) -> bool:
        """Whether fixations are lists of points."""
        return self.fixations is not None and self.fixations.suffix == '.json'

    @property
    def frames(self) -> MapStack:
        """What the frames are named after: density maps, else fixation maps.

        Raises:
            DataError: no frames.
        """
        frames = self.density_stack or self.fixation_stack
        if frames is None or not len(frames):
            raise DataError(f'{self.densities or self.fixations}: holds no ground truth maps')
        if self.most is not None and len(frames) < self.most:
            raise DataError(
                f'{frames.path}: {len(frames)} maps of the {self.most} frames that its list counts'
            )
        return frames

    @cached_property
    def fixation_places(self) -> dict[int, int]:
        """Place of a frame's fixation map, by index of the frame."""
        if self.fixation_stack is None:
            return {}
        if self.frames is self.fixation_stack:
            return {i: i for i in range(len(self.frames))}
        return {truth: at for at, truth in match_frames(self.fixation_stack, self.frames).pairs}

    @property
    def with_fixations(self) -> Sequence[int]:
        """Indices of the frames whose fixations are known, even if there are none."""
        return range(len(self.frames)) if self.is_list else sorted(self.fixation_places)

    def lacking(self, needs: Collection[str]) -> dict[int, str]:
        """The kind of map that is wanted and not there, by index of the frame."""
        if 'density' in needs and self.density_stack is None:
            return dict.fromkeys(range(len(self.frames)), 'density map')
        if 'fixations' in needs and not self.is_list:
            lacking = (i for i in range(len(self.frames)) if i not in self.fixation_places)
            return dict.fromkeys(lacking, 'fixation map')
        return {}

    def fingerprint(self) -> str:
        """Changes when the name, the size or the time of a file does."""
        stacks = [self.density_stack, self.fixation_stack]
        found = [stack.fingerprint() for stack in stacks if stack is not None]
        if self.fixations is not None and self.is_list:
            found.append(fingerprint_of_file(self.fixations))
        return fingerprint_of(found)

    def read(self, indices: Sequence[int], needs: Collection[str]) -> Iterator[TruthFrame]:
        """Read what is needed of the frames at ascending `indices`, one after another.

        Args:
            indices: frames.
            needs: 'density' and 'fixations', or one of them.

        Raises:
            DataError: a file that cannot be read, maps of different sizes, or a fixation outside.
        """
        stack = self.density_stack
        densities = None
        lists = self.point_lists() if 'fixations' in needs else None
        # A list does not say how large the frame is.
        if stack is not None and ('density' in needs or lists is not None):
            densities = stack.read(indices)
        for index in indices:
            density = None
            if stack is not None and densities is not None:
                density = checked_density(next(densities), stack.where(index))
            fixation_map = None
            if 'fixations' in needs and self.fixation_stack is not None:
                path = self.fixation_stack.where(self.fixation_places[index])
                fixation_map = read_fixation_map(path)
                if stack and density is not None and fixation_map.shape != density.shape:
                    raise DataError(
                        f'{path}: the map is {_size(fixation_map)} pixels, the density map '
                        f'{stack.where(index)} is {_size(density)}'
                    )
            known = fixation_map if density is None else density
            if known is None:
                raise DataError(f'{self.name}: has neither density maps nor fixation maps')
            points = None if lists is None else lists.at(index, known.shape)
            yield TruthFrame(density, fixation_map, points, (known.shape[0], known.shape[1]))

    def read_lists(self) -> FixationLists | None:
        """Read the lists of fixations, if it has such; there may be more or less than frames.

        They are not kept: a video would be many times as large with them.
        """
        return PointLists(self.fixations) if self.fixations is not None and self.is_list else None

    def point_lists(self) -> FixationLists | None:
        """Read the lists of fixations, if it has such.

        Those behind the last frame count for nothing, as with the code of NTIRE 2026, and `note`
        says so.

        Raises:
            DataError: there are fewer lists than frames.
        """
        lists, stack = self.read_lists(), self.density_stack
        if lists is None or stack is None:
            return lists
        if len(lists) < len(stack):
            raise DataError(
                f'{lists.path}: expected an entry for each of the {len(stack)} frames in '
                f'{stack.path}, got {len(lists)} entries'
            )
        if len(lists) > len(stack):
            self.note = (
                f'{lists.path.name} has {len(lists)} entries for {len(stack)} frames; those behind '
                'the last frame were left out'
            )
        return lists

    def read_points(self, indices: Sequence[int]) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
        """Fixations (n, 2) and size (H, W) of frames, without reading more than that takes."""
        lists = self.point_lists()
        if lists is not None:
            size = next(self.read([0], ('density',))).size
            for index in indices:
                yield lists.at(index, size), size
            return
        for frame in self.read(indices, ('fixations',)):
            assert frame.fixation_map is not None
            yield np.argwhere(frame.fixation_map), frame.size


def _size(values: np.ndarray) -> str:
    return f'{values.shape[0]} x {values.shape[1]}'
