"""What salkit knows of a public data set, and the registry of them.

`prepare`, `check`, `score` and `density` name no data set: they ask the objects here, those of
plugins included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from ...builder import known_names, resolve
from ...errors import DataError
from ...registry import PUBLISHED
from .raw_layout import PublishedVideo, find_in_splits


class DensityArguments(TypedDict, total=False):
    """Arguments of `salkit.prepare.fixations.density_map`."""

    sigma_px: float
    sigma_width: float
    ppd: float
    sigma_deg: float
    window_px: int | None
    shift_px: int
    normalize: str | None


@dataclass(frozen=True)
class PublishedDataset:
    """A public data set, as it is published.

    This class is enough for one that comes as `<split>/<video>/{images,maps,fixation}`; others
    override `find_videos` and `is_at`. All fields but `name` and `title` may be left out.

    Attributes:
        name: what commands call it: 'ucf-sports'.
        title: its name in reports: 'UCF-Sports'.
        dataset_type: the class that configs read it with once it is prepared.
        counts: published numbers of videos and frames (None: unknown) by split.
        totals: published numbers of all videos, any of which is right, where splits are not known.
        video_names: regular expression that names of its videos match, and those of other data
            sets do not; empty where they tell nothing.
        withheld: splits without public ground truth.
        recipes: how its density maps were made, by name. `prepare` makes them with the first one
            where the data set publishes lists of fixations alone.
        layout: what it looks like when it is downloaded and unpacked, in a line.
    """

    name: str
    title: str
    dataset_type: str = 'VideoSaliencyDataset'
    counts: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    totals: tuple[int, ...] = ()
    video_names: str = ''
    withheld: tuple[str, ...] = ()
    recipes: Mapping[str, DensityArguments] = field(default_factory=dict)
    layout: str = 'training/<video>/{images,maps,fixation} and testing/...'

    def is_at(self, root: Path) -> bool:
        """Whether `root` holds this data set in a layout that only `find_videos` of it reads.

        Asked of a folder that somebody scores against or checks, so it looks at few files. False
        for what is laid out as salkit's own data sets are.
        """
        return False

    def find_videos(self, root: Path) -> list[PublishedVideo]:
        """Every video of the data set in `root`, with the parts that are there.

        Nothing is read but names, and lists of splits. `prepare` writes those with a stimulus,
        `score` takes those with ground truth, `check` all of them.

        Returns:
            The videos, in order; none where `root` holds something else.

        Raises:
            DataError: a list that cannot be read, or contradictions between files.
        """
        return find_in_splits(root)

    def differences(self, counts: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, str]]:
        """Compare counts with the published ones.

        Args:
            counts: `videos` and `frames` by split; splits that are not there are not compared.

        Returns:
            Split, what was found and what was published, where they differ.
        """
        found = []
        videos = sum(count['videos'] for count in counts.values())
        if self.totals and videos not in self.totals:
            wanted = ' or '.join(f'{total:,}' for total in self.totals)
            found.append(('', f'{videos:,} videos', f'{wanted} videos'))
        for split, (wanted_videos, wanted_frames) in self.counts.items():
            if split not in counts:
                continue
            videos, frames = counts[split]['videos'], counts[split]['frames']
            if videos != wanted_videos:
                part = 'a part of the split: ' if videos < wanted_videos else ''
                found.append((split, f'{part}{videos:,} videos', f'{wanted_videos:,} videos'))
            elif wanted_frames not in (None, frames):
                found.append((split, f'{frames:,} frames', f'{wanted_frames:,} frames'))
        return found


# What everything falls back to: a data set in salkit's own layout, as `salkit prepare` makes it.
LAYOUT = PublishedDataset('layout', '', layout='<split>/<video>/{images,maps,fixation}')


def published_datasets() -> dict[str, PublishedDataset]:
    """All public data sets by name, those of plugins included."""
    return {name: resolve(PUBLISHED, name) for name in known_names(PUBLISHED)}


def get_published(name: str | PublishedDataset) -> PublishedDataset:
    """The public data set called `name` (or the data set itself).

    Raises:
        ConfigError: no such data set; with the nearest names.
    """
    return resolve(PUBLISHED, name)


def dataset_at(root: Path) -> PublishedDataset:
    """The public data set whose published layout `root` has, else `LAYOUT`.

    Raises:
        DataError: the layouts of several.
    """
    found = [dataset for dataset in published_datasets().values() if dataset.is_at(root)]
    if len(found) > 1:
        names = ', '.join(dataset.name for dataset in found)
        raise DataError(f'{root}: holds several data sets, {names}: give the folder of one')
    return found[0] if found else LAYOUT


def recognize(names: Iterable[str]) -> PublishedDataset | None:
    """The data set that all these names of videos are of, None where they tell nothing."""
    names = list(names)
    for dataset in published_datasets().values():
        if dataset.video_names and names:
            pattern = re.compile(dataset.video_names)
            if all(map(pattern.fullmatch, names)):
                return dataset
    return None


def density_recipes() -> dict[str, DensityArguments]:
    """The recipes of all public data sets by name."""
    return {
        name: arguments
        for dataset in published_datasets().values()
        for name, arguments in dataset.recipes.items()
    }
