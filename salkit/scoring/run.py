"""Scores anybody's maps against the ground truth of a data set."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..errors import ConfigError, DataError
from ..metrics import NonfixationPool, ScoreReport, get_protocol
from ..plugin import plugins_of
from ..utils.parallel import check_workers, run_tasks
from ..version import __version__
from .collect import Seen, collect, csv_writer
from .groups import Group, by_source, metrics_of, plan_group
from .parts import POINTS, SCORES, Parts, parts_folder
from .plan import Missing, Task
from .predictions import find_predictions
from .work import Job, fill_pool, gather_points, score_frames

_PACKAGES = ('numpy', 'torch', 'opencv-python', 'pillow', 'scipy', 'av')


@dataclass
class Scoring:
    """What a run found.

    Attributes:
        reports: by protocol.
        missing: what was left out of the averages, by protocol.
        warnings: what a reader should know, by protocol.
        seen: what the maps were like, by protocol.
        origin: inputs and versions.
    """

    reports: dict[str, ScoreReport]
    missing: dict[str, Missing]
    warnings: dict[str, list[str]]
    seen: dict[str, Seen]
    origin: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The content of a score file: flat for one protocol, else `reports` of such."""
        flat = [
            dict(
                report.to_json(),
                missing=vars(self.missing[name]),
                warnings=self.warnings[name],
                eight_bit_tied_share=self.seen[name].tied_share,
                plugins=plugins_of(dict(protocol=name)),
                **self.origin,
            )
            for name, report in self.reports.items()
        ]
        return flat[0] if len(flat) == 1 else dict(command=self.origin['command'], reports=flat)


def score(
    predictions: str | Path,
    ground_truth: str | Path,
    protocol: str = 'exact',
    *,
    split: str | None = None,
    metrics: Sequence[str] | None = None,
    out: str | Path | None = None,
    csv: str | Path | None = None,
    workers: int | None = None,
    allow_missing: bool = False,
    seed: int | None = None,
    final: bool = False,
    progress: bool = False,
) -> ScoreReport:
    """Score predicted maps under a protocol.

    Results are kept while it runs, beside `out` or else in the cache; a run that was ended goes on
    where it was.

    Args:
        predictions: folder of maps, see `find_predictions`.
        ground_truth: root of a data set, see `find_ground_truth`.
        protocol: its name.
        split: of the data set; None where there is only one.
        metrics: which of the protocol's; None for those it has by default.
        out: JSON file to write the scores to.
        csv: file for the scores of every frame.
        workers: processes; None for one a core.
        allow_missing: average over what there is, where something is missing.
        seed: draw the random parts as the reference code does; None for their expectation.
        final: the maps have the size of their frames and are post-processed, as `salkit test`
            dumps them: a protocol that blurs does not blur them again.
        progress: show a progress bar.

    Raises:
        ConfigError: no such protocol, metric or split.
        DataError: files that cannot be read or do not match, or an incomplete set.
    """
    scoring = score_protocols(
        predictions,
        ground_truth,
        [protocol],
        split=split,
        metrics=metrics,
        out=out,
        csv=csv,
        workers=workers,
        allow_missing=allow_missing,
        seed=seed,
        final=final,
        progress=progress,
    )
    return scoring.reports[get_protocol(protocol).name]


