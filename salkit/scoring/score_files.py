"""Reads score files."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..errors import DataError
from ..utils.input_files import read_input_json


class HasJson(Protocol):
    """Anything that gives its plain values, such as a `ScoreReport`."""

    def to_json(self) -> Mapping[str, object]:
        """The content of a score file."""


# Predictions that need no model, as `baseline.json` names them: what a model should be above, and
# what people reach.
BASELINES = ('center', 'mean')
CEILINGS = ('inter-observer', 'half-of-observers')

_T = TypeVar('_T')
# What to compare: a file, what is in one, or what gives that.
Source = str | Path | Mapping[str, object] | HasJson


@dataclass(frozen=True)
class ModelFacts:
    """What a score file says of the model that it is of.

    Attributes:
        name: its name.
        parameters: how many it has; None where the file does not say.
        frames_per_s: frames tested in a second, read and scored too; None where nobody measured it.
        device: on which; '' where the file does not say.
    """

    name: str
    parameters: int | None = None
    frames_per_s: float | None = None
    device: str = ''


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
        frames: how many were scored; None where the file does not say.
        selection: which frames these are, in words; '' for all.
        interval: the file's own 95 % intervals over videos of the overall scores, by metric.
        missing: what the averages lack, how many by kind: videos, frames, maps.
        model: the model's size and speed; None where the file does not say.
        baseline: what the file says of the baseline that it is of: `baseline` (one of `BASELINES`
            or `CEILINGS`), `dataset`, `split`; empty for a model.
        ig_baseline: what information gain is counted from, in words; '' where it is not scored.
    """

    name: str
    protocol: str
    dataset: str
    split: str
    metrics: tuple[str, ...]
    per_video: dict[str, dict[str, float]]
    frames_per_video: dict[str, int]
    means: dict[str, float]
    frames: int | None = None
    selection: str = ''
    interval: dict[str, tuple[float, float]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    model: ModelFacts | None = None
    baseline: dict[str, str] = field(default_factory=dict)
    ig_baseline: str = ''


def score_file(reports: Sequence[Mapping[str, object]]) -> Mapping[str, object]:
    """The content of a score file: that of the first protocol; of several, `reports` holds all.

    Args:
        reports: what is written of each.
    """
    return reports[0] if len(reports) == 1 else {**reports[0], 'reports': list(reports)}


def read_scores(source: Source, name: str) -> dict[str, Scores]:
    """Scores of a file by protocol.

    Args:
        source: a JSON file, its content, or an object with `to_json`; one report, or
            `{'reports': [...]}` with one a protocol.
        name: what it is called in tables.

    Raises:
        DataError: not a score file, or one with two reports of a protocol.
    """
    where = str(source) if isinstance(source, (str, Path)) else name
    try:
        content = _content_of(source)
        # Of several reports, these may stand beside.
        shared = {key: content[key] for key in ('model', 'baseline') if key in content}
        reports = _field(content, 'reports', list, [content])
        parsed = [_parse({**shared, **_mapping(report)}, name) for report in reports]
    except ValueError as error:
        raise DataError(
            f'{where}: expected scores as `salkit test --out` and `salkit score --out` write them, '
            f'got a file {error}'
        ) from error
    found: dict[str, Scores] = {}
    for scores in parsed:
        if found.setdefault(scores.protocol, scores) is not scores:
            raise DataError(
                f'{where}: expected one report a protocol, got several of {scores.protocol}'
            )
    return found


def _content_of(source: Source) -> Mapping[str, Any]:
    if isinstance(source, (str, Path)):
        return _mapping(read_input_json(source))
    return _mapping(source.to_json() if hasattr(source, 'to_json') else source)


def _mapping(content: object) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise ValueError(f'that holds {reprlib.repr(content)} where fields belong')
    return content


def _field(
    content: Mapping[str, Any], name: str, read: Callable[[Any], _T], default: object = None
) -> _T:
    """What `read` makes of a field, or of the default where there is none; without one, it must be.

    Raises:
        ValueError: it is not there, or `read` can make nothing of it.
    """
    value = content.get(name)
    if value is None and default is None:
        raise ValueError(f'that has no {name!r}')
    try:
        return read(default if value is None else value)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f'whose {name!r} is {reprlib.repr(value)} ({error})') from error


def _parse(content: Mapping[str, Any], name: str) -> Scores:
    def by_video(value: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float]]:
        return {str(video): _numbers(scores) for video, scores in value.items()}

    per_video = _field(content, 'per_video', by_video)
    means = _field(content, 'scores', _numbers, {})
    frames_per_video = _field(content, 'frames_per_video', _counts, {})
    counted = content.get('frames') is not None or frames_per_video
    return Scores(
        name=name,
        protocol=_field(content, 'protocol', str),
        dataset=_field(content, 'dataset', str, '?'),
        split=_field(content, 'split', str, '?'),
        metrics=tuple(dict.fromkeys([*means, *(m for s in per_video.values() for m in s)])),
        per_video=per_video,
        frames_per_video=frames_per_video,
        means=means,
        ig_baseline=_field(content, 'ig_baseline', str, ''),
        frames=_field(content, 'frames', _count, sum(frames_per_video.values()))
        if counted
        else None,
        selection=_field(content, 'selection', str, ''),
        interval=_field(content, 'interval', _intervals, {}),
        missing=_field(content, 'missing', _lengths, {}),
        model=_field(content, 'model', _model_facts) if content.get('model') else None,
        baseline=_field(content, 'baseline', _words, {}),
    )


def _model_facts(content: Mapping[str, Any]) -> ModelFacts:
    parameters, speed = content.get('parameters'), content.get('frames_per_s')
    return ModelFacts(
        name=_field(content, 'name', str),
        parameters=None if parameters is None else _field(content, 'parameters', _count),
        # A slow test of few frames has a speed that rounds to 0.
        frames_per_s=None if speed is None else _field(content, 'frames_per_s', _amount),
        device=_field(content, 'device', str, ''),
    )


def _amount(value: float) -> float:
    if not 0 <= value < math.inf:
        raise ValueError('expected a number of at least 0')
    return float(value)


def _count(value: float) -> int:
    return int(_amount(value))


def _counts(content: Mapping[str, float]) -> dict[str, int]:
    return {str(name): _count(value) for name, value in content.items()}


def _lengths(content: Mapping[str, Sequence[object]]) -> dict[str, int]:
    return {str(kind): len(found) for kind, found in content.items() if found}


def _words(content: Mapping[str, object]) -> dict[str, str]:
    return {str(name): str(value) for name, value in content.items()}


def _intervals(content: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {
        str(metric): (float(low), float(high))
        for metric, (low, high) in content.items()
        if math.isfinite(low) and math.isfinite(high)
    }


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


def plain_name(name: str) -> str:
    """Under which the class UCFSportsDataset is the folder ucf_sports."""
    return re.sub(r'[\W_]', '', name.lower().removesuffix('dataset'))
