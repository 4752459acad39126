"""What became of inputs, one by one and all together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import DataError
from ...utils.files import write_json
from ...utils.text import listed
from ...version import __version__

PREDICTED, FINISHED, FAILED = 'predicted', 'finished before', 'failed'
# Numbers of the test videos, and frames of all of them.
VIDEOS = range(701, 1001)
FRAMES = 176_192


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        source: path, or what the user named where that is nothing to predict on.
        status: 'predicted', 'finished before' or 'failed'.
        name: of its outputs.
        frames: that have a map.
        seconds: taken.
        outputs: paths by format, 'overlay' for that.
        note: why it failed.
    """

    source: str
    status: str
    name: str = ''
    frames: int = 0
    seconds: float = 0.0
    outputs: dict[str, str] = field(default_factory=dict)
    note: str = ''

    @property
    def line(self) -> str:
        """For a terminal."""
        note = self.note if self.source in self.note else f'{self.source}: {self.note}'
        return f'{self.status}: {note}'


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
        missing: numbers of the videos that have none.
    """

    maps: int
    missing: list[int]

    @classmethod
    def of(cls, folder: Path) -> Submission:
        """Count what a folder holds."""
        counts = {n: len(list(folder.glob(f'{n:04d}/*.png'))) for n in VIDEOS}
        return cls(sum(counts.values()), [number for number, count in counts.items() if not count])

    @property
    def is_complete(self) -> bool:
        """Whether there are as many maps as the benchmark has frames."""
        return not self.missing and self.maps == FRAMES

    def __str__(self) -> str:
        videos = len(VIDEOS) - len(self.missing)
        counts = f'{videos} of {len(VIDEOS)} videos, {self.maps:,} of {FRAMES:,} maps'
        if self.is_complete:
            return f'DHF1K submission: complete: {counts}'
        missing = listed([f'{number:04d}' for number in self.missing], 10)
        return f'warning: DHF1K submission: incomplete: {counts}; without maps: {missing or "none"}'

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return dict(complete=self.is_complete, maps=self.maps, missing=self.missing)


@dataclass
class PredictReport:
    """What a call did.

    Attributes:
        out: folder of the outputs.
        outcomes: by input, in order; a full disk ends the list.
        seconds: in all.
        submission: what there is of a DHF1K submission, where one is being made.
    """

    out: Path
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    submission: Submission | None = None

    def of(self, status: str) -> list[Outcome]:
        """The inputs of a status."""
        return [outcome for outcome in self.outcomes if outcome.status == status]

    def summary(self) -> str:
        """One line for a terminal."""
        made, parts = self.of(PREDICTED), []
        if made:
            frames, seconds = sum(o.frames for o in made), sum(o.seconds for o in made)
            rate = f' ({frames / seconds:.1f} frames/s)' if seconds else ''
            parts.append(f'{len(made)} predicted: {frames:,} frames in {seconds:.1f} s{rate}')
        for status in (FINISHED, FAILED):
            if self.of(status):
                parts.append(f'{len(self.of(status))} {status}')
        return f'{"; ".join(parts)}; in {self.out}'

    def write(self, path: str | Path) -> None:
        """Write everything as JSON."""
        content = dict(
            salkit_version=__version__,
            out=str(self.out),
            counts={status: len(self.of(status)) for status in (PREDICTED, FINISHED, FAILED)},
            seconds=round(self.seconds, 3),
            inputs=[vars(outcome) for outcome in self.outcomes],
            dhf1k=None if self.submission is None else self.submission.to_json(),
        )
        write_json(content, path)
