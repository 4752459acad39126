"""What there is of a submission to the DHF1K benchmark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...utils.text import listed

# Numbers of the test videos, and frames of all of them.
VIDEOS = range(701, 1001)
FRAMES = 176_192


def submission_name(path: Path) -> str:
    """The folder of a video in a submission, such as '0701'.

    Raises:
        DataError: the video's name does not hold one of the numbers 701 to 1000.
    """
    stem = path.name if path.is_dir() else path.stem
    numbers = [int(digits) for digits in re.findall(r'\d+', stem) if int(digits) in VIDEOS]
    if len(numbers) != 1:
        raise DataError(
            f'{path}: the format dhf1k is for test videos of DHF1K; expected a number from '
            f'{VIDEOS[0]} to {VIDEOS[-1]} in the name, such as 0701.AVI'
        )
    return f'{numbers[0]:04d}'


@dataclass(frozen=True)
class Submission:
    """The folders 0701 to 1000 of a folder.

    Attributes:
        maps: number of all maps.
        missing: names of the videos that have none.
    """

    maps: int
    missing: list[str]

    @classmethod
    def of(cls, folder: Path) -> Submission:
        """Count what a folder holds."""
        counts = {f'{n:04d}': len(list(folder.glob(f'{n:04d}/*.png'))) for n in VIDEOS}
        return cls(sum(counts.values()), [name for name, count in counts.items() if not count])

    @property
    def is_complete(self) -> bool:
        """Whether there are as many maps as the benchmark has frames."""
        return not self.missing and self.maps == FRAMES

    def __str__(self) -> str:
        videos = len(VIDEOS) - len(self.missing)
        counts = f'{videos} of {len(VIDEOS)} videos, {self.maps:,} of {FRAMES:,} maps'
        if self.is_complete:
            return f'DHF1K submission: complete: {counts}'
        missing = f'; without maps: {listed(self.missing, 10)}' if self.missing else ''
        return f'warning: DHF1K submission: incomplete: {counts}{missing}'

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return dict(complete=self.is_complete, maps=self.maps, missing=self.missing)
