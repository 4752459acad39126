"""Writes the densities of whole data sets, on all cores."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...errors import DataError
from ...media.images import IMAGE_SUFFIXES
from ...media.maps import MAP_FORMATS, write_map_file
from ...utils.files import write_json
from ...utils.folders import whole_folder
from ...utils.parallel import check_stopped, check_workers, run_tasks
from ...utils.text import check_choice
from ...version import __version__
from ..options import DensityOptions
from .density import density_of
from .sources import FixationVideo

# The file that says what the maps beside it were made from, and how.
NOTE = 'density.json'


@dataclass(frozen=True)
class MapFolder:
    """A folder of maps, which is there when all of them are in it.

    Attributes:
        path: its place.
        settings: what its maps depend on; kept in it.
        names: of its maps.
    """

    path: Path
    settings: Mapping[str, object]
    names: Sequence[str]

    @property
    def _made_with(self) -> dict[str, object] | None:
        """The settings of what is there, None where they are not known."""
        try:
            settings = json.loads((self.path / NOTE).read_text(encoding='utf-8'))['settings']
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return settings if isinstance(settings, dict) else None

    @property
    def is_complete(self) -> bool:
        """Whether all of its maps are there, made with these settings."""
        return self._made_with == self.settings and {*self.names} <= {*os.listdir(self.path)}

    def check_replaceable(self, overwrite: bool) -> None:
        """Raise DataError if something else is in its place that may not be replaced."""
        if self.path.exists() and not self.path.is_dir():
            raise DataError(f'{self.path}: expected a folder, or nothing, got a file')
        names, there = os.listdir(self.path) if self.path.exists() else [], self._made_with
        if names and not overwrite and there != self.settings:
            reason = 'holds files already'
            if there is not None:
                changed = sorted(k for k in self.settings if there.get(k) != self.settings[k])
                reason = f'holds maps that were made otherwise ({", ".join(changed)})'
            raise DataError(f'{self.path}: {reason}; --overwrite replaces them')
        for name in names:
            if not name.lower().endswith((*IMAGE_SUFFIXES, '.npy')) and name != NOTE:
                raise DataError(f'{self.path}: holds more than maps, {name}: not overwritten')


@dataclass(frozen=True)
class Target:
    """Where the maps of a video go.

    Attributes:
        video: what they are made from.
        densities: folder of the density maps.
        fixations: folder of the fixation maps, None where these exist already.
    """

    video: FixationVideo
    densities: MapFolder
    fixations: MapFolder | None

    @property
    def unfinished(self) -> list[MapFolder]:
        """Those of its folders that are to be written, the density maps first."""
        folders = (self.densities, self.fixations)
        return [each for each in folders if each is not None and not each.is_complete]


@dataclass(frozen=True)
class _Job:
    """What all videos share."""

    targets: list[Target]
    density: DensityOptions
    format: str


@dataclass(frozen=True)
class Written:
    """How much was done.

    Attributes:
        videos: written now.
        frames: of these.
        finished: videos that were there already.
    """

    videos: int
    frames: int
    finished: int


def plan_target(
    video: FixationVideo, folder: Path, density: DensityOptions, format: str = 'png'
) -> Target:
    """The target of a video whose maps go into `folder`, those of fixations beside it.

    Args:
        video: fixations.
        folder: of the density maps.
        density: how they are made.
        format: of the density maps.
    """
    suffix = 'npy' if format == 'npy' else 'png'
    settings: dict[str, object] = dict(
        density=density.to_json(), format=format, fixations=video.digest
    )
    densities = MapFolder(folder, settings, [f'{stem}.{suffix}' for stem in video.stems])
    fixations = None
    if not video.is_map:
        names = [f'{stem}.png' for stem in video.stems]
        fixations = MapFolder(folder.with_name('fixation'), dict(fixations=video.digest), names)
    return Target(video, densities, fixations)


def write_densities(
    targets: Sequence[Target],
    density: DensityOptions,
    format: str = 'png',
    workers: int | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Written:
    """Write density maps, and fixation maps where there are none, several videos at a time.

    A video's folders appear when they are complete, and what is complete is not made again: an
    interrupted run goes on with the videos that are left.

    Args:
        targets: of each video.
        density: how the maps are made.
        format: png: 8 bit, the density times 255 rounded to the nearest; png16: 16 bit; npy:
            float32.
        workers: processes; one a core by default.
        overwrite: replace maps that were made otherwise.
        progress: whether to show a bar.

    Raises:
        ConfigError: an unknown format, or workers less than 1.
        DataError: maps that are there already, or fixations that cannot be read. Of the former,
            nothing has been written.
    """
    check_choice('', 'format', format, MAP_FORMATS)
    workers = check_workers(workers)
    left = [target for target in targets if target.unfinished]
    for target in left:
        if not target.video.stems:
            raise DataError(f'{target.video.name}: has no frames')
        for folder in target.unfinished:
            folder.check_replaceable(overwrite)
    frames = sum(len(target.video.stems) for target in left)
    with tqdm(total=frames, desc='densities', unit='frame', disable=not progress) as bar:
        run_tasks(_write_video, range(len(left)), _Job(left, density, format), workers, bar.update)
    return Written(len(left), frames, len(targets) - len(left))


def _write_video(number: int, job: _Job) -> int:
    """Write the folders of a video that are not complete, and give the number of its frames."""
    target = job.targets[number]
    with ExitStack() as stack:
        # Left in the opposite order: where the density maps are, all is done.
        made = {
            each.path: stack.enter_context(whole_folder(each.path)) for each in target.unfinished
        }
        for stem, counts in zip(target.video.stems, target.video.read(), strict=True):
            check_stopped()
            if folder := made.get(target.densities.path):
                write_map_file(density_of(counts, job.density), folder / stem, job.format)
            if target.fixations and (folder := made.get(target.fixations.path)):
                write_map_file((counts > 0).astype(np.float32), folder / stem, 'png')
        for each in target.unfinished:
            write_json(dict(salkit=__version__, settings=each.settings), made[each.path] / NOTE)
    return len(target.video.stems)
