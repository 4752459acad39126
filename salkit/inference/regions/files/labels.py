"""Regions as masks: pictures with a number for each region, folders of them, and gray videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....errors import ConfigError, DataError, ShapeError
from ....media.gray_video import VIDEO_SUFFIXES, read_frames
from ....media.images import IMAGE_SUFFIXES, opened_image
from ....media.map_stacks import FolderStack, VideoStack, frame_numbers
from ....media.maps import gray_values
from ....utils.text import listed
from ..region import KeyFrame, Region
from ..shapes import Cover, Mask, Shape, Size
from .found import FileOptions, check_masks, entry

# Labels of 8 bits but 0; each is a mask of the frame's size in memory.
MOST_LABELS = 255


def read_labels(options: FileOptions) -> list[Region]:
    """The regions in masks: one for each number above 0 in pictures, one in a video.

    A single number is called after the file, several `region 1`, `region 2`, ...

    Raises:
        DataError: no mask, too many numbers, or colors.
    """
    path = options.path
    if path.is_dir():
        values = sorted({value for labels in _LabelFiles(path) for value in _values(labels)})
    elif path.suffix.lower() in VIDEO_SUFFIXES:
        return [read_label(path.stem, options, None)]
    else:
        labels = read_label_picture(path)
        values = _values(labels)
        with entry(str(path)):
            check_masks(min(len(values), MOST_LABELS) * labels.size)
    if not values:
        raise DataError(f'{path}: expected numbers above 0 where regions are, got 0 everywhere')
    if len(values) > MOST_LABELS:
        raise DataError(
            f'{path}: expected at most {MOST_LABELS} regions, got {len(values)} numbers'
        )
    if len(values) == 1:
        return [read_label(path.stem, options, values[0])]
    return [read_label(f'region {value}', options, value) for value in values]


def read_label(name: str, options: FileOptions, value: int | None) -> Region:
    """The region of one number in a picture, or a folder of pictures; or that of a mask video.

    Pictures of a folder are key frames: each stays until the next one.

    Args:
        name: of the region.
        options: the mask.
        value: of its pixels; None for all above 0. In a video, it is where white is.

    Raises:
        DataError: nothing that can be read, or no pixel of this number in a picture.
    """
    path = options.path
    frames: _LabelFiles | _MaskVideo
    if path.is_dir():
        frames = _LabelFiles(path)
        numbers = frame_numbers(frames.names)
        if numbers is None:
            raise DataError(f'{path}: expected a number of its own in the name of each mask')
        if min(numbers) < options.first_frame:
            raise DataError(
                f'{path}: a mask is of frame {min(numbers)}, but frames count from '
                f'{options.first_frame} (--first-frame)'
            )
        moments = [number - options.first_frame for number in numbers]
    elif path.suffix.lower() in VIDEO_SUFFIXES:
        if value is not None:
            raise DataError(f'{path}: a video has one region, where it is white; expected no value')
        frames = _MaskVideo(path)
        moments = list(range(len(frames)))
    else:
        labels = read_label_picture(path)
        inside = labels > 0 if value is None else labels == value
        if not inside.any():
            what = 'numbers above 0' if value is None else f'pixels of {value}'
            found = listed([str(each) for each in _values(labels)], 10) or 'only 0'
            raise DataError(f'{path}: expected {what}, got {found}')
        return Region(name, Mask(inside))
    keys = [
        KeyFrame(moment, _LaterMask(frames, place, value)) for place, moment in enumerate(moments)
    ]
    kind = _OfMaskVideo if isinstance(frames, _MaskVideo) else Region
    return kind(name, keys, options.hold)


def read_label_picture(path: str | Path) -> np.ndarray:
    """The numbers of a picture (H, W), those of its palette where it has one.

    Raises:
        DataError: colors, or a format that changes numbers.
    """
    with opened_image(path) as image:
        if image.format not in ('PNG', 'BMP', 'TIFF'):
            raise DataError(f'{path}: expected a mask as PNG, which keeps numbers as they are')
        values = np.array(image) if image.mode == 'P' else gray_values(image, path)
    if values.dtype.kind not in 'ui':
        raise DataError(f'{path}: expected whole numbers, got {values.dtype}')
    return values


def _values(labels: np.ndarray) -> list[int]:
    return [int(value) for value in np.unique(labels) if value]


class _OfMaskVideo(Region):
    """The region of a video of masks, which has one for each frame."""

    def timed(self, times: np.ndarray) -> Region:
        """See `Region.timed`; raises ConfigError for a video of fewer masks, too."""
        if len(self.keys) < len(times) and not self.hold:
            raise ConfigError(
                f'{self.name}: the video of masks has {len(self.keys)} frames, expected '
                f'{len(times)} as the video (or hold: the last mask stays)'
            )
        return super().timed(times)


class _LabelFiles:
    """The pictures of a folder, the last one kept: all regions ask for the same.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self._stack = FolderStack(path, IMAGE_SUFFIXES)
        self.names = self._stack.names
        if not self.names:
            raise DataError(f'{path}: holds no masks ({", ".join(IMAGE_SUFFIXES)})')
        self._place, self._labels = -1, np.zeros(0)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.read, range(len(self)))

    def where(self, place: int) -> str:
        return self._stack.where(place)

    def read(self, place: int) -> np.ndarray:
        if place != self._place:
            self._labels, self._place = read_label_picture(self.where(place)), place
        return self._labels


class _MaskVideo:
    """The frames of a gray video, white where the region is; read one after another.

    Args:
        path: of the video.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._count = path, VideoStack(path).count
        self._place, self._labels = -1, np.zeros(0)
        self._frames = read_frames(path)

    def __len__(self) -> int:
        return self._count

    def where(self, place: int) -> str:
        return f'{self._path}, frame {place + 1}'

    def read(self, place: int) -> np.ndarray:
        if place < self._place:
            self._frames, self._place = read_frames(self._path), -1
        while self._place < place:
            levels = next(self._frames, None)
            if levels is None:
                raise DataError(f'{self._path}: ends before frame {place + 1}')
            self._labels, self._place = levels, self._place + 1
        half = 0.5 if self._labels.dtype.kind == 'f' else 127
        return self._labels > half


@dataclass(frozen=True, eq=False)
class _LaterMask(Shape):
    """The mask of a frame, read when it is needed."""

    frames: _LabelFiles | _MaskVideo
    place: int
    value: int | None

    def bounds(self) -> tuple[float, float, float, float]:
        """Anywhere: nothing is read for it."""
        return 0, 0, float('inf'), float('inf')

    def cover(self, size: Size, frame: Size) -> Cover:
        """See `Shape.cover`."""
        labels = self.frames.read(self.place)
        if frame != (1, 1) and labels.shape != frame:
            raise ShapeError(
                f'{self.frames.where(self.place)}: the mask has {labels.shape[1]} x '
                f'{labels.shape[0]} pixels, expected {frame[1]} x {frame[0]} as the frames'
            )
        inside = labels > 0 if self.value is None else labels == self.value
        if not inside.any():
            return Cover(slice(0, 0), slice(0, 0), np.zeros((0, 0), np.float32), size)
        return Mask(inside).cover(size, frame)

    def between(self, later: Shape, share: float) -> Shape:
        """It stays until the next one."""
        return self
