"""What a leaderboard holds: entries, their ranks, and how far ranks agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import scipy.stats

from ..types import is_lower_better
from .differences import SIGNIFICANT, Difference
from .score_files import Scores, plain_name

# Of a metric, by whether its smaller values are the better ones.
ARROWS = ('↑', '↓')
# Scores that are the same but for rounding are a tie.
_TIE_DECIMALS = 9


def subject_of(scores: Scores) -> str:
    """What scores are of, in words."""
    return f'protocol {scores.protocol}, {frames_of(scores)}'


def frames_of(scores: Scores) -> str:
    """What was scored, whatever the protocol: data set, split and choice of frames, in words."""
    chosen = f' ({scores.selection})' if scores.selection else ''
    return f'{scores.dataset} {scores.split}{chosen}'


def frames_key(scores: Scores) -> tuple[str, str, str]:
    """The same for scores of the same frames, by whichever of its names a data set is called."""
    return plain_name(scores.dataset), plain_name(scores.split), scores.selection


@dataclass(frozen=True)
class Entry:
    """One row: the scores of a file under the board's protocol.

    Attributes:
        scores: of the file.
        role: 'model', 'baseline' or 'ceiling'.
        gaps: what it lacks of the videos and frames, in words; '' where nothing.
        intervals: 95 % intervals over videos of the overall scores, by metric.
    """

    scores: Scores
    role: str
    gaps: str = ''
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.scores.name

    @property
    def ranked(self) -> bool:
        """Whether it has ranks: a model that was scored on everything."""
        return self.role == 'model' and not self.gaps

    def score(self, metric: str) -> float:
        """Its overall score; NaN where it has none."""
        value = self.scores.means.get(metric, math.nan)
        return value if math.isfinite(value) else math.nan


@dataclass(frozen=True)
class Board:
    """Scores of one protocol on one data set, split and choice of frames.

    Attributes:
        entries: models from the best in the first metric on, then those that are incomplete,
            baselines and ceilings.
        metrics: names, in the order of columns.
        videos: how many there are.
        frames: how many there are; None where no file says.
        references: by metric, the name that others are compared with.
        differences: to these, by metric and name.
    """

    entries: tuple[Entry, ...]
    metrics: tuple[str, ...]
    videos: int
    frames: int | None
    references: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[tuple[str, str], Difference] = field(default_factory=dict)

    @property
    def subject(self) -> Scores:
        """Scores whose protocol, data set, split and choice of frames are the board's."""
        return self.entries[0].scores

    @property
    def title(self) -> str:
        """What the scores are of, in a line."""
        frames = '' if self.frames is None else f', {self.frames} frames'
        return f'{subject_of(self.subject)}: {self.videos} videos{frames}'

    def ranks(self, metric: str) -> dict[str, int]:
        """Ranks by name from 1, the best; ties share the smaller rank."""
        found = oriented(self, metric)
        ranks = scipy.stats.rankdata(-np.round([*found.values()], _TIE_DECIMALS), method='min')
        return {name: int(rank) for name, rank in zip(found, ranks, strict=True)}

    def is_distinct(self, metric: str, name: str) -> bool | None:
        """Whether a row differs from the reference by more than chance; None where not tested."""
        difference = self.differences.get((metric, name))
        if difference is None or math.isnan(difference.p_holm):
            return None
        return difference.p_holm < SIGNIFICANT

    def place(self, entry: Entry) -> tuple[int, float]:
        """What entries are sorted by: the kind of row, then the first metric from the best on."""
        kind = ('model', 'baseline', 'ceiling').index(entry.role) * 2 + bool(entry.gaps)
        score = entry.score(self.metrics[0]) if self.metrics else math.nan
        turned = score if self.metrics and is_lower_better(self.metrics[0]) else -score
        return kind, math.inf if math.isnan(score) else turned

    def to_json(self) -> dict[str, object]:
        """Plain values; undefined ones are None."""
        ranks = {metric: self.ranks(metric) for metric in self.metrics}
        one = self.subject
        return dict(
            protocol=one.protocol,
            dataset=one.dataset,
            split=one.split,
            selection=one.selection,
            videos=self.videos,
            frames=self.frames,
            better={m: 'lower' if is_lower_better(m) else 'higher' for m in self.metrics},
            references=dict(self.references),
            entries=[
                dict(
                    name=entry.name,
                    role=entry.role,
                    baseline=entry.scores.baseline,
                    gaps=entry.gaps,
                    videos=len(entry.scores.per_video),
                    frames=entry.scores.frames,
                    model=asdict(entry.scores.model) if entry.scores.model else None,
                    scores={m: _plain(entry.score(m)) for m in self.metrics},
                    intervals={m: list(ends) for m, ends in entry.intervals.items()},
                    ranks={m: ranks[m][entry.name] for m in ranks if entry.name in ranks[m]},
                )
                for entry in self.entries
            ],
            differences=[
                dict(reference=self.references[metric], **difference.to_json())
                for (metric, _), difference in self.differences.items()
            ],
        )


def oriented(board: Board, metric: str) -> dict[str, float]:
    """Scores of the ranked entries that have one, by name, turned so that more is better."""
    sign = -1 if is_lower_better(metric) else 1
    scores = {entry.name: entry.score(metric) for entry in board.entries if entry.ranked}
    return {name: sign * score for name, score in scores.items() if not math.isnan(score)}


@dataclass(frozen=True)
class Agreement:
    """How far two protocols rank the same models alike in a metric.

    Attributes:
        boards: their places in the leaderboard.
        metric: its name.
        tau: Kendall's tau-b, 1 for the same order and -1 for the opposite one; NaN where all are
            tied on a side.
        models: how many both rank.
    """

    boards: tuple[int, int]
    metric: str
    tau: float
    models: int

    def to_json(self) -> dict[str, object]:
        """Plain values; undefined ones are None."""
        return asdict(self) | dict(boards=list(self.boards), tau=_plain(self.tau))


def agreements(boards: Sequence[Board]) -> list[Agreement]:
    """Kendall's tau of each two boards of the same frames that rank at least 2 models in common."""
    found = []
    for (i, one), (k, other) in itertools.combinations(enumerate(boards), 2):
        if frames_key(one.subject) != frames_key(other.subject):
            continue
        for metric in one.metrics:
            first, second = oriented(one, metric), oriented(other, metric)
            names = [name for name in first if name in second]
            if metric in other.metrics and len(names) > 1:
                pairs = ([scores[name] for name in names] for scores in (first, second))
                rounded = (np.round(scores, _TIE_DECIMALS) for scores in pairs)
                tau = float(scipy.stats.kendalltau(*rounded).statistic)
                found.append(Agreement((i, k), metric, tau, len(names)))
    return found


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
