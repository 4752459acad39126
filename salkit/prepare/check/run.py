"""Checks a data set, all its videos at once."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ...datasets.published import PublishedDataset, PublishedVideo, get_published, recognize
from ...utils.parallel import check_workers, run_tasks
from ...utils.text import check_choice
from ..options import CheckOptions
from .faults import ERROR, KINDS, WARNING
from .layout import find_places
from .report import COLUMNS, CheckReport
from .video import VideoResult, check_video


def check_dataset(
    root: str | Path,
    dataset: str = 'auto',
    *,
    workers: int | None = None,
    progress: bool = False,
    **options: Any,
) -> CheckReport:
    """Look for what is wrong with a data set.

    Ctrl-C ends it; the report then holds what was found so far.

    Args:
        root: of the data set in salkit's layout, of a split or a video, or of a public data set as
            downloaded.
        dataset: name of a public data set, such as 'dhf1k', whose published counts to compare with;
            'auto' takes it from the names of the videos, and then only notes differences.
        workers: processes; one a core by default.
        progress: show a progress bar.
        **options: those of `CheckOptions`, such as `quick=True`.

    Raises:
        DataError: no such folder or split, or nothing that looks like a video.
        ConfigError: no such data set or kind of fault, or a number out of range.
    """
    chosen = CheckOptions(**options)
    for kind in chosen.ignore:
        check_choice('', 'ignore', kind, KINDS)
    named = None if dataset == 'auto' else get_published(dataset)
    workers = check_workers(workers)
    report = CheckReport(Path(root).expanduser(), quick=chosen.quick, strict=chosen.strict)
    splits = [chosen.split] if isinstance(chosen.split, str) else chosen.split or ()
    videos = find_places(report.root, splits, report.faults, needs_fixations=named is not None)
    known = named or recognize(video.name for video in videos)
    report.dataset = known.name if known else None
    results = _check_all(videos, chosen.sample if chosen.quick else None, workers, progress)
    report.checked, report.videos = len(results), len(videos)
    report.counts = {video.split: dict.fromkeys(COLUMNS, 0) for video in videos}
    for result in results:
        report.faults += result.faults
        for column, number in result.counts.items():
            report.counts[result.place.split][column] += number
    _find_in_several_splits(report, results)
    if report.complete and known:
        _compare_counts(report, known, is_named=named is not None, complete=chosen.complete)
    shown = [kind for kind in KINDS if kind not in chosen.ignore]
    report.faults[:] = [fault for kind in shown for fault in report.faults if fault.kind == kind]
    return report


def _check_all(
    videos: list[PublishedVideo], sample: int | None, workers: int, progress: bool
) -> list[VideoResult]:
    """Results in the order of the videos; fewer after an interruption."""
    results: dict[PublishedVideo, VideoResult] = {}
    bar = tqdm(total=len(videos), unit='video', desc='checked', disable=not progress)

    def done(result: VideoResult) -> None:
        results[result.place] = result
        bar.update()

    # Ctrl-C: what there is goes into the report.
    with bar, suppress(KeyboardInterrupt):
        run_tasks(check_video, videos, sample, workers, done)
    return [results[video] for video in videos if video in results]


def _find_in_several_splits(report: CheckReport, results: list[VideoResult]) -> None:
    first: dict[str, VideoResult] = {}
    for result in results:
        if result.fingerprint is None:
            continue
        other = first.setdefault(result.fingerprint, result)
        if other.place.split != result.place.split:
            found = f'the frames of {other.place.split}/{other.place.name}'
            report.faults.add('duplicate-video', result.place.folder, found)


def _compare_counts(
    report: CheckReport, dataset: PublishedDataset, is_named: bool, complete: bool
) -> None:
    """Compare with the published counts: a note, a warning, or an error."""
    for split, found, published in dataset.differences(report.counts):
        if not is_named and not complete:
            place = f'{split}: ' if split else ''
            report.notes.append(f'{place}{found}; {dataset.title} as published: {published}')
            continue
        expected, severity = f'{published} ({dataset.title})', ERROR if complete else WARNING
        where = split or report.root
        report.faults.add('published-counts', where, found, expected, severity=severity)