def score_protocols(
    predictions: str | Path,
    ground_truth: str | Path,
    protocols: Iterable[str],
    *,
    split: str | None = None,
    metrics: Sequence[str] | None = None,
    out: str | Path | None = None,
    csv: str | Path | None = None,
    workers: int | None = None,
    allow_missing: bool = False,
    seed: int | None = None,
    final: bool = False,
    progress: bool = False,
    command: Sequence[str] | None = None,
    warn: Callable[[str], None] = lambda line: None,
) -> Scoring:
    """Score predicted maps under several protocols at once; each file is read once.

    Args:
        predictions: as for `score`, as all that is not listed here.
        ground_truth: the same.
        protocols: names.
        command: what the score file names as its origin; None for that of this process.
        warn: gets each warning.
    """
    from ..utils.files import write_json

    workers = check_workers(workers)
    wanted = {name: metrics_of(name, metrics) for name in dict.fromkeys(protocols)}
    if not wanted:
        raise ConfigError('no protocol to score under')
    found = find_predictions(predictions)
    groups = [
        plan_group(group, found, ground_truth, split, seed, final, prefer_mat)
        for group, prefer_mat in by_source(wanted, ground_truth, split)
    ]
    for line in dict.fromkeys(w for g in groups for w in (*g.warnings, *g.plan.warnings)):
        warn(line)
    for group in groups:
        _refuse(predictions, group.plan.missing, allow_missing)
    parts = Parts(
        parts_folder(
            out, Path(predictions).absolute(), Path(ground_truth).absolute(), wanted, split, seed
        )
    )
    with parts.held():
        parts.keep_only({task.key for g in groups for task in [*g.plan.tasks, *g.points]})
        for group in groups:
            _work(group, Job(group.metrics, parts, seed, final), workers, progress)
        result = Scoring({}, {}, {}, {}, _origin(predictions, ground_truth, command))
        with csv_writer(csv, wanted) as writer:
            for group in groups:
                reports, seen = collect(group.plan, group.truth, group.metrics, parts, seed, writer)
                missing = group.plan.missing
                missing.not_finite = seen.not_finite
                _refuse(predictions, missing, allow_missing)
                for line in seen.warnings():
                    warn(line)
                lines = [*group.warnings, *group.plan.warnings, *seen.warnings()]
                for name, report in reports.items():
                    result.reports[name] = report
                    result.missing[name] = missing
                    result.warnings[name] = lines
                    result.seen[name] = seen
        # In the order they were asked for.
        result.reports = {name: result.reports[name] for name in wanted}
        if out is not None:
            write_json(result.to_json(), out)
        parts.remove()
    return result


def _refuse(predictions: str | Path, missing: Missing, allow_missing: bool) -> None:
    if missing and not allow_missing:
        raise DataError(
            f'{predictions}: the set is incomplete: {missing.summary()} '
            '(--allow-missing averages over the rest)'
        )


def _work(group: Group, job: Job, workers: int, progress: bool) -> None:
    """Run the tasks of a group that have no results yet."""
    kept = job.parts.present()
    todo = [task for task in group.plan.tasks if task.key + SCORES not in kept]
    if not todo:
        return
    for task in group.points:
        job.points.setdefault(task.video, []).append(task.key)
    unread = [task for task in group.points if task.key + POINTS not in kept]
    with _bar('fixations', unread, 0, progress and bool(unread)) as bar:
        run_tasks(gather_points, unread, job, workers, bar.update)
    for rule in {get_protocol(name).pool for name in group.metrics} if group.points else ():
        if rule is not None:
            job.pools[rule] = NonfixationPool(rule, job.seed or 0)
            fill_pool(job.pools[rule], job)
    finished = group.plan.frames - sum(task.stop - task.start for task in todo)
    with _bar('frames', group.plan.tasks, finished, progress) as bar:
        run_tasks(score_frames, todo, job, workers, bar.update)


def _bar(unit: str, tasks: Sequence[Task], finished: int, show: bool) -> tqdm:
    total = sum(task.stop - task.start for task in tasks)
    return tqdm(total=total, initial=finished, unit=unit, desc=unit, disable=not show)


def _origin(
    predictions: str | Path, ground_truth: str | Path, command: Sequence[str] | None
) -> dict[str, Any]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    versions = {'python': platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package.removesuffix('-python')] = version(package)
        except PackageNotFoundError:
            continue
    return dict(
        predictions=str(predictions),
        ground_truth=str(ground_truth),
        command=shlex.join(sys.argv if command is None else command),
        salkit_version=__version__,
        versions=versions,
    )
