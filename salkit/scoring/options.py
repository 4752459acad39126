"""How maps are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError


@dataclass(frozen=True)
class FrameChoice:
    """Which frames of a video are scored.

    Attributes:
        every: only frames 0, N, 2 N, ... of a video, counted from 0.
        min_fixations: only frames with so many fixations.

    Raises:
        ConfigError: a number out of range.
    """

    every: int = 1
    min_fixations: int = 0

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ConfigError(f'every must be at least 1, got {self.every}')
        if self.min_fixations < 0:
            raise ConfigError(f'min_fixations must be at least 0, got {self.min_fixations}')

    def __str__(self) -> str:
        parts = [f'frames 0, {self.every}, {2 * self.every}, ...'] if self.every > 1 else []
        parts += [f'at least {self.min_fixations} fixations'] if self.min_fixations else []
        return ' with '.join(parts)


@dataclass(frozen=True)
class ScoreOptions:
    """How maps are scored.

    Attributes:
        split: of the data set; needed where it has several.
        metrics: only these, instead of those that a protocol has by default.
        out: JSON file to write the scores to, those of every video too.
        csv: file for the scores of every frame.
        workers: processes; one a core by default.
        ray: score on Ray: local, or the HOST:PORT of a cluster whose machines have all files at the
            same paths.
        allow_missing: average over what there is, where videos, frames or maps are missing.
        baseline: what information gain (IG) is counted from: center, a Gaussian in the middle;
            mean, the mean density of the other videos; a density map for all frames, such as that
            of the training set; or a folder of maps, as salkit baseline writes them.
        domain_adaptation: fit all predictions to the densities first, as the code of msu-vsp does,
            with this picture of a center prior (its gt_cp.png).
        seed: draw the random parts of a protocol as its code does, instead of their expectation.
        final: the maps have the size of their frames and are post-processed, as `salkit test`
            dumps them: a protocol that blurs does not blur them again.
        every: score only frames 0, N, 2 N, ... of each video, counted from 0.
        min_fixations: score only frames with at least so many fixations; in a fixation map, each
            pixel counts once.
        progress: show a progress bar.
    """

    split: str | None = None
    metrics: Sequence[str] | None = None
    out: str | Path | None = None
    csv: str | Path | None = None
    workers: int | None = None
    ray: str | None = None
    allow_missing: bool = False
    baseline: str | Path | None = None
    domain_adaptation: str | Path | None = None
    seed: int | None = None
    final: bool = False
    every: int = 1
    min_fixations: int = 0
    progress: bool = False

    @property
    def choice(self) -> FrameChoice:
        """The frames that are scored."""
        return FrameChoice(self.every, self.min_fixations)
