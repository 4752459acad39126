"""Reads score files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

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
    where = str(source) if isinstance(source, (str, Path)) else name
    try:
        content = _content_of(source)
        parsed = [_parse(report, name) for report in content.get('reports', [content])]
    except FileNotFoundError:
        raise DataError(f'{where}: the file does not exist') from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f'{where}: expected scores as `salkit test --out` and `salkit score --out` write them, '
            f'got {type(error).__name__}: {error}'
        ) from error
    return {scores.protocol: scores for scores in parsed}


def _content_of(source: Source) -> Mapping[str, Any]:
    if isinstance(source, (str, Path)):
        return json.loads(Path(source).read_text(encoding='utf-8'))
    return source if isinstance(source, Mapping) else source.to_json()


def _parse(content: Mapping[str, Any], name: str) -> Scores:
    per_video = {str(k): _numbers(scores) for k, scores in content['per_video'].items()}
    means = _numbers(content.get('scores') or {})
    return Scores(
        name=name,
        protocol=str(content['protocol']),
        dataset=str(content.get('dataset', '?')),
        split=str(content.get('split', '?')),
        metrics=tuple(dict.fromkeys([*means, *(m for s in per_video.values() for m in s)])),
        per_video=per_video,
        frames_per_video={k: int(v) for k, v in (content.get('frames_per_video') or {}).items()},
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
