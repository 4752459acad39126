"""What a run of `salkit prepare` did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..datasets.published import LAYOUT, PublishedDataset
from ..errors import ConfigError
from ..utils.files import write_json
from ..utils.tabular import Record, Tabular
from ..utils.text import listed

# Where videos without ground truth go that would otherwise stand among annotated ones.
UNANNOTATED = 'unannotated'
SPLITS = ('train', 'val', 'test', UNANNOTATED)
PREPARED, SKIPPED, FAILED = 'prepared', 'finished before', 'failed'
# Names that are printed of each reason; the JSON file has all of them.
SHOWN = 10
BASE = 'salkit::salfom/umt-l16_cc-kl.py'


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

    @property
    def label(self) -> str:
        """`<split>/<name>`."""
        return f'{self.split}/{self.name}'


@dataclass
class PrepareReport(Tabular):
    """Videos of a run.

    Attributes:
        kind: of data set.
        source: folder as published.
        destination: folder in salkit's layout.
        dataset: the public data set, `LAYOUT` for anybody's videos.
        fold: of a data set that is split several times; None for others.
        left_out: names of videos that were not tried, by the reason.
        others: videos of the destination that are not in the source.
        warnings: on the source as a whole.
        outcomes: by video, in order.
        observers: file with the fixations of each observer, where the data set tells them apart.
        config: file that `salkit train` takes, where one was written.
    """

    kind: str
    source: Path
    destination: Path
    dataset: PublishedDataset = LAYOUT
    fold: int | None = None
    left_out: dict[str, list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    observers: Path | None = None
    config: Path | None = None

    def leave_out(self, name: str, reason: str) -> None:
        """Note why a video is not prepared."""
        self.left_out.setdefault(reason, []).append(name)

    @property
    def failed(self) -> list[Outcome]:
        """Videos that could not be prepared."""
        return [outcome for outcome in self.outcomes if outcome.status == FAILED]

    @property
    def splits(self) -> dict[str, dict[str, int]]:
        """Videos of each status, and frames, by split."""
        counts = Counter((outcome.split, outcome.status) for outcome in self.outcomes)
        splits = {outcome.split for outcome in self.outcomes} | self.dataset.counts.keys()
        return {
            split: {
                **{status: counts[split, status] for status in (PREPARED, SKIPPED, FAILED)},
                'frames': sum(o.frames for o in self.outcomes if o.split == split),
            }
            for split in SPLITS
            if split in splits
        }

    @property
    def annotated_splits(self) -> list[str]:
        """Splits of the destination with videos that have ground truth."""
        return [
            split
            for split in ('train', 'val', 'test')
            if next((self.destination / split).glob('*/maps'), None)
        ]

    @property
    def headline(self) -> str:
        """How many videos of each status there are, in a line."""
        counts = Counter(outcome.status for outcome in self.outcomes)
        found = ', '.join(f'{count} {status}' for status, count in counts.items())
        return f'{self.kind}: {found or "no videos"}; in {self.destination}'

    @property
    def remarks(self) -> list[str]:
        """What there is in each split, and what concerns them all."""
        return [*self._of_splits(), *self._of_all()]

    def records(self) -> list[Record]:
        """A row for each video."""
        return [dict(vars(outcome)) for outcome in self.outcomes]

    def lines(self) -> Iterator[str]:
        """The report for a terminal."""
        yield from self._of_splits()
        for outcome in self.failed:
            yield f'failed: {outcome.label}: {outcome.note}'
        notes: dict[str, list[str]] = {}
        for outcome in self.outcomes:
            if outcome.note and outcome.status != FAILED:
                notes.setdefault(outcome.note, []).append(outcome.label)
        for note, names in notes.items():
            yield f'note: {listed(names, SHOWN)}: {note}'
        yield from self._of_all()

    def _of_splits(self) -> Iterator[str]:
        for split, counts in self.splits.items():
            videos = counts[PREPARED] + counts[SKIPPED]
            parts = [f'{counts[PREPARED]} prepared']
            parts += [f'{counts[s]} {s}' for s in (SKIPPED, FAILED) if counts[s]]
            line = f'{split}: {", ".join(parts)}; {videos} videos, {counts["frames"]:,} frames'
            if split in self.dataset.counts:
                found = {split: dict(videos=videos, frames=counts['frames'])}
                other = [wanted for of, _, wanted in self.dataset.differences(found) if of]
                line += f'; published: {other[0]}' if other else ', as published'
            yield line
        if self.fold is not None:
            yield f'fold {self.fold} of {self.dataset.title}'
        yield from (f'warning: {warning}' for warning in self.warnings)

    def _of_all(self) -> Iterator[str]:
        for reason, names in self.left_out.items():
            yield f'left out, {reason}: {len(names)} video(s): {listed(names, SHOWN)}'
        if self.observers:
            yield f'who looked where: {self.observers}'
        if self.others:
            yield (
                f'not in {self.source}, left as they are: {len(self.others)} video(s): '
                f'{listed(self.others, SHOWN)}'
            )

    def train_config(self, base: str = BASE) -> str:
        """The text of a config file for `salkit train` and `salkit test`.

        Args:
            base: config of everything but the data.

        Raises:
            ConfigError: nothing to train on.
        """
        splits, dataset = self.annotated_splits, self.dataset.dataset_type
        if 'train' not in splits:
            raise ConfigError(
                f'{self.destination}: there are no videos to train on (splits with ground truth: '
                f'{", ".join(splits) or "none"})'
            )
        lines = [
            f'_base_ = {base!r}',
            f'dataset_type = {dataset!r}',
            f'data_root = {str(self.destination)!r}',
        ]
        if dataset == LAYOUT.dataset_type and 'test' not in splits:
            lines.append('# There are no test videos.')
            lines.append("test_dataloader = dict(dataset=dict(split='val'))")
        for part in ('val', 'test'):
            lines.append(f"{part}_evaluator = dict(type='SaliencyMetric', protocol='exact')")
        return '\n'.join(lines) + '\n'

    def to_json(self) -> dict[str, object]:
        """Everything, as plain values."""
        return dict(
            kind=self.kind,
            source=str(self.source),
            destination=str(self.destination),
            fold=self.fold,
            splits=self.splits,
            published={
                split: dict(videos=videos, frames=frames)
                for split, (videos, frames) in self.dataset.counts.items()
            },
            videos=self.records(),
            left_out=self.left_out,
            others=self.others,
            warnings=self.warnings,
            observers=None if self.observers is None else str(self.observers),
            config=None if self.config is None else str(self.config),
        )

    def write(self, path: str | Path) -> None:
        """Write everything as JSON."""
        write_json(self.to_json(), path)
