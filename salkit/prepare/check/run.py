"""Checks a data set, all its videos at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...datasets.published import get_published, recognize
from ...errors import ConfigError
from ...utils.parallel import check_workers, run_tasks
from .fault import ERROR, KINDS, WARNING, Fault, Faults
from .one_video import VideoResult, check_video
from .pairing import fit
from .places import Places, VideoPlace, find_places
from .report import COLUMNS, CheckReport


@dataclass
class _Job:
    sample: int | None


def check_dataset(
    root: str | Path,
    dataset: str = 'auto',
    split: str | Sequence[str] | None = None,
    *,
    quick: bool = False,
    sample: int = 8,
    complete: bool = False,
    strict: bool = False,
    ignore: Collection[str] = (),
    workers: int | None = None,
    progress: bool = False,
) -> CheckReport:
    """Look for what is wrong with a data set.

    Ctrl-C ends it; the report then tells what was found so far.

    Args:
        root: of the data set in salkit's layout, of a split or a video, or DHF1K as downloaded.
        dataset: name of a public data set, such as 'dhf1k', whose published counts to compare with;
            'auto' takes it from the names of the videos, and then only notes differences.
        split: only this one, or these.
        quick: read only the names, the headers of the images, and some frames of each video.
        sample: how many frames that is.
        complete: other counts than the published ones are errors.
        strict: warnings count as errors, see `CheckReport.ok`.
        ignore: kinds of faults not to tell, see `KINDS`.
        workers: processes; None for one a core.
        progress: show a progress bar.

    Raises:
        DataError: no such folder or split, or nothing that looks like a video.
        ConfigError: no such data set or kind of fault, or a number out of range.
    """
    named = None if dataset == 'auto' else get_published(dataset)
    for kind in ignore:
        if kind not in KINDS:
            raise ConfigError(f'no kind of fault {kind!r}; there are {", ".join(KINDS)}')
    if sample < 1:
        raise ConfigError(f'sample must be at least 1, got {sample}')
    workers = check_workers(workers)
    root = Path(root).expanduser()
    places = _find(root, split)
    results, finished = _check_all(places.videos, sample if quick else None, workers, progress)
    report = CheckReport(root, quick=quick, strict=strict, videos=len(places.videos))
    report.checked = len(results)
    report.counts = _counts(places.splits, results)
    report.faults = Faults(places.faults)
    report.faults += (fault for result in results for fault in result.faults)
    names = [place.name for place in places.videos]
    found = named or recognize(names)
    report.dataset = found and found.name
    report.faults = _allow_no_fixations(report, results)
    report.faults += _fitting_elsewhere(results)
    report.faults += _in_several_splits(results)
    if finished and report.dataset:
        _compare(report, told=named is not None, complete=complete)
    order = list(KINDS)
    report.faults = Faults(
        sorted(
            (fault for fault in report.faults if fault.kind not in ignore),
            key=lambda fault: order.index(fault.kind),
        )
    )
    return report


def _find(root: Path, split: str | Sequence[str] | None) -> Places:
    if split is None or isinstance(split, str):
        return find_places(root, split)
    found = [find_places(root, name) for name in dict.fromkeys(split)]
    every = dict.fromkeys(fault for places in found for fault in places.faults)
    return Places(
        [video for places in found for video in places.videos],
        [name for places in found for name in places.splits],
        list(every),
    )


# All videos --------------------------------------------------------------------------------------


def _check_all(
    videos: list[VideoPlace], sample: int | None, workers: int, progress: bool
) -> tuple[list[VideoResult], bool]:
    """Results in the order of the videos, and whether all are there."""
    sizes = [_frames_listed(video) for video in videos]
    results: dict[int, VideoResult] = {}
    # The longest first: none is left over at the end.
    tasks = sorted(range(len(videos)), key=lambda i: -sizes[i])
    bar = tqdm(total=sum(sizes), unit='frame', desc='checked', disable=not progress)

    def done(outcome: tuple[int, VideoResult | None]) -> None:
        number, result = outcome
        results[number] = result
        bar.update(sizes[number])

    # Ctrl-C: what there is will be told.
    with bar, suppress(KeyboardInterrupt):
        run_tasks(_check_one, [(i, videos[i]) for i in tasks], _Job(sample), workers, done)
    return [results[i] for i in sorted(results)], len(results) == len(videos)


def _check_one(task: tuple[int, VideoPlace], job: _Job) -> tuple[int, VideoResult]:
    number, place = task
    return number, check_video(place, job.sample)


def _frames_listed(video: VideoPlace) -> int:
    """About how many frames there are, for the progress bar."""
    counts = [1]
    for folder in (video.images, video.maps):
        try:
            counts.append(len(os.listdir(folder)) if folder else 0)
        except OSError:
            continue
    return max(counts)


def _counts(splits: Sequence[str], results: list[VideoResult]) -> dict[str, dict[str, int]]:
    counts = {split: dict.fromkeys(COLUMNS, 0) for split in splits}
    for result in results:
        numbers = (1, result.frames, result.densities, result.fixations)
        for column, number in zip(COLUMNS, numbers, strict=True):
            counts[result.split][column] += number
    return counts


# What only all videos together tell --------------------------------------------------------------


def _allow_no_fixations(report: CheckReport, results: list[VideoResult]) -> Faults:
    """The faults, with warnings for errors where the data set has no fixation maps at all."""
    annotated = [result for result in results if result.densities or result.fixations]
    if report.dataset or not annotated or not all(r.lacks_fixations for r in annotated):
        return report.faults
    folders = {str(Path(result.folder) / 'fixation') for result in annotated}
    return Faults(
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


def _fitting_elsewhere(results: list[VideoResult]) -> list[Fault]:
    """Videos most of whose density maps fit nothing, with the video whose fixations they fit."""
    faults = Faults()
    for result in results:
        astray = result.pairing.astray
        if not astray:
            continue
        best, best_nss = None, 1.5
        for other in results:
            samples = other.pairing.samples
            if other is result:
                continue
            values = [
                fit(density, samples[n][1])
                for n, density in astray.items()
                if n in samples and samples[n][0] == density.shape
            ]
            if values and 2 * len(values) >= len(astray) and np.mean(values) > best_nss:
                best, best_nss = other, float(np.mean(values))
        found = 'most density maps have nothing at the fixations'
        remedy = 'unpack maps and fixation of this video again: one of the two is of another video'
        if best is not None:
            found += f'; they fit those of {best.split}/{best.name} (NSS {best_nss:.1f})'
            remedy = f'put the maps of this video here; these look like those of {best.folder}'
        faults.tell('mispaired', result.maps, found, 'density where the fixations are', remedy)
    return faults


def _in_several_splits(results: list[VideoResult]) -> list[Fault]:
    first: dict[str, VideoResult] = {}
    faults = Faults()
    for result in results:
        if result.fingerprint is None:
            continue
        other = first.setdefault(result.fingerprint, result)
        if other.split != result.split:
            faults.tell(
                'duplicate-video',
                result.folder,
                f'the frames of {other.split}/{other.name}',
                'every video in one split only',
                f'remove one of them; scores on {result.split} are not held out otherwise',
                WARNING,
            )
    return faults


def _compare(report: CheckReport, told: bool, complete: bool) -> None:
    """Compare with the published counts: a note, a warning, or an error."""
    dataset = get_published(report.dataset)
    title = dataset.title
    for split, found, published in dataset.differences(report.counts):
        if not told and not complete:
            place = f'{split}: ' if split else ''
            report.notes.append(f'{place}{found}; {title} as published: {published}')
            continue
        report.faults.tell(
            'published-counts',
            split or str(report.root),
            found,
            f'{published} ({title})',
            'nothing, if a part is what you want; else download and unpack what is missing',
            ERROR if complete else WARNING,
        )
