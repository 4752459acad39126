"""How maps are scored."""

from __future__ import annotations

from collections.abc import Sequence
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
