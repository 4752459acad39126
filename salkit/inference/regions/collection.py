"""The regions of one video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from ...errors import ConfigError, DataError, SalkitError, ShapeError
from ...utils.text import check_choice, nearest_names
from .files import Units, read_regions
from .region import Region
from .shapes import Cover, Mask, Size

MOST_REGIONS = 1_000
# By how much two sizes may differ in shape: rows and columns are whole numbers.
_SAME_SHAPE = 0.01


class Regions(Sequence[Region]):
    """The regions of a video, in order.

    Args:
        regions: of different names.
        units: 'pixels' of the video; or 'share' of its width and height, 0 to 1.
        size: (rows, columns) of the frames that pixels are counted in; None for the video's.

    Attributes:
        names: of the regions.
        is_placed: whether they are `on` a video.
        path: of the file that they were read from, which messages name; None without.

    Raises:
        ConfigError: none, too many, or two of one name.
    """

    def __init__(
        self, regions: Sequence[Region], units: Units = 'pixels', size: Size | None = None
    ) -> None:
        check_choice('regions', 'units', units, ('pixels', 'share'))
        if isinstance(regions, Region) or not all(isinstance(each, Region) for each in regions):
            raise ConfigError(f'expected a list of regions, got {regions!r:.80}')
        if not 1 <= len(regions) <= MOST_REGIONS:
            raise ConfigError(f'expected 1 to {MOST_REGIONS:,} regions, got {len(regions)}')
        self._regions, self.units, self.size = tuple(regions), units, size
        self.is_placed = False
        self.path: Path | None = None
        self.names = [region.name for region in regions]
        for place, name in enumerate(self.names):
            if name in self.names[:place]:
                raise ConfigError(f'two regions are called {name!r}; expected different names')

    @classmethod
    def from_file(cls, path: str | Path, *, first_frame: int = 1, hold: bool = False) -> Regions:
        """Read a CSV, JSON or COCO file, a picture or a video of masks; see docs/regions.md.

        Args:
            path: of the file.
            first_frame: what it calls the video's first frame, where it numbers key frames.
            hold: regions stay where their first and last key frames put them.

        Raises:
            DataError: a file that cannot be read, or a value that does not fit; the message names
                both.
        """
        found = read_regions(Path(path), first_frame, hold)
        try:
            regions = cls(found.regions, found.units, found.size)
        except SalkitError as error:
            raise DataError(f'{path}: {error}') from None
        regions.path = Path(path)
        return regions

    @classmethod
    def of(cls, regions: Regions | Sequence[Region]) -> Regions:
        """Regions as they are; of a list, in pixels."""
        return regions if isinstance(regions, Regions) else cls(regions)

    def __len__(self) -> int:
        return len(self._regions)

    @overload
    def __getitem__(self, index: int | str) -> Region: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Region]: ...

    def __getitem__(self, index: int | str | slice) -> Region | Sequence[Region]:
        """A region by number or name."""
        if isinstance(index, str):
            if index not in self.names:
                raise KeyError(f'{index!r}: {nearest_names(index, self.names)}')
            index = self.names.index(index)
        return self._regions[index]

    def __iter__(self) -> Iterator[Region]:
        return iter(self._regions)

    def __repr__(self) -> str:
        return f'Regions({", ".join(self.names)}; {self.units})'

    def on(self, size: Size, times: np.ndarray) -> Regions:
        """The regions on a video.

        Args:
            size: (rows, columns) of its frames.
            times: (n,) seconds at which each of its frames appears.

        Raises:
            ConfigError: a region that lies wholly outside of the frame, whenever it is there, or
                a key frame that the video has not.
            ShapeError: masks of another size than the frames.
        """
        try:
            return self._on(size, times)
        except (ConfigError, ShapeError) as error:
            if self.path is None:
                raise
            raise type(error)(f'{self.path}: {error}') from None

    def _on(self, size: Size, times: np.ndarray) -> Regions:
        own = self.size or size
        if abs(own[1] * size[0] / (own[0] * size[1]) - 1) > _SAME_SHAPE:
            raise ShapeError(
                f'regions are on frames of {own[1]} x {own[0]} pixels, expected the shape of the '
                f"video's, {size[1]} x {size[0]}"
            )
        placed = Regions([region.timed(times) for region in self], self.units, own)
        rows, columns = placed.frame
        for region in placed:
            masks = {shape.values.shape for shape in region.shapes if isinstance(shape, Mask)}
            for got in masks - {size, own}:
                raise ShapeError(
                    f'{region.name}: the mask has {got[1]} x {got[0]} pixels, expected '
                    f'{size[1]} x {size[0]} as the frames'
                )
            if masks:
                continue
            bounds = np.array([shape.bounds() for shape in region.shapes])
            left, top = bounds[:, :2].min(0)
            right, bottom = bounds[:, 2:].max(0)
            if left >= columns or top >= rows or right <= 0 or bottom <= 0:
                raise ConfigError(
                    f'{region.name}: lies outside of the frame: x {left:g} to {right:g}, y {top:g} '
                    f'to {bottom:g}; expected something in {columns} x {rows} ({self.units})'
                )
        placed.is_placed = True
        return placed

    @property
    def frame(self) -> Size:
        """(rows, columns) that the numbers are counted in.

        Raises:
            ConfigError: pixels of nobody knows what.
        """
        if self.units == 'share':
            return 1, 1
        if self.size is None:
            raise ConfigError('regions in pixels need the size of the frames: regions.on(...)')
        return self.size

    def covers(self, time: float, size: Size) -> list[Cover | None]:
        """What each region covers at a time; None where it is not there or outside of the frame.

        Args:
            time: seconds from the video's first frame.
            size: (rows, columns) of the map.
        """
        covers = []
        for region in self:
            shape = region.at(time)
            cover = None if shape is None else shape.cover(size, self.frame)
            covers.append(cover if cover is not None and cover.weights.any() else None)
        return covers

    def masks(self, time: float, size: Size) -> np.ndarray:
        """The covered part of every pixel, (regions, rows, columns) float32 in [0, 1].

        Args:
            time: seconds from the video's first frame.
            size: (rows, columns) of the masks.
        """
        is_sized = self.size or self.units == 'share'
        placed = self if is_sized else Regions(self._regions, self.units, size)
        masks = np.zeros((len(self), *size), np.float32)
        for mask, cover in zip(masks, placed.covers(time, size), strict=True):
            if cover is not None:
                mask[cover.rows, cover.columns] = cover.weights
        return masks

    @property
    def are_fixed(self) -> bool:
        """Whether no region moves."""
        return all(region.shape is not None for region in self)
