"""Whether a folder of maps is a complete submission to the DHF1K benchmark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import DataError
from ...utils.text import listed
from .record import recorded_outputs

# Numbers of the test videos, and frames of all of them.
VIDEOS = range(701, 1001)
FRAMES = 176_192
_SHOWN = 10


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


@dataclass
class Submission:
    """What there is of a submission.

    Attributes:
        maps: number of all maps.
        missing: numbers of the videos that have none.
        wrong: number of maps and of frames, by number of a video where these differ; None for
            frames where no record says.
    """

    maps: int = 0
    missing: list[int] = field(default_factory=list)
    wrong: dict[int, tuple[int, int | None]] = field(default_factory=dict)

    @property
    def videos(self) -> int:
        """Number of videos that have maps."""
        return len(VIDEOS) - len(self.missing)

    @property
    def is_complete(self) -> bool:
        """Whether every frame of every video has a map."""
        return not self.missing and not self.wrong and self.maps == FRAMES

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        counts = f'{self.videos} of {len(VIDEOS)} videos, {self.maps:,} of {FRAMES:,} maps'
        if self.is_complete:
            yield f'DHF1K submission: complete: {counts}'
            return
        yield f'warning: DHF1K submission: incomplete: {counts}'
        if self.missing:
            yield f'  videos without maps: {listed([f"{n:04d}" for n in self.missing], _SHOWN)}'
        if self.wrong:
            wrong = [
                f'{number:04d} ({maps} maps, {"unknown" if frames is None else frames} frames)'
                for number, (maps, frames) in self.wrong.items()
            ]
            yield f'  videos with another number of maps than frames: {listed(wrong, _SHOWN)}'

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return dict(
            complete=self.is_complete,
            videos=self.videos,
            maps=self.maps,
            expected_maps=FRAMES,
            missing=self.missing,
            wrong={str(n): dict(maps=m, frames=f) for n, (m, f) in self.wrong.items()},
        )


def check_submission(folder: Path, records: Path) -> Submission:
    """Count the maps of a submission.

    Args:
        folder: holds a folder a video, 0701 to 1000.
        records: where the records lie that say how many frames each video has.
    """
    frames: dict[str, int | None] = {
        path.name: entry.get('stimulus_frames')
        for path, entry in recorded_outputs(records).items()
        if entry.get('format') == 'dhf1k'
    }
    found = Submission()
    for number in VIDEOS:
        name = f'{number:04d}'
        count = sum(1 for path in folder.glob(f'{name}/*.png') if path.stem.isdecimal())
        found.maps += count
        if not count:
            found.missing.append(number)
        elif frames.get(name) != count:
            found.wrong[number] = (count, frames.get(name))
    return found
