"""What earlier runs left in the destination."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ..datasets.layout import subfolders
from ..errors import ConfigError
from ..utils.text import listed
from .one_video import read_record, settings_of
from .options import PrepareOptions
from .report import FAILED, SKIPPED, SPLITS, Outcome
from .sources import VideoSource

# Differences that a message names.
MOST_CHANGES = 3


def folders_at(target: Path) -> dict[str, Path]:
    """The folders of videos in a destination, by `<split>/<name>`."""
    places = [target / split for split in SPLITS if (target / split).is_dir()]
    return {f'{place.name}/{sub.name}': sub for place in places for sub in subfolders(place)}


def finished_before(
    videos: Sequence[VideoSource], there: dict[str, Path], options: PrepareOptions
) -> dict[str, Outcome]:
    """Outcomes, by label, of the videos that need not or must not be made.

    Args:
        videos: to prepare.
        there: from `folders_at`; those of videos that are in another split now are removed, where
            `options` says so.
        options: how.

    Raises:
        ConfigError: videos that were prepared with other options.
    """
    outcomes: dict[str, Outcome] = {}
    differing: dict[str, list[str]] = defaultdict(list)
    labels = {video.label for video in videos}
    for video in videos:
        # Some data sets have the same names in two splits.
        for other in {f'{split}/{video.name}' for split in SPLITS} - labels:
            if other in there and read_record(there[other]) is not None:
                differing[f'now in {video.split!r}'].append(other)
        folder = there.get(video.label)
        if folder is None:
            continue
        record = read_record(folder)
        if record is None:
            note = f'{folder} is there and was not made by salkit prepare: move it away'
            outcomes[video.label] = Outcome(video.name, video.split, FAILED, 0, note)
            continue
        changes = [
            f'{key} {record.get(key)!r}, now {value!r}'
            for key, value in settings_of(video, options).items()
            if record.get(key) != value
        ]
        if record.get('trimmed', 0) > options.allow_trim:
            changes.append(f'{record["trimmed"]} frames cut off, now at most {options.allow_trim}')
        if changes:
            differing['; '.join(changes)].append(video.label)
        # The target of a link may be gone.
        elif (folder / (record.get('file') or 'images')).exists():
            outcomes[video.label] = Outcome(
                video.name, video.split, SKIPPED, record['frames'], record.get('note', '')
            )
    if differing and not options.overwrite:
        changes = [f'{listed(names, 3)}: {change}' for change, names in differing.items()]
        # Gaze differs from video to video.
        found = '. '.join(changes[:MOST_CHANGES])
        if len(changes) > MOST_CHANGES:
            found += f'. And {len(changes) - MOST_CHANGES} other differences'
        raise ConfigError(
            f'videos were prepared with other options. {found}. --overwrite makes them again; '
            'another destination keeps both'
        )
    for label in {label for names in differing.values() for label in names} - labels:
        shutil.rmtree(there.pop(label))
    return outcomes
