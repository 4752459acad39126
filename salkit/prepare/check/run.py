"""Checks a data set, all its videos at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ...datasets.published import PublishedVideo, get_published, recognize
from ...utils.parallel import check_workers, run_tasks
from ...utils.text import check_choice
from ..options import CheckOptions
from .faults import ERROR, KINDS, WARNING, Faults
from .layout import find_places
from .pairing import fit
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
    root = Path(root).expanduser()
    split = chosen.split
    faults = Faults()
    videos = find_places(root, [split] if isinstance(split, str) else split or (), faults)
    results = _check_all(videos, chosen.sample if chosen.quick else None, workers, progress)
    known = named or recognize(video.name for video in videos)
    report = CheckReport(
        root,
        known.name if known else None,
        faults=faults,
        counts=_counts([video.split for video in videos], results),
        checked=len(results),
        videos=len(videos),
        quick=chosen.quick,
        strict=chosen.strict,
    )
    for result in results:
        report.faults += result.faults
    _allow_no_fixations(report, results)
    _find_fitting_elsewhere(report.faults, results)
    _find_in_several_splits(report.faults, results)
    if report.complete:
        _compare_counts(report, is_named=named is not None, complete=chosen.complete)
    order = list(KINDS)
    kept = (fault for fault in report.faults if fault.kind not in chosen.ignore)
    report.faults = Faults(sorted(kept, key=lambda fault: order.index(fault.kind)))
    return report


# All videos --------------------------------------------------------------------------------------


def _check_all(
    videos: list[PublishedVideo], sample: int | None, workers: int, progress: bool
) -> list[VideoResult]:
    """Results in the order of the videos; fewer after an interruption."""
    results: dict[int, VideoResult] = {}
    bar = tqdm(total=len(videos), unit='video', desc='checked', disable=not progress)

    def done(outcome: tuple[int, VideoResult]) -> None:
        results.update([outcome])
        bar.update()

    # Ctrl-C: what there is goes into the report.
    with bar, suppress(KeyboardInterrupt):
        run_tasks(_check_one, list(enumerate(videos)), sample, workers, done)
    return [results[number] for number in sorted(results)]


def _check_one(task: tuple[int, PublishedVideo], sample: int | None) -> tuple[int, VideoResult]:
    number, place = task
    return number, check_video(place, sample)


def _counts(splits: Sequence[str], results: list[VideoResult]) -> dict[str, dict[str, int]]:
    counts = {split: dict.fromkeys(COLUMNS, 0) for split in splits}
    for result in results:
        numbers = (1, result.frames, result.densities, result.fixations)
        for column, number in zip(COLUMNS, numbers, strict=True):
            counts[result.place.split][column] += number
    return counts


# What only all videos together show --------------------------------------------------------------


def _allow_no_fixations(report: CheckReport, results: list[VideoResult]) -> None:
    """Make warnings of errors where the data set has no fixation maps at all."""
    annotated = [result for result in results if result.densities or result.fixations]
    if report.dataset or not annotated or not all(r.lacks_fixations for r in annotated):
        return
    folders = {str(result.place.fixations) for result in annotated}
    report.faults = Faults(
        replace(
            fault,
            severity=WARNING,
            expected='fixation maps, for NSS and AUC',
            remedy='set require_fixations=False of the data set in the config, if it has none',
        )
        if fault.kind == 'missing-folder' and fault.path in folders
        else fault
        for fault in report.faults
    )


def _find_fitting_elsewhere(faults: Faults, results: list[VideoResult]) -> None:
    """Find videos most of whose density maps fit nothing, and whose fixations they fit."""
    for result in (each for each in results if each.astray):
        best, best_nss = None, 1.5
        for other in results:
            samples = {} if other is result else {p.number: p for p in other.samples}
            values = [
                fit(p.density, samples[p.number].points)
                for p in result.astray
                if p.number in samples and samples[p.number].density.shape == p.density.shape
            ]
            if values and 2 * len(values) >= len(result.astray) and np.mean(values) > best_nss:
                best, best_nss = other, float(np.mean(values))
        found = 'most density maps have nothing at the fixations'
        remedy = 'unpack maps and fixation of this video again: one of the two is of another video'
        if best is not None:
            found += f'; they fit those of {best.label} (NSS {best_nss:.1f})'
            remedy = (
                f'put the maps of this video here; these look like those of {best.place.folder}'
            )
        faults.add('mispaired', str(result.place.densities), found, remedy=remedy)


def _find_in_several_splits(faults: Faults, results: list[VideoResult]) -> None:
    first: dict[str, VideoResult] = {}
    for result in results:
        if result.fingerprint is None:
            continue
        other = first.setdefault(result.fingerprint, result)
        split = result.place.split
        if other.place.split != split:
            remedy = f'remove one of them; scores on {split} are not held out otherwise'
            found = f'the frames of {other.label}'
            faults.add('duplicate-video', result.place.folder, found, remedy=remedy)


def _compare_counts(report: CheckReport, is_named: bool, complete: bool) -> None:
    """Compare with the published counts: a note, a warning, or an error."""
    if report.dataset is None:
        return
    dataset = get_published(report.dataset)
    for split, found, published in dataset.differences(report.counts):
        if not is_named and not complete:
            place = f'{split}: ' if split else ''
            report.notes.append(f'{place}{found}; {dataset.title} as published: {published}')
            continue
        report.faults.add(
            'published-counts',
            split or report.root,
            found,
            f'{published} ({dataset.title})',
            severity=ERROR if complete else WARNING,
        )
