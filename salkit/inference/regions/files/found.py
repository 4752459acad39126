"""What readers of regions share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ....errors import DataError, SalkitError
from ..region import KeyFrame, Region
from ..shapes import Mask, Shape, Size, checked_number

Units: TypeAlias = Literal['pixels', 'share']
# Of all masks of a file, a byte of memory each: a thousand of 1920 x 1080.
MOST_MASK_PIXELS = 2**31


@dataclass(frozen=True)
class FileOptions:
    """A file, and how it is to be read.

    Attributes:
        path: of the file.
        first_frame: what it calls the video's first frame.
        hold: regions stay where their first and last key frames put them.
    """

    path: Path
    first_frame: int = 1
    hold: bool = False


@dataclass(frozen=True)
class FoundRegions:
    """What a file holds.

    Attributes:
        regions: in the order of the file.
        units: of their numbers.
        size: (rows, columns) of the frames that pixels are counted in; None for the video's.
    """

    regions: Sequence[Region]
    units: Units = 'pixels'
    size: Size | None = None


@contextmanager
def entry(where: str) -> Iterator[None]:
    """Say which row or entry of a file an error of the block is about.

    Raises:
        DataError: what the block raised, after `where`.
    """
    try:
        yield
    except SalkitError as error:
        raise DataError(f'{where}: {error}') from None


def check_masks(pixels: int) -> None:
    """Raise DataError for more pixels of masks than memory should hold: files pack them well."""
    if pixels > MOST_MASK_PIXELS:
        raise DataError(
            f'masks of more than {MOST_MASK_PIXELS:,} pixels in all; expected fewer or smaller ones'
        )


def pixels_of(shapes: Iterable[Shape]) -> int:
    """How many pixels the masks among some forms have."""
    return sum(shape.values.size for shape in shapes if isinstance(shape, Mask))


def key_frame(moment: str, value: object, shape: Shape | None, first_frame: int) -> KeyFrame:
    """A key frame at a moment of a file.

    Args:
        moment: 'frame' or 'time_s'.
        value: a number.
        shape: the form; None for none.
        first_frame: what the file calls the first frame.

    Raises:
        DataError: no such number.
    """
    number = checked_number(moment, value)
    if moment == 'time_s':
        return KeyFrame(number, shape)
    if number % 1 or number < first_frame:
        raise DataError(f'frame must be a whole number from {first_frame} on, got {value}')
    return KeyFrame(int(number) - first_frame, shape)
