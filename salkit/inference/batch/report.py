"""What became of inputs, one by one and all together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...utils.files import write_json
from ...version import __version__
from .submission import Submission

PREDICTED, FINISHED, FAILED = 'predicted', 'finished before', 'failed'


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
