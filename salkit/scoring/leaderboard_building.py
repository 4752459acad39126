"""From score files to a leaderboard: what belongs together, and what can be said of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError
from ..utils.text import listed, nearest_names
from .differences import Difference
from .leaderboard_options import LeaderboardOptions
from .leaderboard_report import Leaderboard
from .leaderboard_tables import Board, Entry, agreements, frames_key, subject_of
from .paired_comparison import corrected, paired_difference, reading_notes
from .paired_statistics import LEVEL, bootstrap_interval
from .score_files import CEILINGS, Scores, Source, plain_name, read_scores, short_names

# Scores that are the same but for rounding.
_SAME = 1e-6


def leaderboard(
    *sources: Source, options: LeaderboardOptions | None = None, **changes: Any
) -> Leaderboard:
    """Put scores of many models into tables, one a protocol, data set, split and choice of frames.

    In each metric, everything is compared with the best model as `compare` does it: mean over the
    same videos, bootstrap interval, sign-flip test; the p-values of a board are one family for
    Holm's correction. Baselines and ceilings have rows and no ranks; a ceiling stands in the tables
    of its protocol that it has videos of, and is compared with nothing, as its ground truth is the
    gaze of some observers alone.

    Args:
        sources: score files, their content, or objects that give it, such as a `ScoreReport`.
        options: see `LeaderboardOptions`.
        **changes: single options by name: `leaderboard('a.json', 'b.json', metrics=['CC'])`.

    Raises:
        ConfigError: a metric, protocol or reference that no file holds, or too few names.
        DataError: a file that is no score file, two of one name in a table, an incomplete run, or
            a ceiling that belongs to no table.
    """
    options = replace(options or LeaderboardOptions(), **changes)
    entries, files, warnings = _read(sources, options)
    _check_known('metric', options.metrics, (m for e in entries for m in e.scores.metrics))
    boards = []
    for group in _grouped(entries):
        board = _board(group, options)
        if board.metrics:
            boards.append(_compared(board, options, warnings))
        else:
            warnings.append(f'{board.title}: is left out, no file holds a chosen metric')
    if not boards:
        raise DataError('no file holds a score')
    shown = list(dict.fromkeys(metric for board in boards for metric in board.metrics))
    _check_known('metric', options.scatter, shown)
    names = [entry.name for board in boards for entry in board.entries if entry.role != 'ceiling']
    _check_known('row', [options.reference] if options.reference else [], names)
    return Leaderboard(
        boards=tuple(boards),
        agreements=tuple(agreements(boards)),
        scatter=tuple(dict.fromkeys(options.scatter or shown)),
        warnings=tuple(dict.fromkeys([*warnings, *_one_set_by_two_names(boards)])),
        files=tuple(files),
        settings=dict(
            reference=options.reference,
            level=LEVEL,
            resamples=options.resamples,
            seed=options.seed,
        ),
    )


def _check_known(what: str, wanted: Sequence[str] | None, known: Iterable[str]) -> None:
    known = list(dict.fromkeys(known))
    for name in wanted or ():
        if name not in known:
            raise ConfigError(f'no file holds the {what} {name!r}; {nearest_names(name, known)}')


# What belongs together ---------------------------------------------------------------------------


def _read(
    sources: Sequence[Source], options: LeaderboardOptions
) -> tuple[list[Entry], list[str], list[str]]:
    """The entries of all files, what the files are called by the user, and warnings."""
    if not sources:
        raise DataError('a leaderboard needs at least 1 score file')
    parts = {'': sources, 'baseline': options.baselines, 'ceiling': options.ceilings}
    told = [(role, source) for role, part in parts.items() for source in part]
    everything = [source for _, source in told]
    names = short_names(everything) if options.names is None else list(options.names)
    if len(names) != len(everything):
        raise ConfigError(f'{len(everything)} score files need as many names, got {len(names)}')
    entries, warnings = [], []
    for (role, source), name in zip(told, names, strict=True):
        reports = read_scores(source, name)
        if not reports:
            raise DataError(f'{name}: holds no scores, its list of reports is empty')
        if options.protocol not in (None, *reports):
            warnings.append(f'{name} is left out: it holds no scores of {options.protocol}')
        for protocol, scores in reports.items():
            if options.protocol in (None, protocol):
                entries.append(Entry(scores, role or _own_role(scores)))
    if not entries:
        raise ConfigError(f'no file holds scores of the protocol {options.protocol!r}')
    files = [
        str(source) if isinstance(source, (str, Path)) else name
        for source, name in zip(everything, names, strict=True)
    ]
    return entries, files, warnings


def _own_role(scores: Scores) -> str:
    """What a file says of itself."""
    if not scores.baseline:
        return 'model'
    return 'ceiling' if scores.baseline.get('baseline') in CEILINGS else 'baseline'


def _grouped(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The entries of each board."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        if entry.role != 'ceiling':
            key = (entry.scores.protocol, *frames_key(entry.scores))
            groups.setdefault(key, []).append(entry)
    boards = [(group[0].scores, group) for group in groups.values()]
    places: dict[str, int] = {}
    for entry in entries:
        if entry.role == 'ceiling':
            fitting = [group for subject, group in boards if _is_ceiling_of(entry.scores, subject)]
            places[entry.name] = places.get(entry.name, 0) + len(fitting)
            for group in fitting:
                group.append(entry)
    for name, count in places.items():
        if not count:
            raise DataError(
                f'{name}: is a ceiling, and no other file has scores of the same protocol and '
                'data set, with a video in common'
            )
    for group in groups.values():
        names = [entry.name for entry in group]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise DataError(
                f'{subject_of(group[0].scores)}: two files are called {twice} (--names gives '
                'others)'
            )
    return list(groups.values())


def _is_ceiling_of(ceiling: Scores, subject: Scores) -> bool:
    """Whether a ceiling stands beside scores: it may be of a video and one observer, `601@s01`."""
    dataset = ceiling.baseline.get('dataset', subject.dataset)
    videos = {name.rpartition('@')[0] or name for name in ceiling.per_video}
    return (
        ceiling.protocol == subject.protocol
        and plain_name(dataset) == plain_name(subject.dataset)
        and not videos.isdisjoint(subject.per_video)
    )


def _one_set_by_two_names(boards: Sequence[Board]) -> list[str]:
    """Warnings of tables that may be of the same videos."""
    return [
        f'{subject_of(one)} and {subject_of(other)} have the same videos, in tables of their own; '
        'maps of `salkit test --dump`, scored by `salkit score`, would be in one'
        for one, other in itertools.combinations((board.subject for board in boards), 2)
        if (one.protocol, one.selection) == (other.protocol, other.selection)
        and one.per_video.keys() == other.per_video.keys()
    ]


# What can be said of it --------------------------------------------------------------------------


def _board(group: Sequence[Entry], options: LeaderboardOptions) -> Board:
    """Rows in their order, with what they lack.

    Raises:
        DataError: one is incomplete, and not `allow_missing`; or IG over different baselines.
    """
    compared = [entry for entry in group if entry.role != 'ceiling']
    held = dict.fromkeys(metric for entry in compared for metric in entry.scores.metrics)
    metrics = [m for m in options.metrics or held if m in held]
    sources = {e.scores.ig_baseline: e.name for e in compared if e.scores.ig_baseline}
    if 'IG' in metrics and len(sources) > 1:
        told = '; '.join(f'{name}: {source}' for source, name in sources.items())
        raise DataError(
            f'IG is counted from different baselines ({told}): score all over one, or leave it out '
            'with --metrics'
        )
    frames: dict[str, int] = {}
    for entry in compared:
        for video in entry.scores.per_video:
            known = entry.scores.frames_per_video.get(video, 0)
            frames[video] = max(known, frames.get(video, 0))
    rows = []
    for entry in group:
        gaps = '' if entry.role == 'ceiling' else _gaps(entry.scores, frames)
        if gaps and not options.allow_missing:
            raise DataError(
                f'{entry.name}, {subject_of(entry.scores)}: {gaps} (--allow-missing shows the run, '
                'marked and without a rank)'
            )
        found = {metric: _interval(entry.scores, metric, options) for metric in metrics}
        intervals = {metric: ends for metric, ends in found.items() if ends}
        rows.append(replace(entry, gaps=gaps, intervals=intervals))
    whole = [entry for entry in rows if not entry.gaps and entry.role != 'ceiling']
    counts = [entry.scores.frames for entry in whole or rows if entry.scores.frames is not None]
    board = Board(tuple(rows), tuple(metrics), len(frames), max(counts, default=None))
    return replace(board, entries=tuple(sorted(rows, key=board.place)))


def _gaps(scores: Scores, frames: Mapping[str, int]) -> str:
    """What a run lacks of all videos and their frames, in words."""
    lacking = sorted(frames.keys() - scores.per_video.keys())
    fewer = [video for video, n in scores.frames_per_video.items() if n < frames.get(video, 0)]
    parts = []
    if lacking:
        parts.append(f'lacks {len(lacking)} of {len(frames)} videos ({listed(lacking, 2)})')
    if fewer:
        video = min(fewer)
        parts.append(
            f'has fewer frames than others of {len(fewer)} video(s) ({video}: '
            f'{scores.frames_per_video[video]} of {frames[video]})'
        )
    if scores.missing:
        said = ', '.join(f'{count} {kind}' for kind, count in scores.missing.items())
        parts.append(f'was scored without what is missing ({said})'.replace('_', ' '))
    return '; '.join(parts)


def _interval(
    scores: Scores, metric: str, options: LeaderboardOptions
) -> tuple[float, float] | None:
    """The 95 % interval over videos of a score: the file's own, else from its scores of videos.

    None below 2 videos, and where the score is neither the mean over videos nor that weighted by
    their frames: these alone do not say then how often each one counts.
    """
    if metric in scores.interval:
        return scores.interval[metric]
    found = {video: values.get(metric, math.nan) for video, values in scores.per_video.items()}
    found = {video: value for video, value in found.items() if math.isfinite(value)}
    score = scores.means.get(metric, math.nan)
    if len(found) < 2 or not math.isfinite(score):
        return None
    values = np.array([*found.values()])
    frames = np.array([scores.frames_per_video.get(video, 0) for video in found], dtype=float)
    for weights in (None, frames if frames.all() else None):
        if abs(np.average(values, weights=weights) - score) <= _SAME * (1 + abs(score)):
            return bootstrap_interval(values, options.resamples, options.seed, weights)
    return None


def _compared(board: Board, options: LeaderboardOptions, warnings: list[str]) -> Board:
    """The board with the differences of its rows to the best, or to the chosen reference."""
    entries = {entry.name: entry for entry in board.entries if entry.role != 'ceiling'}
    references: dict[str, str] = {}
    family: dict[tuple[str, str], Difference] = {}
    pairs: dict[tuple[str, str], list[Difference]] = {}
    for metric in board.metrics:
        ranks = board.ranks(metric)
        best = min(ranks, key=lambda name: ranks[name], default=None)
        name = options.reference if options.reference in entries else best
        if name is None:
            continue
        references[metric] = name
        first = entries[name].scores
        for other in entries.values():
            second = other.scores
            videos = sorted(first.per_video.keys() & second.per_video.keys())
            if other.name == name or metric not in second.metrics or not videos:
                continue
            draws = options.resamples, options.seed
            row = paired_difference((first, second), videos, metric, *draws)
            family[metric, other.name] = row
            if row.videos:
                pairs.setdefault((name, other.name), []).append(row)
    for (name, other_name), rows in pairs.items():
        warnings += reading_notes(rows, (entries[name].scores, entries[other_name].scores))
    if any(not math.isnan(row.p) for row in family.values()):
        family = dict(zip(family, corrected([*family.values()]), strict=True))
    for entry in board.entries:
        if entry.gaps:
            warnings.append(f'{entry.name}, {subject_of(entry.scores)}: {entry.gaps}')
    return replace(board, references=references, differences=family)
