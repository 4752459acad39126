"""What became of inputs, one by one and all together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import DataError, printable
from ...utils.files import write_json
from ...utils.tabular import Record, Tabular
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
        # Errors tell names as they can be printed.
        is_named = printable(self.source) in printable(self.note)
        note = self.note if is_named else f'{self.source}: {self.note}'
        return printable(f'{self.status}: {note}')


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


def count_submission(folder: Path) -> dict[str, object]:
    """Whether a folder holds a complete submission, its number of maps, and the missing videos."""
    counts = {number: len(list(folder.glob(f'{number:04d}/*.png'))) for number in VIDEOS}
    maps, missing = sum(counts.values()), [n for n, count in counts.items() if not count]
    shown = listed([f'{number:04d}' for number in missing], 10)
    return dict(
        complete=not missing and maps == FRAMES,
        summary=f'{len(VIDEOS) - len(missing)} of {len(VIDEOS)} videos, {maps:,} of {FRAMES:,} maps'
        + (f'; without maps: {shown}' if missing else ''),
        maps=maps,
        missing=missing,
    )


@dataclass
class PredictReport(Tabular):
    """What a call did.

    Attributes:
        out: folder of the outputs.
        outcomes: by input, in order; a full disk ends the list.
        seconds: in all.
        submission: see `count_submission`, where one is being made.
    """

    out: Path
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    submission: dict[str, object] | None = None

    def of(self, status: str) -> list[Outcome]:
        """The inputs of a status."""
        return [outcome for outcome in self.outcomes if outcome.status == status]

    def records(self) -> list[Record]:
        """A row for each input."""
        return [dict(vars(outcome)) for outcome in self.outcomes]

    @property
    def headline(self) -> str:
        """What was done, in a line."""
        made, parts = self.of(PREDICTED), []
        if made:
            frames, seconds = sum(o.frames for o in made), sum(o.seconds for o in made)
            rate = f' ({frames / seconds:.1f} frames/s)' if seconds else ''
            parts.append(f'{len(made)} predicted: {frames:,} frames in {seconds:.1f} s{rate}')
        for status in (FINISHED, FAILED):
            if self.of(status):
                parts.append(f'{len(self.of(status))} {status}')
        return f'{"; ".join(parts)}; in {self.out}'

    def to_json(self) -> dict[str, object]:
        """Everything, as plain values."""
        return dict(
            salkit_version=__version__,
            out=str(self.out),
            counts={status: len(self.of(status)) for status in (PREDICTED, FINISHED, FAILED)},
            seconds=round(self.seconds, 3),
            inputs=self.records(),
            dhf1k=self.submission,
        )

    def write(self, path: str | Path) -> None:
        """Write everything as JSON."""
        write_json(self.to_json(), path)
