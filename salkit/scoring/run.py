"""Scores anybody's maps against the ground truth of a data set."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..datasets.predictions import find_predictions
from ..errors import ConfigError, DataError
from ..media.map_stacks import fingerprint_of
from ..media.maps import read_map
from ..metrics import ScoreReport, get_protocol, nonfixation_pool
from ..metrics.baseline_densities import MeanOfVideos
from ..metrics.codes.msu_adaptation import Adaptation, AdaptationSums
from ..plugin import plugins_of
from ..utils.files import cache_dir, check_json_place, write_json
from ..utils.input_files import read_input_json
from ..utils.parallel import check_workers, run_tasks
from ..utils.ray_tasks import check_ray, ray_session, run_on_ray
from ..utils.tabular import Record, Tabular
from ..version import __version__
from .baselines import SETTINGS_FILE
from .collect import collect, frame_table
from .finished import FinishedVideos, VideoResult, finished_videos
from .options import ScoreOptions
from .plan import MatchedVideo, Missing, Plan, make_plans
from .score_files import BASELINES, CEILINGS, score_file
from .work import (
    Job,
    first_size,
    gather_density,
    gather_fixations,
    gather_levels,
    score_video,
)

# Those that scores may depend on.
_PACKAGES = ('numpy', 'torch', 'opencv-python', 'pillow', 'scipy', 'av')


@dataclass
class Scoring(Tabular):
    """What a run found.

    Attributes:
        reports: by protocol.
        plans: what was scored, with what was missing and the warnings, by protocol.
        origin: inputs and versions.
    """

    reports: dict[str, ScoreReport]
    plans: dict[str, Plan]
    origin: dict[str, object]

    def records(self) -> list[Record]:
        """The rows of every report."""
        return [row for report in self.reports.values() for row in report.records()]

    @property
    def headline(self) -> str:
        """What was scored, in a line."""
        return f'{len(self.reports)} protocols, predictions {self.origin["predictions"]}'

    @property
    def remarks(self) -> list[str]:
        """What each report is of, and the warnings."""
        warnings = (line for plan in self.plans.values() for line in plan.warnings)
        return [report.headline for report in self.reports.values()] + [*dict.fromkeys(warnings)]

    def to_json(self) -> Mapping[str, object]:
        """The content of a score file, see `score_file`."""
        flat = [
            dict(
                report.to_json(),
                missing=vars(self.plans[name].missing),
                warnings=self.plans[name].warnings,
                eight_bit_tied_share=self.plans[name].tied_share,
                plugins=plugins_of(dict(protocol=name)),
                **self.origin,
            )
            for name, report in self.reports.items()
        ]
        return score_file(flat)


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
    check_workers(options.workers)
    if options.ray:
        check_ray(options.ray)
    names = dict.fromkeys(protocols)
    has_baseline = options.baseline is not None
    wanted = {
        name: get_protocol(name).metrics_of_dataset(options.metrics, has_baseline) for name in names
    }
    if not wanted:
        raise ConfigError('no protocol to score under')
    if options.csv and options.out and Path(options.csv).absolute() == Path(options.out).absolute():
        raise ConfigError(f'{options.out}: is named for the scores and for the table of frames')
    if options.out:
        check_json_place(options.out)
    plans = make_plans(wanted, find_predictions(predictions), ground_truth, options)
    for plan in plans:
        _refuse(predictions, plan.missing, options)
    folder = Path(f'{options.out}.parts')
    if options.out is None:
        inputs = [Path(predictions).absolute(), Path(ground_truth).absolute()]
        settings = [options.split, options.seed, options.final, options.baseline]
        settings += [options.domain_adaptation]
        name = fingerprint_of([*inputs, wanted, settings, vars(options.choice)])
        folder = cache_dir() / 'score' / name
    reports: dict[str, ScoreReport] = {}
    keys = {video.key for plan in plans for video in plan.videos}
    with finished_videos(folder, keys) as finished:
        if any(video.key not in finished for plan in plans for video in plan.videos):
            with _runner(options) as run:
                for plan in plans:
                    _score_rest(plan, finished, options, run)
        with frame_table(options.csv, wanted) as write:
            for plan in plans:
                reports |= collect(plan, finished, options.seed, write)
                _refuse(predictions, plan.missing, options)
        result = Scoring(
            reports={name: reports[name] for name in wanted},
            plans={name: plan for plan in plans for name in plan.metrics},
            origin=_origin(predictions, ground_truth),
        )
        if options.out is not None:
            write_json(result.to_json(), options.out)
    return result


def _refuse(predictions: str | Path, missing: Missing, options: ScoreOptions) -> None:
    if missing and not options.allow_missing:
        raise DataError(
            f'{predictions}: the set is incomplete: {missing.summary()} '
            '(--allow-missing averages over the rest)'
        )


@contextmanager
def _runner(options: ScoreOptions) -> Iterator[Callable[..., None]]:
    """What calls a function for every task: `run_tasks` or `run_on_ray`, given its workers."""
    if not options.ray:
        yield partial(run_tasks, workers=check_workers(options.workers))
        return
    with ray_session(options.ray, options.workers) as workers:
        yield partial(run_on_ray, workers=workers)


def _score_rest(
    plan: Plan, finished: FinishedVideos, options: ScoreOptions, run: Callable[..., None]
) -> None:
    """Score the videos of a plan that have no scores yet."""
    todo = [video for video in plan.videos if video.key not in finished]
    if not todo:
        return
    pools = {rule: nonfixation_pool(rule, options.seed or 0) for rule in plan.rules}
    if pools:
        unread = [video for video in plan.truth.videos if video.with_fixations]
        total = sum(len(video.with_fixations) for video in unread)
        with _bar('fixations', total, 0, options) as bar:

            def take(gathered: tuple[str, list[str], list[np.ndarray], tuple[int, int]]) -> None:
                for pool in pools.values():
                    pool.add(*gathered)
                bar.update(len(gathered[1]))

            run(gather_fixations, unread, None, done=take)
    job = Job(plan.metrics, options.seed, options.final, pools)
    if plan.baseline is not None and plan.baseline.kind == 'mean':
        job.means = _read_means(plan, options, run)
    elif plan.baseline is not None and not plan.baseline.needs_videos:
        job.baseline = plan.baseline.open()
    if options.domain_adaptation is not None:
        job.adaptation = _fit(plan, options.domain_adaptation, options, run)
    total, left = (sum(len(video.pairs) for video in some) for some in (plan.videos, todo))
    with _bar('frames', total, total - left, options) as bar:

        def keep(scored: tuple[MatchedVideo, VideoResult]) -> None:
            video, result = scored
            finished.add(video.key, result)
            bar.update(len(video.pairs))

        run(score_video, todo, job, done=keep)


def _read_means(plan: Plan, options: ScoreOptions, run: Callable[..., None]) -> MeanOfVideos:
    """The mean density of the whole set, for videos to be left out of."""
    videos = plan.truth.videos
    means = MeanOfVideos(len(videos), map(first_size, videos))
    with _bar('densities', len(videos), 0, options) as bar:

        def take(density: np.ndarray | None) -> None:
            means.add(density)
            bar.update()

        run(gather_density, videos, None, done=take)
    return means


def _fit(
    plan: Plan, prior: str | Path, options: ScoreOptions, run: Callable[..., None]
) -> Adaptation:
    """The fit of all predictions to the densities."""
    (name,) = plan.metrics
    picture = read_map(prior)
    center = get_protocol(name).prepare(picture, (picture.shape[0], picture.shape[1]))
    sums = AdaptationSums()
    with _bar('fitted', len(plan.videos), 0, options) as bar:

        def take(found: AdaptationSums) -> None:
            sums.add_all(found)
            bar.update()

        run(gather_levels, plan.videos, (name, center), done=take)
    return sums.fit(center)


def _bar(unit: str, total: int, finished: int, options: ScoreOptions) -> tqdm:
    hidden = not options.progress or not total
    return tqdm(total=total, initial=finished, unit=unit, desc=unit, disable=hidden)


def _origin(predictions: str | Path, ground_truth: str | Path) -> dict[str, object]:
    versions = {'python': platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package.removesuffix('-python')] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    baseline = _noted_baseline(Path(predictions).absolute())
    return dict(
        dict(baseline=baseline) if baseline else {},
        predictions=str(predictions),
        ground_truth=str(ground_truth),
        command=shlex.join(sys.argv),
        salkit_version=__version__,
        versions=versions,
    )


def _noted_baseline(folder: Path) -> dict[str, str]:
    """What `salkit baseline` has noted of the predictions that it wrote; empty for a model's."""
    for place, kinds in ((folder, BASELINES), (folder.parent, CEILINGS)):
        try:
            noted = read_input_json(place / SETTINGS_FILE)
        except DataError:
            continue
        if isinstance(noted, dict) and noted.get('baseline') in kinds:
            return {k: str(noted[k]) for k in ('baseline', 'dataset', 'split') if k in noted}
    return {}
