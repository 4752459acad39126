"""What earlier runs left in the destination."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..datasets.layout import subfolders
from ..errors import ConfigError
from .one_video import UNFINISHED, is_complete, read_record, what_is_made
from .options import PrepareOptions
from .report import FAILED, SKIPPED, SPLITS, Outcome
from .source import VideoSource


def remove_leftovers(target: Path) -> None:
    """Remove what killed runs were at."""
    for folder in (target, *(target / split for split in SPLITS)):
        if folder.is_dir():
            for name in os.listdir(folder):
                if not (name.startswith('.') and name.endswith(UNFINISHED)):
                    continue
                kept = folder / name.removesuffix('.old' + UNFINISHED)[1:]
                if name.endswith('.old' + UNFINISHED) and not kept.exists():
                    # Killed between two renames: the earlier one is still the whole one.
                    os.rename(folder / name, kept)
                else:
                    shutil.rmtree(folder / name, ignore_errors=True)


def look_at_earlier(
    videos: Sequence[VideoSource], target: Path, options: PrepareOptions, overwrite: bool
) -> dict[int, Outcome]:
    """What is decided by folders that are there: finished before, or in the way."""
    outcomes: dict[int, Outcome] = {}
    differing: dict[str, list[str]] = {}
    labels = {video.label for video in videos}
    for number, video in enumerate(videos):
        folder = target / video.split / video.name
        wanted = what_is_made(video, options)
        _follow_split(video, target, labels, overwrite, differing)
        if not folder.exists():
            continue
        record = read_record(folder)
        if record is None:
            note = f'{folder} is there and was not made by salkit prepare: move it away'
            outcomes[number] = Outcome(video.name, video.split, FAILED, 0, note)
            continue
        changes = [
            f'{key} {record.get(key)!r}, now {value!r}'
            for key, value in wanted.items()
            if record.get(key) != value
        ]
        if record.get('trimmed', 0) > options.allow_trim:
            changes.append(f'{record["trimmed"]} frames cut off, now at most {options.allow_trim}')
        if changes and not overwrite:
            differing.setdefault('; '.join(changes), []).append(video.label)
        elif not changes and is_complete(folder, record):
            frames, note = record.get('frames', 0), record.get('note', '')
            outcomes[number] = Outcome(video.name, video.split, SKIPPED, frames, note)
    if differing:
        told = '. '.join(
            f'{len(names)} video(s), {", ".join(names[:3])}{", ..." if len(names) > 3 else ""}: '
            f'{change}'
            for change, names in differing.items()
        )
        raise ConfigError(
            f'{target}: was prepared with other options. {told}. --overwrite makes them again; '
            'another destination keeps both'
        )
    return outcomes


def _follow_split(
    video: VideoSource,
    target: Path,
    labels: set[str],
    overwrite: bool,
    differing: dict[str, list[str]],
) -> None:
    """A video that an earlier run put into another split must not stay there as well."""
    for split in SPLITS:
        folder = target / split / video.name
        # Some data sets have the same names in two splits.
        if f'{split}/{video.name}' in labels or read_record(folder) is None:
            continue
        if not overwrite:
            differing.setdefault(f'split {split!r}, now {video.split!r}', []).append(video.name)
            continue
        place = target / video.split / video.name
        place.parent.mkdir(exist_ok=True)
        if place.exists():
            shutil.rmtree(folder)
        else:
            os.rename(folder, place)


def others(videos: Sequence[VideoSource], target: Path) -> list[str]:
    """Videos of the destination that are not in the source."""
    labels = {video.label for video in videos}
    return [
        f'{split}/{folder.name}'
        for split in SPLITS
        if (target / split).is_dir()
        for folder in subfolders(target / split)
        if f'{split}/{folder.name}' not in labels
    ]
