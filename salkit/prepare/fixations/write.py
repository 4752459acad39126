"""Writes the densities of whole data sets, on all cores."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...errors import DataError
from ...functional.density import density_of
from ...media.images import IMAGE_SUFFIXES
from ...media.maps import MAP_FORMATS, write_map_file
from ...utils.density_options import DensityOptions
from ...utils.files import write_json
from ...utils.folders import whole_folder
from ...utils.input_files import read_input_json
from ...utils.parallel import check_stopped, check_workers, run_tasks
from ...utils.text import check_choice
from ...version import __version__
from .find import FixationVideo

# The file that says what the maps beside it were made from, and how.
NOTE = 'density.json'


@dataclass(frozen=True)
class Target:
    """The maps of a video: of densities, and of fixations where these are no maps already.

    Attributes:
        video: what they are made from.
        folder: of the density maps; fixation maps go beside it, into `fixation`.
        density: how they are made.
        format: of the density maps: 'png' (8 bit, the density times 255 rounded to the nearest),
            'png16' or 'npy' (float32).

    Raises:
        ConfigError: an unknown format.
    """

    video: FixationVideo
    folder: Path
    density: DensityOptions
    format: str = 'png'

    def __post_init__(self) -> None:
        check_choice('', 'format', self.format, MAP_FORMATS)

    @cached_property
    def settings(self) -> dict[str, object]:
        """What the maps depend on; kept beside them."""
        made_how = self.density.to_json(self.video.pixel_aspect)
        return dict(density=made_how, format=self.format, fixations=self.video.digest)

    @cached_property
    def folders(self) -> dict[Path, str]:
        """Endings of the maps by their folder, that of the density maps first."""
        folders = {self.folder: '.npy' if self.format == 'npy' else '.png'}
        if not self.video.is_map:
            folders[self.folder.with_name('fixation')] = '.png'
        return folders

    @property
    def is_complete(self) -> bool:
        """Whether all maps are there, made with these settings."""
        return all(
            _made_with(folder) == self.settings
            and {f'{stem}{suffix}' for stem in self.video.stems} <= {*os.listdir(folder)}
            for folder, suffix in self.folders.items()
        )

    def check_replaceable(self, overwrite: bool) -> None:
        """Raise DataError if something else is in their place that may not be replaced."""
        for folder in self.folders:
            names, there = os.listdir(folder) if folder.exists() else [], _made_with(folder)
            if names and not overwrite and there != self.settings:
                reason = 'holds files already'
                if there is not None:
                    changed = sorted(k for k in self.settings if there.get(k) != self.settings[k])
                    reason = f'holds maps that were made otherwise ({", ".join(changed)})'
                raise DataError(f'{folder}: {reason}; --overwrite replaces them')
            for name in names:
                if not name.lower().endswith((*IMAGE_SUFFIXES, '.npy')) and name != NOTE:
                    raise DataError(f'{folder}: holds more than maps, {name}: not overwritten')


def _made_with(folder: Path) -> dict[str, object] | None:
    """The settings of the maps in a folder, None where they are not known."""
    try:
        note = read_input_json(folder / NOTE)
    except DataError:
        return None
    settings = note.get('settings') if isinstance(note, dict) else None
    return settings if isinstance(settings, dict) else None


def write_densities(
    targets: Sequence[Target],
    workers: int | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> list[Target]:
    """Write density maps, and fixation maps where there are none, several videos at a time.

    A video's folders appear when they are complete, and what is complete is not made again: an
    interrupted run goes on with the videos that are left.

    Args:
        targets: of each video.
        workers: processes; one a core by default.
        overwrite: replace maps that were made otherwise.
        progress: whether to show a bar.

    Returns:
        Those that were written.

    Raises:
        ConfigError: workers less than 1.
        DataError: maps that are there already, or fixations that cannot be read. Of the former,
            nothing has been written.
    """
    workers = check_workers(workers)
    left = [target for target in targets if not target.is_complete]
    for target in left:
        if not target.video.stems:
            raise DataError(f'{target.video.name}: has no frames')
        target.check_replaceable(overwrite)
    frames = sum(len(target.video.stems) for target in left)
    with tqdm(total=frames, desc='densities', unit='frame', disable=not progress) as bar:
        run_tasks(_write_video, range(len(left)), left, workers, bar.update)
    return left


def _write_video(number: int, targets: Sequence[Target]) -> int:
    """Write the folders of a video, and give the number of its frames."""
    target = targets[number]
    with ExitStack() as stack:
        # Left in the opposite order: where the density maps are, all is done.
        maps, *fixation = (stack.enter_context(whole_folder(path)) for path in target.folders)
        for stem, counts in zip(target.video.stems, target.video.read(), strict=True):
            check_stopped()
            density = density_of(counts, target.density, target.video.pixel_aspect)
            write_map_file(density, maps / stem, target.format)
            for folder in fixation:
                write_map_file((counts > 0).astype(np.float32), folder / stem, 'png')
        for folder in (maps, *fixation):
            write_json(dict(salkit=__version__, settings=target.settings), folder / NOTE)
    return len(target.video.stems)
