"""How maps are scored and score files compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ScoreOptions:
    """How maps are scored.

    Attributes:
        split: of the data set; needed where it has several.
        metrics: only these, instead of those that a protocol has by default.
        out: JSON file to write the scores to, those of every video too.
        csv: file for the scores of every frame.
        workers: processes; one a core by default.
        allow_missing: average over what there is, where videos, frames or maps are missing.
        seed: draw the random parts of a protocol as its code does, instead of their expectation.
        final: the maps have the size of their frames and are post-processed, as `salkit test`
            dumps them: a protocol that blurs does not blur them again.
        progress: show a progress bar.
        warn: gets each warning while the run goes on.
    """

    split: str | None = None
    metrics: Sequence[str] | None = None
    out: str | Path | None = None
    csv: str | Path | None = None
    workers: int | None = None
    allow_missing: bool = False
    seed: int | None = None
    final: bool = False
    progress: bool = False
    warn: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class CompareOptions:
    """How score files are compared.

    Attributes:
        names: what the files are called, the reference first; by default as on disk.
        protocol: the only one to compare, instead of all that every file holds.
        metrics: the only ones to compare, instead of all that both files hold.
        force: compare other protocols, data sets, splits and frames with a warning.
        allow_missing: compare the common videos where one side has more, with a warning.
        resamples: bootstrap samples, and sign flips where there are more than 12 videos.
        seed: of both.
    """

    names: Sequence[str] | None = None
    protocol: str | None = None
    metrics: Sequence[str] | None = None
    force: bool = False
    allow_missing: bool = False
    resamples: int = 10_000
    seed: int = 0
