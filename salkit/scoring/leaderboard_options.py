"""How a leaderboard is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..utils.text import check_range
from .score_files import Source


@dataclass(frozen=True)
class LeaderboardOptions:
    """How a leaderboard is made.

    Attributes:
        baselines: score files of baselines; those that say so of themselves need not be named.
        ceilings: the same of ceilings, such as other observers.
        names: what to call the files, then the baselines, then the ceilings (default: their files'
            names); the same name may stand for files of different protocols or data sets.
        protocol: the only one to show (default: all).
        metrics: the only ones to show (default: all).
        reference: what the others are compared with (default: the best of each metric).
        scatter: metrics to draw, a panel each (default: all that are shown).
        allow_missing: show runs that lack videos or frames, marked and without a rank.
        resamples: draws of the bootstrap, and of the signs of the test.
        seed: of these draws.

    Raises:
        ConfigError: a number out of range.
    """

    baselines: Sequence[Source] = ()
    ceilings: Sequence[Source] = ()
    names: Sequence[str] | None = None
    protocol: str | None = None
    metrics: Sequence[str] | None = None
    reference: str | None = None
    scatter: Sequence[str] | None = None
    allow_missing: bool = False
    resamples: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_range('leaderboard', 'resamples', self.resamples, 1)
        check_range('leaderboard', 'seed', self.seed, 0)
