"""Reads score files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import DataError


class HasJson(Protocol):
    """Anything that gives its plain values, such as a `ScoreReport`."""

    def to_json(self) -> Mapping[str, object]:
        """The content of a score file."""


# What to compare: a file, what is in one, or what gives that.
Source = str | Path | Mapping[str, object] | HasJson


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
        frames_per_video: their number by video; empty where the file does not say.
        means: the file's own overall scores by metric.
    """

    name: str
    protocol: str
    dataset: str
    split: str
    metrics: tuple[str, ...]
    per_video: dict[str, dict[str, float]]
    frames_per_video: dict[str, int]
    means: dict[str, float]


def read_scores(source: Source, name: str) -> dict[str, Scores]:
    """Scores of a file by protocol.

    Args:
        source: a JSON file, its content, or an object with `to_json`; one report, or
            `{'reports': [...]}` with one a protocol.
        name: what it is called in tables.

    Raises:
        DataError: not a score file.
    """
    where, content = name, source
    if isinstance(source, (str, Path)):
        where = str(source)
        try:
            content = json.loads(Path(source).read_text(encoding='utf-8'))
        except FileNotFoundError:
            raise DataError(f'{where}: the file does not exist') from None
        except ValueError as error:
            raise DataError(f'{where}: cannot be read as JSON ({error})') from error
    elif not isinstance(source, Mapping):
        content = source.to_json()
    reports = content.get('reports') if isinstance(content, Mapping) else None
    if reports is None:
        reports = [content]
    if not isinstance(reports, Sequence) or not reports:
        raise DataError(f'{where}: holds no reports')
    parsed = [_parse(report, name, where) for report in reports]
    return {scores.protocol: scores for scores in parsed}


def _parse(content: object, name: str, where: str) -> Scores:
    if not isinstance(content, Mapping):
        raise DataError(f'{where}: expected the scores of a data set, got {type(content).__name__}')
    lacking = [key for key in ('protocol', 'per_video') if key not in content]
    if lacking:
        raise DataError(
            f'{where}: has no {" and no ".join(lacking)}; score files are written by '
            '`salkit test --out` and `salkit score --out`'
        )
    try:
        per_video = {str(k): _numbers(scores) for k, scores in content['per_video'].items()}
        means = _numbers(content.get('scores') or {})
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
        frames_per_video=frames_per_video,
        means=means,
    )


def _numbers(scores: Mapping[str, float | None]) -> dict[str, float]:
    return {str(k): math.nan if v is None else float(v) for k, v in scores.items()}


def short_names(sources: Sequence[Source]) -> list[str]:
    """A short name for each source: of files the end of the path that no other has."""
    paths = {
        number: Path(source).absolute().with_suffix('').parts
        for number, source in enumerate(sources)
        if isinstance(source, (str, Path))
    }
    different = len(set(paths.values()))
    # Files called alike, scores.json in every work dir, go by their folders alone.
    while different > 1 and len({path[-1] for path in paths.values()}) == 1:
        paths = {number: path[:-1] for number, path in paths.items()}
    depth = 1
    while len({path[-depth:] for path in paths.values()}) < different:
        depth += 1
    return [
        '/'.join(paths[number][-depth:]) if number in paths else f'scores {number + 1}'
        for number in range(len(sources))
    ]
