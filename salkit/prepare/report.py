"""What a run of `salkit prepare` did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..utils.files import whole_file

SPLITS = ('train', 'val', 'test', 'unannotated')
PREPARED, SKIPPED, FAILED = 'prepared', 'finished before', 'failed'
# Names told of each reason; the JSON file has all of them.
SHOWN = 10


@dataclass(frozen=True)
class Outcome:
    """What became of a video.

    Attributes:
        name: of its folder.
        split: its split.
        status: 'prepared', 'finished before' or 'failed'.
        frames: that it has now; 0 where it failed.
        note: why it failed, or what a reader should know.
    """

    name: str
    split: str
    status: str
    frames: int = 0
    note: str = ''


@dataclass
class PrepareReport:
    """Videos of a run.

    Attributes:
        kind: of data set.
        source: folder as published.
        destination: folder in salkit's layout.
        outcomes: by video, in order.
        left_out: names of videos that were not tried, by the reason.
        others: videos of the destination that are not in the source.
        expected: published videos and frames (None: unknown) by split.
        config: file that `salkit train` takes, where one was written.
    """

    kind: str
    source: Path
    destination: Path
    outcomes: list[Outcome] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    expected: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    config: Path | None = None

    @property
    def failed(self) -> list[Outcome]:
        """Videos that could not be prepared."""
        return [outcome for outcome in self.outcomes if outcome.status == FAILED]

    @property
    def splits(self) -> dict[str, dict[str, int]]:
        """Videos of each status, and frames, by split."""
        counts = Counter((outcome.split, outcome.status) for outcome in self.outcomes)
        splits = {outcome.split for outcome in self.outcomes} | self.expected.keys()
        return {
            split: {
                **{status: counts[split, status] for status in (PREPARED, SKIPPED, FAILED)},
                'frames': sum(o.frames for o in self.outcomes if o.split == split),
            }
            for split in SPLITS
            if split in splits
        }

    def lines(self) -> Iterator[str]:
        """The report for a terminal."""
        for split, counts in self.splits.items():
            videos = counts[PREPARED] + counts[SKIPPED]
            parts = [f'{counts[PREPARED]} prepared']
            parts += [f'{counts[s]} {s}' for s in (SKIPPED, FAILED) if counts[s]]
            line = f'{split}: {", ".join(parts)}; {videos} videos, {counts["frames"]:,} frames'
            yield line + self._compared(split, videos, counts['frames'])
        for outcome in self.failed:
            yield f'failed: {outcome.split}/{outcome.name}: {outcome.note}'
        notes: dict[str, list[str]] = {}
        for outcome in self.outcomes:
            if outcome.note and outcome.status != FAILED:
                notes.setdefault(outcome.note, []).append(f'{outcome.split}/{outcome.name}')
        for note, names in notes.items():
            yield f'note: {_some(names)}: {note}'
        for reason, names in self.left_out.items():
            yield f'left out, {reason}: {len(names)} video(s): {_some(names)}'
        if self.others:
            yield (
                f'not in {self.source}, left as they are: {len(self.others)} video(s): '
                f'{_some(self.others)}'
            )

    def _compared(self, split: str, videos: int, frames: int) -> str:
        if split not in self.expected:
            return ''
        wanted, wanted_frames = self.expected[split]
        if videos != wanted:
            return f'; published: {wanted:,} videos'
        if wanted_frames not in (None, frames):
            return f'; published: as many videos, {wanted_frames:,} frames'
        return ', as published'

    def write(self, path: str | Path) -> None:
        """Write everything as JSON."""
        content = dict(
            kind=self.kind,
            source=str(self.source),
            destination=str(self.destination),
            splits=self.splits,
            published={
                split: dict(videos=videos, frames=frames)
                for split, (videos, frames) in self.expected.items()
            },
            videos=[vars(outcome) for outcome in self.outcomes],
            left_out=self.left_out,
            others=self.others,
            config=None if self.config is None else str(self.config),
        )
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')


def _some(names: list[str]) -> str:
    return ', '.join(names[:SHOWN]) + (', ...' if len(names) > SHOWN else '')
