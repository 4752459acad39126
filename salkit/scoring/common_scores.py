"""Finds out what score files have in common, and refuses to compare the rest."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import DataError
from ..utils.text import listed
from .score_files import Scores, plain_name


def shared_protocols(
    files: Sequence[dict[str, Scores]], names: Sequence[str], protocol: str | None
) -> list[tuple[Scores, ...]]:
    """The reports to compare, one tuple a protocol with a report of each file.

    Args:
        files: reports by protocol.
        names: what the files are called.
        protocol: the only one to compare; None for all that every file holds.

    Raises:
        DataError: there are none.
    """
    wanted = files[0] if protocol is None else [protocol]
    shared = [name for name in wanted if all(name in file for file in files)]
    if not shared:
        held = '; '.join(f'{name}: {", ".join(f)}' for name, f in zip(names, files, strict=True))
        what = 'no protocol is' if protocol is None else f'protocol {protocol!r} is not'
        raise DataError(
            f'{what} in every file ({held}), and scores of different protocols are different '
            'quantities'
        )
    return [tuple(file[name] for file in files) for name in shared]


def check_same_subject(reference: Scores, other: Scores, force: bool) -> list[str]:
    """What of the data set, the split and the frames differs, as warnings.

    Raises:
        DataError: something does, and not `force`.
    """
    problems = [
        f'{what} of {reference.name} is {left}, of {other.name} {right}'
        for what, left, right in (
            ('the data set', reference.dataset, other.dataset),
            ('the split', reference.split, other.split),
            ('the choice of frames', reference.selection or 'all', other.selection or 'all'),
        )
        if plain_name(left) != plain_name(right)
    ]
    if reference.ig_baseline and other.ig_baseline and reference.ig_baseline != other.ig_baseline:
        problems.append(
            f'IG of {reference.name} is counted from {reference.ig_baseline}, that of {other.name} '
            f'from {other.ig_baseline}'
        )
    ours, theirs = reference.frames_per_video, other.frames_per_video
    unequal = sorted(video for video in ours.keys() & theirs.keys() if ours[video] != theirs[video])
    if unequal:
        video = unequal[0]
        problems.append(
            f'{len(unequal)} video(s) with other numbers of frames: {video} has {ours[video]} in '
            f'{reference.name} and {theirs[video]} in {other.name}'
        )
    if problems and not force:
        raise DataError(f'{"; ".join(problems)} (--force compares them all the same)')
    return problems


def common_videos(
    reference: Scores, other: Scores, allow_missing: bool
) -> tuple[list[str], list[str]]:
    """Sorted names of the videos that both hold, and warnings of those that only one side has.

    Raises:
        DataError: videos that only one side has, and not `allow_missing`; fewer than 2 in common.
    """
    common = sorted(reference.per_video.keys() & other.per_video.keys())
    lacking = [
        f'{len(extra)} video(s) only in {one.name}: {listed(extra)}'
        for one, two in ((reference, other), (other, reference))
        if (extra := sorted(one.per_video.keys() - two.per_video.keys()))
    ]
    if lacking and not allow_missing:
        raise DataError(
            f'{"; ".join(lacking)} (--allow-missing compares the {len(common)} that both have)'
        )
    if len(common) < 2:
        raise DataError(
            f'{reference.name} and {other.name} have {len(common)} video(s) in common; a paired '
            'comparison needs at least 2'
        )
    return common, lacking


def common_metrics(
    reference: Scores, other: Scores, metrics: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Those of `metrics`, or all that both hold, and warnings of those that only one side has.

    Raises:
        DataError: there are none, or one that is wanted is not among them.
    """
    shared = [metric for metric in reference.metrics if metric in other.metrics]
    lacking = [metric for metric in metrics or () if metric not in shared]
    if lacking or not shared:
        raise DataError(
            f'{reference.name} and {other.name} do not both hold {", ".join(lacking) or "a metric"}'
            f'; both hold {", ".join(shared) or "none"}'
        )
    if metrics is not None:
        return list(metrics), []
    return shared, [
        f'only {one.name} holds {", ".join(extra)}'
        for one in (reference, other)
        if (extra := [metric for metric in one.metrics if metric not in shared])
    ]
