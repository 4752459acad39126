"""Paired comparison of score files: differences, their intervals and their p-values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import DataError
from .differences import Comparison, Difference
from .paired_statistics import LEVEL, RESAMPLES, bootstrap_interval, holm, sign_flip_p
from .score_files import (
    Scores,
    Source,
    check_same_subject,
    common_videos,
    lowers,
    read_scores,
    short_names,
)

# Below this many videos even differences that all point one way have p > 0.05 in two-sided tests.
FEW_VIDEOS = 6


def _differences(
    pair: tuple[Scores, Scores],
    videos: list[str],
    metrics: Sequence[str],
    resamples: int,
    seed: int,
) -> list[Difference]:
    """The differences of one pair of files, not yet corrected for their number."""
    rows = []
    for metric in metrics:
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
        rows.append(
            Difference(
                protocol=pair[0].protocol,
                metric=metric,
                other=pair[1].name,
                better='lower' if lowers(metric) else 'higher',
                videos=tuple(itertools.compress(videos, whole)),
                left_out=int((~whole).sum()),
                reference_scores=scores[0],
                other_scores=scores[1],
                low=low,
                high=high,
                p=p,
            )
        )
    return rows


def _corrected(family: Sequence[Difference]) -> list[Difference]:
    """The differences with `p_holm`; DataError where none could be tested."""
    tested = [row.p for row in family if not math.isnan(row.p)]
    if not tested:
        raise DataError('no metric has a value on both sides for at least 2 videos')
    corrected = iter(holm(tested))
    return [row if math.isnan(row.p) else replace(row, p_holm=next(corrected)) for row in family]


def _shared_protocols(
    files: Sequence[dict[str, Scores]], names: Sequence[str], protocol: str | None, force: bool
) -> list[tuple[Scores, ...]]:
    """The reports to compare, one tuple a protocol with a report of each file."""
    held = [f'{name}: {", ".join(f)}' for name, f in zip(names, files, strict=True)]
    if protocol is not None:
        if not all(protocol in file for file in files):
            raise DataError(f'not every file holds protocol {protocol!r} ({"; ".join(held)})')
        return [tuple(file[protocol] for file in files)]
    shared = [name for name in files[0] if all(name in file for file in files)]
    if shared:
        return [tuple(file[name] for file in files) for name in shared]
    if force and all(len(file) == 1 for file in files):
        return [tuple(next(iter(file.values())) for file in files)]
    raise DataError(
        f'no protocol is in every file ({"; ".join(held)}), and scores of different protocols '
        'are different quantities' + ('' if force else ' (--force compares them all the same)')
    )


def _wanted_metrics(
    reference: Scores, other: Scores, metrics: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Metrics to compare, and a warning of those that only one side has."""
    shared = [metric for metric in reference.metrics if metric in other.metrics]
    if metrics is not None:
        for metric in metrics:
            if metric not in shared:
                raise DataError(
                    f'{reference.name} and {other.name} do not both hold {metric!r}; both hold '
                    f'{", ".join(shared)}'
                )
        return list(metrics), []
    if not shared:
        raise DataError(f'{reference.name} and {other.name} have no metric in common')
    return shared, [
        f'only {one.name} holds {", ".join(extra)}'
        for one in (reference, other)
        if (extra := [metric for metric in one.metrics if metric not in shared])
    ]


def _reading_notes(rows: Sequence[Difference], pair: tuple[Scores, Scores]) -> list[str]:
    """Warnings of what a reader could take the numbers for."""
    notes = []
    pairs = sorted({len(row.videos) for row in rows})
    if pairs[0] < FEW_VIDEOS:
        notes.append(
            f'only {pairs[0]} videos: no p-value can be below 2 / 2**{pairs[0]} = '
            f'{min(1, 2 / 2 ** pairs[0]):.3g}, whatever the difference'
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


def compare(
    reference: Source,
    *others: Source,
    names: Sequence[str] | None = None,
    protocol: str | None = None,
    metrics: Sequence[str] | None = None,
    force: bool = False,
    allow_missing: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare scores of the same videos.

    Every number is a mean over videos, paired by name: other - reference. Videos without a value
    on either side are left out of that metric. The p-values of a protocol, over metrics and
    files, are one family for Holm's correction; `metrics` narrows it.

    Args:
        reference: a score file, its content or a `ScoreReport`.
        others: one or more that are compared with it.
        names: what all of them are called, the reference first; file names by default.
        protocol: the only one to compare; all that every file holds by default.
        metrics: the only ones to compare; all that both files hold by default.
        force: compare other protocols, data sets, splits and frames with a warning.
        allow_missing: compare the common videos where one side has more, with a warning.
        resamples: bootstrap samples, and sign flips where there are more than 12 videos.
        seed: of both.

    Raises:
        DataError: a file that is no score file, or files that cannot be compared.
    """
    sources = (reference, *others)
    if not others:
        raise DataError('a comparison needs at least 2 score files')
    if resamples < 1:
        raise DataError(f'a comparison needs at least 1 resample, got {resamples}')
    names = short_names(sources) if names is None else list(names)
    if len(set(names)) != len(sources):
        raise DataError(f'{len(sources)} score files need as many different names, got {names}')
    files = [read_scores(source, name) for source, name in zip(sources, names, strict=True)]
    differences: list[Difference] = []
    warnings: list[str] = []
    subjects = {}
    for first, *rest in _shared_protocols(files, names, protocol, force):
        subjects[first.protocol] = first.subject
        family: list[Difference] = []
        for other in rest:
            warnings += check_same_subject(first, other, force)
            videos, lacking = common_videos(first, other, allow_missing)
            wanted, one_sided = _wanted_metrics(first, other, metrics)
            rows = _differences((first, other), videos, wanted, resamples, seed)
            warnings += [*lacking, *one_sided, *_reading_notes(rows, (first, other))]
            family += rows
        differences += _corrected(family)
    return Comparison(
        reference=names[0],
        others=tuple(names[1:]),
        differences=tuple(differences),
        subjects=subjects,
        warnings=tuple(dict.fromkeys(warnings)),
        settings=dict(
            files=[
                str(s) if isinstance(s, (str, Path)) else n
                for s, n in zip(sources, names, strict=True)
            ],
            level=LEVEL,
            resamples=resamples,
            seed=seed,
        ),
    )
