"""Scores anybody's maps against the ground truth of a data set."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..errors import ConfigError, DataError
from ..media.map_stacks import fingerprint_of
from ..metrics import DatasetFixations, ScoreReport, get_protocol
from ..plugin import plugins_of
from ..utils.files import cache_dir, write_json
from ..utils.parallel import check_workers, run_tasks
from ..version import __version__
from .collect import collect, frame_table
from .finished import FinishedPieces, PieceScores, finished_pieces
from .options import ScoreOptions
from .plan import Missing, Piece, Plan, cut, make_plans
from .predictions import find_predictions
from .work import Job, gather_fixations, score_piece

# Those that scores may depend on.
_PACKAGES = ('numpy', 'torch', 'opencv-python', 'pillow', 'scipy', 'av')


@dataclass
class Scoring:
    """What a run found.

    Attributes:
        reports: by protocol.
        missing: what was left out of the averages, by protocol.
        warnings: what a reader should know, by protocol.
        tied_shares: mean share of tied pairs of maps of 8 bits, by protocol; None without such.
        origin: inputs and versions.
    """

    reports: dict[str, ScoreReport] = field(default_factory=dict)
    missing: dict[str, Missing] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    tied_shares: dict[str, float | None] = field(default_factory=dict)
    origin: dict[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The content of a score file: flat for one protocol, else `reports` of such."""
        flat = [
            dict(
                report.to_json(),
                missing=vars(self.missing[name]),
                warnings=self.warnings[name],
                eight_bit_tied_share=self.tied_shares[name],
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
    options: ScoreOptions | None = None,
    **changes: Any,
) -> ScoreReport:
    """Score predicted maps under a protocol.

    Results are kept while it runs, beside `out` or else in the cache; a run that was ended goes on
    where it was.

    Args:
        predictions: folder of maps, see `find_predictions`.
        ground_truth: root of a data set, see `find_ground_truth`.
        protocol: its name.
        options: see `ScoreOptions`.
        **changes: single options by name: `score(..., split='val', out='scores.json')`.

    Raises:
        ConfigError: no such protocol, metric or split, or another run with the same output.
        DataError: files that cannot be read or do not match, or an incomplete set.
    """
    scoring = score_protocols(predictions, ground_truth, [protocol], options, **changes)
    return scoring.reports[protocol]


def score_protocols(
    predictions: str | Path,
    ground_truth: str | Path,
    protocols: Iterable[str],
    options: ScoreOptions | None = None,
    **changes: Any,
) -> Scoring:
    """Score predicted maps under several protocols at once; each file is read once.

    Args:
        predictions: as for `score`, as all that is not listed here.
        ground_truth: the same.
        protocols: names.
        options: the same.
        **changes: the same.
    """
    options = replace(options or ScoreOptions(), **changes)
    workers = check_workers(options.workers)
    names = dict.fromkeys(protocols)
    wanted = {name: get_protocol(name).metrics_of_dataset(options.metrics) for name in names}
    if not wanted:
        raise ConfigError('no protocol to score under')
    settings = (options.seed, options.final)
    stacks = find_predictions(predictions)
    plans = make_plans(wanted, stacks, ground_truth, options.split, settings)
    for line in dict.fromkeys(line for plan in plans for line in plan.warnings):
        options.warn(line)
    for plan in plans:
        _refuse(predictions, plan.missing, options)
    folder = Path(f'{options.out}.parts')
    if options.out is None:
        inputs = [Path(predictions).absolute(), Path(ground_truth).absolute()]
        name = fingerprint_of([*inputs, wanted, options.split, settings])
        folder = cache_dir() / 'score' / name
    result = Scoring(origin=_origin(predictions, ground_truth))
    keys = {piece.key for plan in plans for piece in plan.pieces}
    with finished_pieces(folder, keys) as finished:
        for plan in plans:
            _score_rest(plan, finished, options, workers)
        with frame_table(options.csv, wanted) as write:
            for plan in plans:
                found = collect(plan, finished, options.seed, write)
                plan.missing.not_finite = found.not_finite
                _refuse(predictions, plan.missing, options)
                for line in found.warnings():
                    options.warn(line)
                result.reports |= found.reports
                for name in found.reports:
                    result.missing[name] = plan.missing
                    result.warnings[name] = plan.warnings + found.warnings()
                    result.tied_shares[name] = found.tied_share
        # In the order they were asked for.
        result.reports = {name: result.reports[name] for name in wanted}
        if options.out is not None:
            write_json(result.to_json(), options.out)
    return result


def _refuse(predictions: str | Path, missing: Missing, options: ScoreOptions) -> None:
    if missing and not options.allow_missing:
        raise DataError(
            f'{predictions}: the set is incomplete: {missing.summary()} '
            '(--allow-missing averages over the rest)'
        )


def _score_rest(plan: Plan, finished: FinishedPieces, options: ScoreOptions, workers: int) -> None:
    """Score the pieces of a plan that have no scores yet."""
    pieces = plan.pieces
    todo = [piece for piece in pieces if piece.key not in finished]
    if not todo:
        return
    rules = {pool for name in plan.metrics if (pool := get_protocol(name).pool)}
    fixations = DatasetFixations(rules if plan.reads_whole_set else (), options.seed or 0)
    if plan.reads_whole_set:
        videos = plan.truth.videos
        unread = [
            piece
            for i, video in enumerate(videos)
            for piece in cut(i, len(video.with_fixations), video.random_access)
        ]
        with _bar('fixations', unread, unread, options) as bar:

            def take(gathered: tuple[str, list[str], list[np.ndarray], tuple[int, int]]) -> None:
                fixations.add(*gathered)
                bar.update(len(gathered[1]))

            run_tasks(gather_fixations, unread, videos, workers, take)
    job = Job(plan.videos, plan.metrics, options.seed, options.final, fixations)
    with _bar('frames', pieces, todo, options) as bar:

        def keep(scored: tuple[Piece, PieceScores]) -> None:
            piece, scores = scored
            finished.add(piece.key, scores)
            bar.update(piece.stop - piece.start)

        run_tasks(score_piece, todo, job, workers, keep)


def _bar(unit: str, pieces: Sequence[Piece], todo: Sequence[Piece], options: ScoreOptions) -> tqdm:
    total, left = (sum(p.stop - p.start for p in some) for some in (pieces, todo))
    hidden = not options.progress or not total
    return tqdm(total=total, initial=total - left, unit=unit, desc=unit, disable=hidden)


def _origin(predictions: str | Path, ground_truth: str | Path) -> dict[str, object]:
    versions = {'python': platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package.removesuffix('-python')] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return dict(
        predictions=str(predictions),
        ground_truth=str(ground_truth),
        command=shlex.join(sys.argv),
        salkit_version=__version__,
        versions=versions,
    )
