"""Reading score files, and finding out whether two of them can be compared."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError

# What to compare: a file, what is in one, or anything with `to_json`, such as a ScoreReport.
Source = str | Path | Mapping[str, Any] | Any

# Metrics are better when higher but for these (the Kullback-Leibler divergence, under the names
# that codes give it).
LOWER_IS_BETTER = {'kl', 'kldiv', 'kld', 'emd'}


def lowers(metric: str) -> bool:
    """Whether lower values of the metric are the better ones."""
    return metric.lower().replace('-', '').replace('_', '') in LOWER_IS_BETTER


def quote_some(names: Sequence[str], most: int = 5) -> str:
    """The names in a line, cut after a few."""
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(names[:most]) + more


def _plain_name(dataset: str) -> str:
    """Under which the class UCFSportsDataset is the folder ucf_sports."""
    return re.sub(r'[^a-z0-9]', '', dataset.lower().removesuffix('dataset'))


@dataclass(frozen=True)
class Scores:
    """Scores of one file under one protocol.

    Attributes:
        name: what the file is called in tables.
        protocol: its name.
        dataset: what was scored.
        split: which part of it.
        metrics: names, in the file's order.
        per_video: scores by video and metric, NaN where undefined.
        frames: number of frames; None where the file does not tell.
        frames_per_video: their number by video; empty where the file does not tell.
        means: the file's own overall scores by metric.
    """

    name: str
    protocol: str
    dataset: str
    split: str
    metrics: tuple[str, ...]
    per_video: dict[str, dict[str, float]]
    frames: int | None
    frames_per_video: dict[str, int]
    means: dict[str, float]

    @property
    def subject(self) -> str:
        """What was scored, in a line."""
        return f'{self.dataset} {self.split}'


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _parse(content: Any, name: str, where: str) -> Scores:
    """One report; DataError where it is none."""
    if not isinstance(content, Mapping):
        raise DataError(f'{where}: expected the scores of a data set, got {type(content).__name__}')
    lacking = [key for key in ('protocol', 'per_video') if key not in content]
    if lacking:
        raise DataError(
            f'{where}: has no {" and no ".join(lacking)}; score files are written by '
            '`salkit test --out` and `salkit score --out`'
        )
    try:
        per_video = {
            str(video): {str(metric): _number(value) for metric, value in scores.items()}
            for video, scores in content['per_video'].items()
        }
        means = {k: _number(v) for k, v in (content.get('scores') or {}).items()}
        frames_per_video = {k: int(v) for k, v in (content.get('frames_per_video') or {}).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f'{where}: its scores cannot be read ({error})') from error
    metrics = dict.fromkeys([*means, *(m for scores in per_video.values() for m in scores)])
    return Scores(
        name=name,
        protocol=str(content['protocol']),
        dataset=str(content.get('dataset', '?')),
        split=str(content.get('split', '?')),
        metrics=tuple(metrics),
        per_video=per_video,
        frames=content.get('frames'),
        frames_per_video=frames_per_video,
        means=means,
    )


def read_scores(source: Source, name: str) -> dict[str, Scores]:
    """Scores of a file by protocol.

    Args:
        source: a JSON file, its content, or an object with `to_json` such as a `ScoreReport`; one
            report, or `{'reports': [...]}` with one a protocol.
        name: what it is called in tables.

    Raises:
        DataError: not a score file.
    """
    where = name
    if isinstance(source, (str, Path)):
        where = str(source)
        try:
            content = json.loads(Path(source).read_text(encoding='utf-8'))
        except FileNotFoundError:
            raise DataError(f'{where}: the file does not exist') from None
        except ValueError as error:
            raise DataError(f'{where}: cannot be read as JSON ({error})') from error
    else:
        content = source.to_json() if hasattr(source, 'to_json') else source
    reports = content.get('reports') if isinstance(content, Mapping) else None
    if reports is None:
        reports = [content]
    if not isinstance(reports, Sequence) or not reports:
        raise DataError(f'{where}: holds no reports')
    parsed = [_parse(report, name, where) for report in reports]
    return {scores.protocol: scores for scores in parsed}


def short_names(sources: Iterable[Source]) -> list[str]:
    """A short name for each source that no other has: of files the end of the path."""
    paths = [
        Path(s).absolute().with_suffix('').parts if isinstance(s, (str, Path)) else None
        for s in sources
    ]
    # Files called alike, scores.json in every work dir, are told by their folders alone.
    while len(set(paths)) > 1 and all(p and len(p) > 2 and p[-1] == paths[0][-1] for p in paths):
        paths = [path[:-1] for path in paths]
    different = len(set(paths) - {None}) + paths.count(None)
    names = [f'scores {i + 1}' if path is None else path[-1] for i, path in enumerate(paths)]
    for depth in range(2, max((len(path) for path in paths if path), default=0) + 1):
        if len(set(names)) == different:
            break
        shared = {name for name in names if names.count(name) > 1}
        names = [
            '/'.join(path[-depth:]) if path and name in shared else name
            for path, name in zip(paths, names, strict=True)
        ]
    return [
        name if names.index(name) == i else f'{name} ({names[:i].count(name) + 1})'
        for i, name in enumerate(names)
    ]


def check_same_subject(reference: Scores, other: Scores, force: bool) -> list[str]:
    """Make sure that both scored the same frames of the same data under the same protocol.

    Args:
        reference: one side.
        other: the other.
        force: whether what differs is only a warning.

    Returns:
        The warnings.

    Raises:
        DataError: something differs, and not `force`.
    """
    problems = [
        f'{what} of {reference.name} is {left}, of {other.name} {right}'
        for what, left, right in (
            ('the protocol', reference.protocol, other.protocol),
            ('the data set', reference.dataset, other.dataset),
            ('the split', reference.split, other.split),
        )
        if left != right and _plain_name(left) != _plain_name(right)
    ]
    ours, theirs = reference.frames_per_video, other.frames_per_video
    unequal = sorted(video for video in ours.keys() & theirs.keys() if ours[video] != theirs[video])
    if unequal:
        video = unequal[0]
        problems.append(
            f'{len(unequal)} video(s) with other numbers of frames: {video} has {ours[video]} in '
            f'{reference.name} and {theirs[video]} in {other.name}'
        )
    elif (
        reference.per_video.keys() == other.per_video.keys()
        and None not in (reference.frames, other.frames)
        and reference.frames != other.frames
    ):
        problems.append(
            f'of the same videos {reference.name} scored {reference.frames} frames and '
            f'{other.name} {other.frames}'
        )
    if problems and not force:
        raise DataError(f'{"; ".join(problems)} (--force compares them all the same)')
    return problems


def common_videos(
    reference: Scores, other: Scores, allow_missing: bool
) -> tuple[list[str], list[str]]:
    """Sorted names of the videos that both hold.

    Args:
        reference: one side.
        other: the other.
        allow_missing: whether videos that only one side has are only a warning.

    Returns:
        The names and the warnings.

    Raises:
        DataError: videos that only one side has, and not `allow_missing`; fewer than 2 in common.
    """
    common = sorted(reference.per_video.keys() & other.per_video.keys())
    lacking = [
        f'{len(extra)} video(s) only in {one.name}: {quote_some(extra)}'
        for one, two in ((reference, other), (other, reference))
        if (extra := sorted(one.per_video.keys() - two.per_video.keys()))
    ]
    if lacking and not allow_missing:
        raise DataError(
            f'{"; ".join(lacking)} (--allow-missing compares the {len(common)} that both have)'
        )
    if len(common) < 2:
        raise DataError(
            f'{reference.name} and {other.name} have {len(common)} video(s) in common; a paired '
            'comparison needs at least 2'
        )
    return common, lacking
