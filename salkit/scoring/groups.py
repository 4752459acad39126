"""Which protocols can share a reading of the files, and which metrics the data can give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..datasets.published.truth import GroundTruth, find_ground_truth
from ..errors import ConfigError
from ..metrics import get_protocol
from ..version import __version__
from .plan import Plan, Task, make_plan, point_tasks

# Protocols that take fixations from .mat files where a data set has both these and images.
MAT_PROTOCOLS = ('dhf1k-matlab',)


@dataclass
class Group:
    """Protocols that read the same files.

    Attributes:
        metrics: to compute, by name of the protocol.
        truth: what is scored against.
        plan: what to score.
        points: tasks that gather the fixations of the whole set, where a metric needs them.
        warnings: what a reader of the scores should know.
    """

    metrics: dict[str, list[str]]
    truth: GroundTruth
    plan: Plan
    points: list[Task]
    warnings: list[str]


def metrics_of(protocol: str, metrics: Sequence[str] | None) -> list[str]:
    """The metrics to compute; None for those that the protocol has by default.

    Raises:
        ConfigError: one that it does not have, or that needs more than predictions and a data set.
    """
    protocol = get_protocol(protocol)
    chosen = protocol.check_metrics(protocol.metrics if metrics is None else metrics)
    for metric in chosen:
        if 'baseline' in protocol.needs(metric):
            raise ConfigError(f'{metric} needs a baseline density, which scoring does not take yet')
    return chosen


def by_source(
    wanted: dict[str, list[str]], ground_truth: str | Path, split: str | None
) -> list[tuple[dict[str, list[str]], bool]]:
    """Protocols that read fixations from images, and those that prefer .mat files (True).

    Where a data set has only one of the two, all share one reading.
    """
    mats = {name: metrics for name, metrics in wanted.items() if name in MAT_PROTOCOLS}
    others = {name: metrics for name, metrics in wanted.items() if name not in MAT_PROTOCOLS}
    if mats and others:
        places = [
            [video.fixations for video in find_ground_truth(ground_truth, split, mat).videos]
            for mat in (False, True)
        ]
        if places[0] == places[1]:
            return [(wanted, False)]
    return [(group, mat) for group, mat in ((others, False), (mats, True)) if group]


def plan_group(
    metrics: dict[str, list[str]],
    predictions: dict[str, Path],
    ground_truth: str | Path,
    split: str | None,
    seed: int | None,
    final: bool,
    prefer_mat: bool,
) -> Group:
    """Find the ground truth and match everything.

    Raises:
        ConfigError: no metric is left.
        DataError: what cannot be found or does not match at all.
    """
    truth = find_ground_truth(ground_truth, split, prefer_mat)
    metrics, warnings = _possible(metrics, truth)
    needs = {
        need
        for name, chosen in metrics.items()
        for metric in chosen
        for need in get_protocol(name).needs(metric)
    }
    settings = dict(version=__version__, metrics=metrics, seed=seed, final=final)
    whole_set = 'nonfixations' in needs
    plan = make_plan(predictions, truth, needs, settings, whole_set)
    return Group(metrics, truth, plan, point_tasks(truth) if whole_set else [], warnings)


def _possible(
    metrics: dict[str, list[str]], truth: GroundTruth
) -> tuple[dict[str, list[str]], list[str]]:
    """The metrics without those that a single video cannot give, and what to say about it."""
    if len(truth.videos) > 1:
        return metrics, []
    possible, warnings = {}, []
    for name, chosen in metrics.items():
        protocol = get_protocol(name)
        left_out = [
            metric
            for metric in chosen
            if protocol.pool == 'other-videos' and 'nonfixations' in protocol.needs(metric)
        ]
        possible[name] = [metric for metric in chosen if metric not in left_out]
        reason = 'fixations of other videos, and there is one video'
        if not possible[name]:
            raise ConfigError(f'{", ".join(left_out)} of protocol {name} needs {reason}')
        if left_out:
            warnings.append(f'{", ".join(left_out)} of protocol {name} left out: needs {reason}')
    return possible, warnings
