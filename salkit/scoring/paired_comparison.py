"""Paired comparison of score files: differences, their intervals and their p-values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..types import is_lower_better
from .common_scores import (
    check_same_subject,
    common_metrics,
    common_videos,
    shared_protocols,
)
from .differences import Comparison, Difference
from .paired_statistics import LEVEL, RESAMPLES, SEED, bootstrap_interval, holm, sign_flip_p
from .score_files import Scores, Source, read_scores, short_names

# Below this many videos even differences that all point one way have p > 0.05 in two-sided tests.
FEW_VIDEOS = 6


def compare(
    reference: Source,
    *others: Source,
    names: Sequence[str] | None = None,
    protocol: str | None = None,
    metrics: Sequence[str] | None = None,
    force: bool = False,
    allow_missing: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Comparison:
    """Compare scores of the same videos.

    Every number is a mean over videos, paired by name: other - reference. Videos without a value
    on either side are left out of that metric. The p-values of a protocol, over metrics and
    files, are one family for Holm's correction; `metrics` narrows it.

    Args:
        reference: a score file, its content or a `ScoreReport`.
        others: one or more that are compared with it.
        names: what all of them are called, the reference first; None for their files' names.
        protocol: the only one to compare; None for all that every file holds.
        metrics: the only ones to compare; None for all that both files hold.
        force: compare other data sets, splits and frames with a warning.
        allow_missing: compare the common videos where one side has more, with a warning.
        resamples: draws of the bootstrap, and of the signs of the test.
        seed: of these draws.

    Raises:
        DataError: a file that is no score file, or files that cannot be compared.
    """
    sources = (reference, *others)
    if not others:
        raise DataError('a comparison needs at least 2 score files')
    names = short_names(sources) if names is None else list(names)
    if len(set(names)) != len(sources):
        raise DataError(
            f'{len(sources)} score files need as many different names, got {names}; '
            '--names gives them others'
        )
    files = [read_scores(source, name) for source, name in zip(sources, names, strict=True)]
    differences: list[Difference] = []
    warnings: list[str] = []
    subjects = {}
    for first, *rest in shared_protocols(files, names, protocol):
        subjects[first.protocol] = f'{first.dataset} {first.split}'
        family: list[Difference] = []
        for other in rest:
            warnings += check_same_subject(first, other, force)
            videos, lacking = common_videos(first, other, allow_missing)
            chosen, one_sided = common_metrics(first, other, metrics)
            rows = [
                paired_difference((first, other), videos, metric, resamples, seed)
                for metric in chosen
            ]
            warnings += [*lacking, *one_sided, *reading_notes(rows, (first, other))]
            family += rows
        differences += corrected(family)
    return Comparison(
        reference=names[0],
        others=tuple(names[1:]),
        differences=tuple(differences),
        subjects=subjects,
        warnings=tuple(dict.fromkeys(warnings)),
        settings=dict(
            files=[
                str(source) if isinstance(source, (str, Path)) else name
                for source, name in zip(sources, names, strict=True)
            ],
            level=LEVEL,
            resamples=resamples,
            seed=seed,
        ),
    )


def paired_difference(
    pair: tuple[Scores, Scores], videos: Sequence[str], metric: str, resamples: int, seed: int
) -> Difference:
    """Difference of two files in a metric, not yet corrected for the number of tests.

    Args:
        pair: the reference, and what is compared with it.
        videos: names of those that both hold.
        metric: its name.
        resamples: see `compare`.
        seed: the same.
    """
    values = np.array(
        [[side.per_video[video].get(metric, math.nan) for video in videos] for side in pair]
    )
    whole = np.isfinite(values).all(axis=0)
    scores = values[:, whole]
    change = scores[1] - scores[0]
    low = high = p = math.nan
    if len(change) >= 2:
        low, high = bootstrap_interval(change, resamples, seed)
        p = sign_flip_p(change, resamples, seed)
    return Difference(
        protocol=pair[0].protocol,
        metric=metric,
        other=pair[1].name,
        better='lower' if is_lower_better(metric) else 'higher',
        videos=tuple(itertools.compress(videos, whole)),
        left_out=int((~whole).sum()),
        reference_scores=scores[0],
        other_scores=scores[1],
        low=low,
        high=high,
        p=p,
    )


def corrected(family: Sequence[Difference]) -> list[Difference]:
    """The differences of one family of tests with `p_holm`.

    Raises:
        DataError: none was tested.
    """
    tested = [row.p for row in family if not math.isnan(row.p)]
    if not tested:
        raise DataError('no metric has a value on both sides for at least 2 videos')
    p_holm = iter(holm(tested))
    return [row if math.isnan(row.p) else replace(row, p_holm=next(p_holm)) for row in family]


def reading_notes(rows: Sequence[Difference], pair: tuple[Scores, Scores]) -> list[str]:
    """Warnings of what a reader could take the numbers for."""
    notes = []
    fewest = min(len(row.videos) for row in rows)
    if fewest < FEW_VIDEOS:
        notes.append(
            f'only {fewest} videos: no p-value can be below 2 / 2**{fewest} = '
            f'{min(1, 2 / 2**fewest):.3g}, whatever the difference'
        )
    for row in rows:
        means = (row.reference_mean, row.other_mean)
        for side, mean in zip(pair, means, strict=True):
            whole = len(row.videos) == len(side.per_video)
            own = side.means.get(row.metric, math.nan)
            if whole and abs(own - mean) > 1e-6 + 1e-6 * abs(mean):
                notes.append(
                    f'the overall scores in {side.name} under {side.protocol} are not means over '
                    f'videos ({row.metric} {own:.4f}, mean over videos {mean:.4f}): a protocol '
                    'that pools all frames weighs long videos more than this comparison does'
                )
                return notes
    return notes
